"""Promise: a training text in several folders, one an epoch, is weighed as one text.

fairseq's way with large corpora: DATA is DATA1:DATA2, and epochs take the folders in turn.
"""

import gc
import os
import weakref
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest
import torch
from commands import OURS, load, run, same, train
from tasks import TRAIN, TRUSTED, VALID, batches, by_line, task, training, with_splits

from fairseq_l2rw.inference.line_weights import LineWeights
from fairseq_l2rw.inference.run_folder import RunFolder
from fairseq_l2rw.initial_weights.saved import NAME

PARTS = TRAIN[:70], TRAIN[70:]
EPOCHS = ["--max-epoch", 4, "--max-update", 10_000, "--min-sampling-probability", 1]


@pytest.fixture
def data(tmp_path):
    return os.pathsep.join(
        str(with_splits(tmp_path / f"data{n}", train=part)) for n, part in enumerate(PARTS, 1)
    )


def record(folder):
    return parquet.read_table(folder).sort_by("update").to_pylist()


def by_epoch(rows):
    found = {}
    for row in rows:
        found.setdefault(row["epoch"], []).append(row["id"])
    return {epoch: sorted(ids) for epoch, ids in found.items()}


@pytest.mark.parametrize("weighting", ["random", "deep"])
@pytest.mark.parametrize("workers", [1, 2])
def test_every_line_has_a_number_of_its_own(data, tmp_path, weighting, workers):
    flags = [*OURS, *EPOCHS, "--weighting", weighting, "--no-save"]
    train(data, *flags, "--weights-dir", tmp_path / "weights", workers=workers)
    first, second = list(range(70)), list(range(70, 120))
    assert by_epoch(record(tmp_path / "weights")) == {1: first, 2: second, 3: first, 4: second}


def test_plain_training_trains_on_them_too(data):
    train(data, *OURS, "--weighting", "uniform", "--max-epoch", 2, "--no-save")


def test_each_folder_keeps_its_initial_weights_and_any_run_with_it_takes_them(
    data, tmp_path, caplog
):
    caplog.set_level("INFO")
    flags = [*OURS, *EPOCHS, "--weighting", "initial", "--save-dir", tmp_path / "run"]
    train(data, *flags, "--weights-dir", tmp_path / "weights")
    folders = data.split(os.pathsep)
    files = [list(Path(f).glob("initial_*.pt")) for f in folders]
    assert [len(found) for found in files] == [1, 1]
    weights = {row["id"]: row["weight"] for row in record(tmp_path / "weights")}
    for folder, begin in zip(folders, (0, 70), strict=True):
        alone = by_line(training(task(folder, weighting="initial")).sampler)
        assert len(list(Path(folder).glob("initial_*.pt"))) == 1
        for line, weight in enumerate(alone.tolist()):
            assert weights[begin + line] == pytest.approx(weight, abs=1e-6)
    # Other text is weighed as the first folder says.
    beside = torch.load(tmp_path / "run" / NAME, weights_only=True)
    assert torch.equal(beside["weights"], torch.load(files[0][0], weights_only=True)["weights"])


def test_in_another_place_other_text_is_weighed_as_the_first_folder_says_too(data, tmp_path):
    flags = [*OURS, "--weighting", "initial", "--save-interval", 1]
    one, two = tmp_path / "one", tmp_path / "two"
    train(data, *flags, "--max-epoch", 1, "--max-update", 99, "--save-dir", one)
    before = ["--restore-file", one / "checkpoint_last.pt", "--save-dir", two]
    train(data, *flags, "--max-epoch", 3, "--max-update", 99, *before)
    first, second = (torch.load(place / NAME, weights_only=True) for place in (one, two))
    assert first["kept"] == second["kept"]
    assert torch.equal(first["weights"], second["weights"])


