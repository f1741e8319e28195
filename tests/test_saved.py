"""Promise: initial weights are found once for a corpus, by one worker, and never for another."""

import logging
import re
import time

import pytest
import torch
from commands import OURS, train
from hypothesis import given
from hypothesis import strategies as st
from tasks import TRAIN, TRUSTED, by_line, long_pair, task, training, with_splits

from fairseq_l2rw.initial_weights.estimate import InitialWeightModel
from fairseq_l2rw.initial_weights.saved import NAME, load
from fairseq_l2rw.training import folder_weights, workers
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.utils.weight_bytes import PRECISION, from_bytes, is_known, to_bytes


@given(st.lists(st.one_of(st.floats(0, 1), st.just(torch.nan)), min_size=1, max_size=20))
def test_a_byte_says_a_weight_to_the_nearest_step_and_whether_there_is_one(weights):
    exact = torch.tensor(weights, dtype=torch.double)
    found = to_bytes(exact)
    assert found.dtype == torch.uint8
    assert torch.equal(is_known(found), ~exact.isnan())
    assert not bool(((from_bytes(found) - exact).abs() > PRECISION).any())
    assert torch.equal(to_bytes(from_bytes(found)), found)


def test_bytes_keep_two_decimals_and_the_ends_exactly():
    exact = torch.arange(101) / 100
    assert torch.equal(from_bytes(to_bytes(exact)), exact)
    assert from_bytes(to_bytes(torch.tensor([1.2, -0.1]))).tolist() == [1, 0]


def initial_weights(data, longest=200, **options):
    """Of a new process that trains on the data, on pairs that are no longer than this."""
    return by_line(training(task(data, **options), longest=longest).sampler)


def kept(data):
    return sorted(data.glob("initial_weights.*.pt"))


@pytest.fixture
def data(tmp_path):
    return with_splits(tmp_path)


@pytest.mark.parametrize("by", ["quality", "both"])
def test_what_makes_no_difference_finds_nothing_again(data, by):
    for options in ("tolerance=1", "tolerance=2,sharpness=2"):
        initial_weights(data, weighting="deep", weighting_options=f"by={by},{options}")
    assert len(kept(data)) == (1 if by == "quality" else 2)


def test_a_later_run_with_the_same_data_finds_nothing_again(data, monkeypatch, caplog):
    caplog.set_level("INFO")
    first = initial_weights(data)
    [file] = kept(data)
    assert f"initial weights: kept in {file}" in caplog.text
    monkeypatch.delattr(InitialWeightModel, "learn")
    assert torch.equal(initial_weights(data), first)
    assert f"as an earlier run found with the same data ({file})" in caplog.text
    means = re.findall(r"initial weights: (mean .* below 0.3)", caplog.text)
    assert len(means) == 2 and means[0] == means[1]


OTHER = {
    "options of the weights": {"weighting_options": "by=domain"},
    "another version": {},
    "fewer lines that are trained on": {"longest": 100},
    "a symbol that is written otherwise": {},
    "a text that was mended in one place": {},
    "other trusted pairs": {},
    "another unit": {"weighting_options": "", "weight_unit": "token"},
}


@pytest.mark.parametrize("kind", OTHER)
def test_what_was_kept_is_not_taken_for(kind, data, monkeypatch):
    if kind == "fewer lines that are trained on":
        data = with_splits(data, train=[*TRAIN, long_pair(150)])
    initial_weights(data)
    if kind == "another version":
        monkeypatch.setattr("fairseq_l2rw.initial_weights.saved.VERSION", 0)
    elif kind == "a text that was mended in one place":  # lengths and some of the pairs stay
        monkeypatch.setattr("fairseq_l2rw.data.fingerprint._READ", 2)
        source, target = TRAIN[50]
        other = "w0" if source[0] != "w0" else "w1"
        with_splits(data, train=[*TRAIN[:50], ([other, *source[1:]], target), *TRAIN[51:]])
    elif kind == "other trusted pairs":  # as many of them, in the same folder
        with_splits(data, meta=[(target, source) for source, target in TRUSTED])
    elif kind == "a symbol that is written otherwise":
        for dictionary in data.glob("dict.*.txt"):
            dictionary.write_text(dictionary.read_text().replace("w7 ", "w "))
    initial_weights(data, **OTHER[kind])
    assert len(kept(data)) == 2


