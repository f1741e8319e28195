"""Promise: every row exactly once, in files that are whole, also after a resume."""

import pyarrow.parquet as pq
import pytest

from fairseq_l2rw.training import weight_record as record
from fairseq_l2rw.training.weight_record import SCHEMA, RecordedRun, WeightRecord
from fairseq_l2rw.utils.errors import InputError


def add(writer, update, epoch=1, n=2, tokens=None):
    numbers = [update, epoch], [0.5, 2.0, 1.0, 0.25, 7, tokens]
    before, after = ([[x] * n for x in part] for part in numbers)
    writer.add([*before, range(10 * update, 10 * update + n), *after])


def updates(folder):
    return pq.read_table(folder)["update"].to_pylist()


def test_rows_come_back_as_they_were_given(tmp_path):
    writer = WeightRecord(tmp_path)
    add(writer, update=3, epoch=2, tokens=[0.25, 0.75])
    add(writer, update=4)
    writer.flush()
    table = pq.read_table(tmp_path)
    assert table.schema.equals(SCHEMA)
    assert table.to_pylist()[1] == {
        "update": 3, "epoch": 2, "id": 31, "weight": 0.5, "importance_weight": 2.0, "loss": 1.0,
        "usefulness": 0.25, "length": 7, "token_weights": [0.25, 0.75],
    }  # fmt: skip
    assert table.to_pylist()[2]["token_weights"] is None


def test_what_a_dead_run_wrote_after_its_last_checkpoint_is_written_again_once(tmp_path):
    first = WeightRecord(tmp_path)
    for update in range(6):
        add(first, update)
        if update in (2, 4):  # checkpoints after updates 2 and 4; the second never got written
            first.flush()
    resumed = WeightRecord(tmp_path, start=3)
    assert len(resumed.removed) == 1
    for update in range(3, 7):
        add(resumed, update)
    resumed.flush()
    assert updates(tmp_path) == [u for u in range(7) for _ in range(2)]


def test_starting_from_scratch_replaces_what_is_there(tmp_path):
    writer = WeightRecord(tmp_path)
    add(writer, 0)
    writer.flush()
    assert len(WeightRecord(tmp_path).removed) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_record_of_another_run_is_not_removed(tmp_path):
    weights = tmp_path / "run" / "weights"
    writer = WeightRecord(weights, run=RecordedRun(tmp_path / "run"))
    add(writer, 0)
    writer.flush()
    with pytest.raises(InputError, match=f"holds the record of the run in {tmp_path / 'run'}"):
        WeightRecord(weights, run=RecordedRun(tmp_path / "other"))
    assert updates(weights) == [0, 0]
    # Later updates of another run take none away.
    assert WeightRecord(weights, start=1, run=RecordedRun(tmp_path / "other")).removed == []


def test_a_record_that_was_moved_with_its_run_is_still_its_own(tmp_path):
    writer = WeightRecord(tmp_path / "run" / "weights", run=RecordedRun(tmp_path / "run"))
    add(writer, 0)
    writer.flush()
    (tmp_path / "run").rename(tmp_path / "moved")
    moved = WeightRecord(tmp_path / "moved" / "weights", run=RecordedRun(tmp_path / "moved"))
    assert len(moved.removed) == 1


def test_rows_of_another_text_are_removed(tmp_path):
    writer = WeightRecord(tmp_path, run=RecordedRun(text="one"))
    add(writer, 0)
    writer.flush()
    same = WeightRecord(tmp_path, start=1, run=RecordedRun(text="one"))
    assert same.outdated == same.removed == []
    other = WeightRecord(tmp_path, start=1, run=RecordedRun(text="other"))
    assert len(other.outdated) == 1 and other.removed == []
    assert list(tmp_path.iterdir()) == []


def test_memory_is_bounded_by_writing_parts_between_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "_FLUSH_ROWS", 4)
    writer = WeightRecord(tmp_path)
    for update in range(3):
        add(writer, update)
    assert updates(tmp_path) == [0, 0, 1, 1]


def test_an_unfinished_file_is_not_read(tmp_path):
    writer = WeightRecord(tmp_path)
    add(writer, 0)
    writer.flush()
    (tmp_path / ".unfinished-weights-0000000001.parquet").write_bytes(b"cut off in the middle")
    assert updates(tmp_path) == [0, 0]


def test_files_that_are_not_parts_are_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    WeightRecord(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