def test_what_was_learnt_of_a_folder_decides_when_it_comes_up_again(data, tmp_path):
    """The teacher has no say before, as a pair is weighed when it is trained on."""
    flags = [*OURS, "--weighting", "initial", "--max-epoch", 4, "--max-update", 10_000]
    train(data, *flags, "--save-dir", tmp_path / "run", "--weights-dir", tmp_path / "weights")
    held = by_epoch(record(tmp_path / "weights"))
    assert set(held[1]) | set(held[3]) <= set(range(70))
    assert set(held[2]) | set(held[4]) <= set(range(70, 120))
    assert len(held[1]) < 70 and held[1] != held[3]
    sampler = RunFolder.of(tmp_path / "run").extra["train_iterator"]["sampler"]
    assert len(sampler["weights"]) == 120


def test_a_folder_does_not_stay_in_memory(data):
    known = task(data, weighting="initial")
    how = {"grouped_shuffling": False, "update_epoch_batch_itr": False}
    how |= {"disable_iterator_cache": True, "required_batch_size_multiple": 1}
    first, gone = batches(known, epoch=1, **how), weakref.ref(known.dataset("train"))
    assert sum(1 for _ in first.next_epoch_itr()) > 1
    known.load_dataset("train", epoch=2, combine=True)
    second = batches(known, epoch=2, **how)
    del first
    gc.collect()
    assert gone() is None
    assert min(batch["id"].min() for batch in second.next_epoch_itr()) == 70


@pytest.mark.parametrize(
    ("at", "unit"), [(6, "sentence"), (14, "sentence"), (22, "sentence"), (14, "token")]
)
def test_a_run_that_was_cut_off_in_any_folder_goes_on_as_if_it_were_not(data, tmp_path, at, unit):
    flags = [*OURS, "--weighting", "deep", "--weight-unit", unit, "--weighting-warmup", 0]
    flags += ["--save-interval-updates", 2]
    for name, updates in (("whole", [30]), ("cut", [at, 30])):
        place = ["--save-dir", tmp_path / name, "--weights-dir", tmp_path / f"weights-{name}"]
        for last in updates:
            train(data, *flags, *place, "--max-update", last)
    whole, cut = (record(tmp_path / f"weights-{name}") for name in ("whole", "cut"))
    assert len({row["epoch"] for row in whole}) >= 3
    assert whole == cut
    one, two = (load(tmp_path / name / "checkpoint_last.pt") for name in ("whole", "cut"))
    assert same(one["model"], two["model"])
    for part in ("L2RWTranslationTask", "train_iterator"):
        assert same(one["extra_state"][part], two["extra_state"][part]), part


def test_the_weights_of_all_folders_are_exported_and_reported(tmp_path):
    folders, texts = [], []
    trusted = table(tmp_path / "trusted.tsv", TRUSTED)
    valid = table(tmp_path / "valid.tsv", VALID)
    for number, part in enumerate(PARTS, 1):
        texts.append(table(tmp_path / f"part{number}.tsv", part))
        folders.append(tmp_path / f"data{number}")
        flags = ["--source-lang", "de", "--target-lang", "en", "--pieces-given", "--train"]
        flags += [texts[-1], "--trusted", trusted, "--valid", valid, "--out", folders[-1]]
        flags += ["--dictionaries", folders[0]] if number > 1 else []
        run("fairseq-l2rw", "prepare", *flags)
    data, weights = os.pathsep.join(map(str, folders)), tmp_path / "weights"
    flags = [*OURS, *EPOCHS, "--weighting", "initial", "--weights-dir", weights]
    train(data, *flags, "--save-dir", tmp_path / "run")
    run("fairseq-l2rw", "export", tmp_path / "run", "filtered", "marian", "--out", tmp_path / "out")
    found = LineWeights.of(RunFolder.of(tmp_path / "run"), 120)
    written = [float(x) for x in (tmp_path / "out" / "marian.weights").read_text().split()]
    np.testing.assert_allclose(written, found.weight, atol=1e-4)
    done = run("fairseq-l2rw", "report", tmp_path / "run", "--out", tmp_path / "report.html")
    assert "report.html" in done.stdout
    page = (tmp_path / "report.html").read_text()
    assert " ".join(PARTS[1][3][0]) in page


def table(path, pairs):
    path.write_text("".join("\t".join(map(" ".join, pair)) + "\n" for pair in pairs))
    return path
