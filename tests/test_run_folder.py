"""Promise: commands read the run that they are given, all of its text, or say what is wrong."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from commands import OURS, train
from tasks import TRAIN, with_splits

from fairseq_l2rw.commands.main import main
from fairseq_l2rw.inference.checkpoint_file import where_given
from fairseq_l2rw.inference.line_weights import LineWeights
from fairseq_l2rw.inference.run_folder import RunFolder
from fairseq_l2rw.utils.errors import InputError

# Half of the text in a split of its own, which fairseq trains on, too.
SPLITS = {"train": TRAIN[:50], "train1": TRAIN[50:]}


def table(path, pairs):
    path.write_text("".join("\t".join(map(" ".join, pair)) + "\n" for pair in pairs))
    return path


def trained(folder, *flags):
    """A run and its data, named as one does who stands in the folder."""
    with_splits(folder / "data", **SPLITS)
    names = ["--save-dir", "run", "--weights-dir", "run/weights", "--max-update", 12]
    names += ["--upsample-primary", 1]
    train("data", *OURS, "--weighting", "surface", *names, *flags)
    return folder / "run"


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Two folders with a run each of the same name, and all of the text beside them."""
    root = tmp_path_factory.mktemp("places")
    with pytest.MonkeyPatch.context() as patch:
        for name, flags in (("one", []), ("two", ["--seed", 9, "--weight-unit", "token"])):
            (root / name).mkdir()
            patch.chdir(root / name)
            trained(root / name, *flags)
    table(root / "text.tsv", TRAIN)
    return root


def call(*arguments):
    assert main([str(argument) for argument in arguments]) == 0


def test_a_run_is_read_from_anywhere_as_from_where_it_was_started(places, monkeypatch, capsys):
    given = ["--text", places / "text.tsv", "--out", places / "pairs.tsv"]
    for here in (places, places / "one"):
        monkeypatch.chdir(here)
        call("compare", places / "one" / "run", places / "two" / "run", *given)
        told = capsys.readouterr().out
        assert "of 120 lines with both scores" in told
        assert "(Spearman): 1.000" not in told  # both would be the run of this folder


def test_every_split_that_is_trained_on_is_exported_and_reported(places, tmp_path):
    run, text = places / "one" / "run", ["--text", places / "text.tsv"]
    call("export", run, "tsv", "--out", tmp_path, *text)
    assert len((tmp_path / "weights.tsv").read_text().splitlines()) == 1 + len(TRAIN)
    call("report", run, "--out", tmp_path / "page.html", *text)
    assert (
        json.loads((tmp_path / "page.stats.json").read_text())["runs"][0]["summary"]["lines"] == 120
    )


def test_a_text_of_another_length_is_one_line(places, tmp_path):
    for pairs in (TRAIN[:-1], [*TRAIN, TRAIN[0]]):
        text = table(tmp_path / "other.tsv", pairs)
        for command in (["export", "tsv"], ["report"], ["compare", places / "two" / "run"]):
            name, *more = command
            out = ["--out", tmp_path / "out"]
            with pytest.raises(InputError, match=r"lines, and the run's training data have 120"):
                call(name, places / "one" / "run", *more, *out, "--text", text)


def test_a_record_without_weights_is_one_line(places, tmp_path):
    (tmp_path / "weights").mkdir()
    given = ["--weights-dir", tmp_path / "weights", "--text", places / "text.tsv"]
    with pytest.raises(InputError, match="has no weights yet"):
        call("export", places / "one" / "run", "tsv", "--out", tmp_path, *given)


def test_runs_of_one_name_are_told_apart(places, tmp_path):
    runs = [places / name / "run" for name in ("one", "two")]
    page = tmp_path / "page.html"
    call("report", *runs, "--text", places / "text.tsv", "--out", page)
    assert page.read_text().count("one/run</b>") == page.read_text().count("two/run</b>") == 1
    call("report", runs[0], runs[0], "--text", places / "text.tsv", "--out", page)
    assert "run (1)</b>" in page.read_text() and "run (2)</b>" in page.read_text()


