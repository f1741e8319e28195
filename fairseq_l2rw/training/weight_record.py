"""The record of weights: a row a sentence and update, in Parquet files, each row exactly once."""

import os
import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fairseq_l2rw.utils.complete_files import completed
from fairseq_l2rw.utils.errors import InputError


def _always(name: str, kind: pa.DataType) -> pa.Field:
    """A column that every row fills."""
    return pa.field(name, kind, nullable=False)


SCHEMA = pa.schema(
    [
        _always("update", pa.int64()),
        _always("epoch", pa.int32()),
        _always("id", pa.int64()),  # of the sentence in the training split
        # As it was applied, before the teacher learnt from the batch; of tokens the mean.
        _always("weight", pa.float32()),
        _always("importance_weight", pa.float32()),  # 1 / probability with which the epoch held it
        _always("loss", pa.float32()),  # per target token, nats
        # By how much more weight would lower the dev loss, per token; null where there was no
        # meta step.
        ("usefulness", pa.float32()),
        _always("length", pa.int32()),  # target tokens
        ("token_weights", pa.list_(pa.float32())),  # with --weight-unit token, else null
    ]
)
#: What a column of a factor of the weighting's own weight begins with, before its name.
FACTOR = "factor_"
_PART = re.compile(r"weights-(\d{10})\.parquet")
_FLUSH_ROWS = 200_000
# What the schema of a part says of its run: its folder, as seen from the record's, and its text.
_SAVE_DIR, _TEXT = b"save_dir", b"training_data"
# How numbers are kept until then: lists of Python's own take several times as much.
_CODES = {pa.int64(): "q", pa.int32(): "i", pa.float32(): "f"}


@dataclass(frozen=True)
class RecordedRun:
    """What a record is of.

    Attributes:
        save_dir: the run's folder.
        text: a fingerprint of the training text; empty where it is not known.
    """

    save_dir: str | Path = "."
    text: str = ""


class WeightRecord:
    """Writes rows in parts; a part begins and ends at a checkpoint or when memory asks for it.

    A part is named after its first update and appears under that name only when it is complete.
    Since every checkpoint closes a part, a run that resumes at update U removes the parts that
    begin at U or later (they were written by updates that will happen again) and the record holds
    every row exactly once. Parts of another text, whose lines have other numbers, are removed, too;
    parts of another run never are.

    Args:
        folder: where the parts go; made if missing.
        start: the first update of this process, 0 from scratch.
        factors: names of the factors of a weight, a column each.
        run: what it is of.

    Attributes:
        removed: parts of updates that will happen again.
        outdated: parts of another text.

    Raises:
        InputError: the folder cannot be made, or parts that would be removed are another run's.
    """

    def __init__(
        self,
        folder: str | Path,
        start: int = 0,
        factors: Sequence[str] = (),
        run: RecordedRun = RecordedRun(),
    ) -> None:
        columns = [_always(FACTOR + name, pa.float32()) for name in factors]
        # Relative: a record that is moved together with its run is still that run's.
        owner = os.path.relpath(os.path.realpath(run.save_dir), os.path.realpath(folder))
        said = {_SAVE_DIR: os.fsencode(owner), _TEXT: run.text.encode()}
        self.schema = pa.schema([*SCHEMA, *columns], said)
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"--weights-dir {folder} cannot be made: {error.strerror}") from None
        known = {part: said | (pq.read_schema(part).metadata or {}) for part in self._parts()}
        self.removed = [part for part in known if _first_update(part) >= start]
        others = (part for part, found in known.items() if found[_TEXT] != said[_TEXT])
        self.outdated = [part for part in others if part not in self.removed]
        gone = [*self.removed, *self.outdated]
        for part in gone:
            self._check_owner(known[part])
        for part in gone:
            part.unlink()
        self._columns = self._empty()

    def add(self, columns: Sequence[Sequence[Any]]) -> None:
        """Add rows, column by column, in the order of ``schema``."""
        for known, values in zip(self._columns.values(), columns, strict=True):
            known.extend(values)
        if len(self._columns["update"]) >= _FLUSH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what has gathered as one part, atomically; nothing if there is nothing."""
        if not self._columns["update"]:
            return
        name = f"weights-{self._columns['update'][0]:010d}.parquet"
        with completed(self.folder / name) as unfinished:
            pq.write_table(pa.table(self._columns, schema=self.schema), unfinished)
        self._columns = self._empty()

    def _empty(self) -> dict[str, Any]:
        """Empty columns: compact ones, and lists where a row may hold nothing."""
        return {f.name: [] if f.nullable else array(_CODES[f.type]) for f in self.schema}

    def _check_owner(self, found: Mapping[bytes, bytes]) -> None:
        if found[_SAVE_DIR] != self.schema.metadata[_SAVE_DIR]:
            run = os.path.normpath(self.folder / os.fsdecode(found[_SAVE_DIR]))
            raise InputError(
                f"--weights-dir {self.folder} holds the record of the run in {run}: give another "
                "folder, or delete it"
            )

    def _parts(self) -> list[Path]:
        return sorted(p for p in self.folder.iterdir() if _PART.fullmatch(p.name))


def _first_update(part: Path) -> int:
    match = _PART.fullmatch(part.name)
    assert match is not None  # _parts yields nothing else
    return int(match[1])