def test_where_nothing_can_be_kept_a_line_says_so_and_the_run_goes_on(data, tmp_path, caplog):
    """A folder is in the place of the file: a read-only one would not stop the superuser."""
    expected = initial_weights(data)
    [file] = kept(data)
    file.unlink()
    file.mkdir()
    found = initial_weights(data, save_dir=str(tmp_path / "run"), no_save=False)
    assert torch.equal(found, expected) and (tmp_path / "run" / NAME).is_file()
    said = [r.message for r in caplog.records if r.levelno == logging.WARNING]
    assert len(said) == 1 and "cannot be kept beside the data" in said[0]
    assert not list(data.glob(".unfinished*"))


@pytest.mark.parametrize("error", [OSError("read-only"), RuntimeError("unexpected pos\nstacks")])
def test_a_disk_that_is_full_costs_only_what_was_to_be_kept(
    data, tmp_path, monkeypatch, caplog, error
):
    def fails(content, file):
        file.write(b"some")
        raise error

    monkeypatch.setattr(torch, "save", fails)
    assert len(initial_weights(data)) == len(TRAIN)
    said = [r.message for r in caplog.records if r.levelno == logging.WARNING]
    assert len(said) == 1 and said[0].endswith(str(error).splitlines()[0])
    assert not list(data.glob("*initial_weights*"))
    with pytest.raises(InputError, match=f"--save-dir {tmp_path / 'run'} cannot be written to"):
        initial_weights(data, save_dir=str(tmp_path / "run"), no_save=False)


def test_lines_that_are_not_trained_on_make_another_text(data):
    initial_weights(data)
    longer = with_splits(data, train=[*TRAIN, long_pair(250)])
    assert len(initial_weights(longer)) == len(TRAIN) + 1


def test_a_run_that_goes_on_in_another_folder_has_the_file_there_too(data, tmp_path):
    flags = [*OURS, "--weighting", "initial"]
    train(data, *flags, "--max-update", 2, "--save-dir", tmp_path / "one", workers=2)
    before = ("--restore-file", tmp_path / "one" / "checkpoint_last.pt")
    train(data, *flags, "--max-update", 4, "--save-dir", tmp_path / "two", *before, workers=2)
    assert (tmp_path / "two" / NAME).read_bytes() == (tmp_path / "one" / NAME).read_bytes()


def test_a_broken_file_is_named(data):
    initial_weights(data)
    [file] = kept(data)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InputError, match=f"{file} cannot be read .*: delete it"):
        initial_weights(data)


def test_a_file_of_another_version_beside_the_checkpoints_is_refused_in_one_line(data, tmp_path):
    torch.save({"version": 9}, tmp_path / NAME)
    with pytest.raises(InputError, match="saved by another version"):
        load(tmp_path, task(data)._dictionaries)


def test_one_of_two_workers_finds_them_however_long_it_takes(data, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_PULSE", 0.01)
    find = folder_weights.FolderWeights._find

    def slowly(self):
        print("a worker learns")
        time.sleep(0.3)
        return find(self)

    monkeypatch.setattr(folder_weights.FolderWeights, "_find", slowly)
    flags = [*OURS, "--weighting", "initial", "--max-update", 2, "--save-dir", tmp_path / "run"]
    done = train(data, *flags, workers=2)
    assert (done.stdout + done.stderr).count("a worker learns") == 1


def test_where_the_first_worker_fails_the_others_end_and_point_to_it(data, tmp_path, monkeypatch):
    def fails(self):
        raise InputError("nothing can be learnt")

    monkeypatch.setattr(folder_weights.FolderWeights, "_find", fails)
    done = train(
        data,
        *OURS,
        "--weighting",
        "initial",
        "--max-update",
        2,
        *("--save-dir", tmp_path / "run"),
        workers=2,
        check=False,
    )
    assert done.returncode
    assert "nothing can be learnt" in done.stderr
    assert "the first worker failed: see its error" in done.stderr