def test_numbers_of_a_report_are_json_where_no_line_is_kept(places, tmp_path):
    given = ["--text", places / "text.tsv", "--out", tmp_path / "page.html"]
    call("report", places / "one" / "run", "--min-weight", 5, *given)

    def none(name):
        raise AssertionError(f"{name} is no JSON")

    numbers = json.loads((tmp_path / "page.stats.json").read_text(), parse_constant=none)
    assert numbers["runs"][0]["cut"] is None
    assert "No line counts as kept here" in (tmp_path / "page.html").read_text()


def test_token_weights_are_read_only_for_what_needs_them(places):
    run = RunFolder.of(places / "two" / "run")
    assert LineWeights.of(run, 120).tokens == {}
    found = LineWeights.of(run, 120, of_tokens=True).tokens
    rows = pq.read_table(run.record).sort_by("update").to_pylist()
    last = {row["id"]: row["token_weights"] for row in rows}
    assert dict(found) == last and len(last) > 80


def test_a_part_of_a_record_that_was_never_completed_is_not_read(places, tmp_path):
    path = places / "one" / "run"
    expected = LineWeights.of(RunFolder.of(path), 120).weight
    shutil.copytree(path / "weights", tmp_path / "weights")
    (tmp_path / "weights" / ".unfinished-weights-0000000007.parquet").write_bytes(b"half of it")
    found = LineWeights.of(RunFolder.of(path, record=tmp_path / "weights"), 120).weight
    np.testing.assert_array_equal(found, expected)


def test_scores_of_an_empty_file_and_numbers_that_cannot_be_are_one_line(places, tmp_path):
    run, text = places / "one" / "run", ["--text", places / "text.tsv"]
    (tmp_path / "empty.tsv").write_text("")
    with pytest.raises(InputError, match="is empty"):
        call("compare", run, f"{tmp_path / 'empty.tsv'}:score", *text)
    with pytest.raises(InputError, match=r"--share 0.001 of 120 lines is none of them"):
        call("export", run, "tsv", "--out", tmp_path, "--share", 0.001, *text)
    with pytest.raises(InputError, match="--min-weight must be a number, got nan"):
        call("export", run, "tsv", "--out", tmp_path, "--min-weight", "nan", *text)


@pytest.mark.parametrize(
    ("save_dir", "expected"),
    [
        ("exp/run", "/home/data"),
        ("./exp/../exp/run", "/home/data"),
        (".", "/home/exp/run/data"),
        ("other", "data"),  # it was renamed
        ("../run", "data"),
        ("/elsewhere", "data"),
    ],
)
def test_where_a_run_began_shows_in_the_name_of_its_folder(tmp_path, save_dir, expected):
    checkpoint = tmp_path / "home" / "exp" / "run" / "checkpoint_last.pt"
    found = str(where_given("data", checkpoint, save_dir))
    assert found.replace(str(tmp_path), "") == expected
    assert where_given("/data", checkpoint, save_dir).is_absolute()


def test_a_folder_of_checkpoints_may_be_a_link(tmp_path):
    (tmp_path / "large" / "run").mkdir(parents=True)
    (tmp_path / "work" / "data").mkdir(parents=True)
    (tmp_path / "work" / "run").symlink_to(tmp_path / "large" / "run")
    checkpoint = tmp_path / "work" / "run" / "checkpoint_last.pt"
    assert where_given("data", checkpoint, "run") == tmp_path / "work" / "data"


def test_data_that_were_moved_are_asked_for(places, tmp_path):
    shutil.copytree(places / "one" / "run", tmp_path / "run")
    with pytest.raises(InputError, match=f"not there: {tmp_path.resolve()}/data; give --data"):
        call("report", tmp_path / "run", "--out", tmp_path / "page.html")
