"""A table of sentence pairs with a column of weights: read, scored and written piece by piece."""

import argparse
import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Protocol

from fairseq_l2rw.commands.progress import progress
from fairseq_l2rw.inference.text_scorer import Row, TextPair
from fairseq_l2rw.text.columns import PairTable
from fairseq_l2rw.text.files import count_lines, is_device, opened, replaced
from fairseq_l2rw.utils.errors import InputError


class Scorer(Protocol):
    """Weighs pairs of sentences."""

    @property
    def columns(self) -> Sequence[str]:
        """What it gives of a pair."""

    @property
    def block_size(self) -> int:
        """Pairs that are best given at once."""

    def scores(self, pairs: Sequence[TextPair], first: int) -> list[Row]:
        """Weights and their factors of pairs, the first of which has this number in the table."""


def pair_table(args: argparse.Namespace) -> PairTable:
    """The table that the command reads."""
    return PairTable(args.input, args.scol, args.tcol, args.header)


@dataclass
class _Counts:
    lines: int = 0
    skipped: int = 0  # which an earlier call wrote
    unweighed: int = 0
    total: float = 0.0  # of the weights


class ScoredTable:
    """The table that is written.

    Args:
        args: of the command.
        scorer: gives the weights.

    Attributes:
        weights: of all lines, NaN where there is none; kept only if there are labels to tell.
    """

    def __init__(self, args: argparse.Namespace, scorer: Scorer) -> None:
        self.args, self.scorer = args, scorer
        self.columns = [*scorer.columns] if args.factors else ["weight"]
        self.counts = _Counts()
        self.weights: list[float] = []  # kept for labels only
        self._done = 0  # lines that an earlier call wrote

    @contextmanager
    def output(self) -> Iterator[IO[str]]:
        """The file to write; one that an earlier call left is gone on with if that is wanted.

        So it stays, under another name, where a call ends with an error.
        """
        if is_device(self.args.output):
            with opened(self.args.output, "w") as file:
                yield file
            return
        path = Path(self.args.output)
        unfinished = path.with_name(f".unfinished-{path.name}")
        settings = path.with_name(f"{unfinished.name}.json")
        left = self.args.resume and unfinished.is_file()
        if left:
            self._check_same(settings)
            self._done = _complete_lines(unfinished)
        else:
            with replaced(settings) as file:
                json.dump(self._settings(), file)
        with opened(unfinished, "a" if left else "w") as file:
            yield file
        os.replace(unfinished, path)
        settings.unlink(missing_ok=True)

    def _settings(self) -> dict[str, str]:
        """What decides about the columns that are written."""
        files = ["input", "run", "data", "sentencepiece", "user_dir"]
        names = ["initial", "by", "scol", "tcol", "header", "score_only", "factors", "fp16"]
        found = {name: str(getattr(self.args, name)) for name in [*names, "pieces_given"]}
        found |= {name: _absolute(getattr(self.args, name)) for name in files}
        return {**found, "trusted": " ".join(map(_absolute, self.args.trusted or []))}

    def _check_same(self, settings: Path) -> None:
        """Refuse to go on with what a call of another kind began."""
        try:
            before = json.loads(settings.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise InputError(
                f"nothing says how {self.args.output} was begun: leave out --resume to begin anew"
            ) from None
        other = [name for name, value in self._settings().items() if before.get(name) != value]
        if other:
            raise InputError(
                f"{self.args.output} was begun with another --{other[0].replace('_', '-')}: give "
                "the same, or leave out --resume to begin anew"
            )

    def write(self, output: IO[str]) -> None:
        """Write all lines."""
        table = pair_table(self.args)
        ahead = table.names is not None  # lines before the first pair
        if table.names is not None and not self._done:
            output.write(self._line("\t".join(table.names), self.columns))
        done = self.counts.lines = self.counts.skipped = max(0, self._done - ahead)
        table.skip(done)
        rows = iter(table)
        with progress((), "score", self._total(ahead), " lines") as bar:
            bar.update(done)
            while block := list(islice(rows, self.scorer.block_size)):
                found = self.scorer.scores([pair for _, pair in block], done)
                for (line, _), row in zip(block, found, strict=True):
                    output.write(self._line(line, self._cells(row)))
                output.flush()
                done += len(block)
                bar.update(len(block))

    def _total(self, ahead: int) -> int | None:
        """Pairs of the table, where somebody watches: then the time left is worth a pass."""
        watched = sys.stderr.isatty() and self.args.input != "-"
        return count_lines(self.args.input) - ahead if watched else None

    def _cells(self, found: Row) -> list[str]:
        self.counts.lines += 1
        if self.args.labels is not None:
            self.weights.append(math.nan if found is None else found["weight"])
        if found is None or found["weight"] != found["weight"]:
            self.counts.unweighed += 1
            return [""] * len(self.columns)
        self.counts.total += found["weight"]
        return [f"{found[name]:.4g}" for name in self.columns]

    def _line(self, line: str, cells: Sequence[str]) -> str:
        kept = [] if self.args.score_only else [line]
        return "\t".join([*kept, *cells]) + "\n"

    def report(self) -> None:
        """Say on stderr what was done."""
        counts = self.counts
        weighed = max(1, counts.lines - counts.skipped - counts.unweighed)
        print(
            f"{counts.lines:,} lines, mean weight {counts.total / weighed:.3f}; "
            f"{counts.unweighed:,} could not be weighed (a side is empty or too long)",
            file=sys.stderr,
        )


def _absolute(path: object) -> str:
    return str(path) if path in (None, "-") else str(Path(str(path)).resolve())


def _complete_lines(path: Path) -> int:
    """Cut off what is no whole line; returns how many lines there are."""
    count = end = 0
    with path.open("rb+") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            count, end = count + 1, end + len(line)
        file.truncate(end)
    return count
