"""Pairs of sentences in text: one file a side, or one table with a column a side."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

from fairseq_l2rw.text.files import count_lines, lines
from fairseq_l2rw.utils.errors import InputError

_MISSING = object()
_MARK = "\ufeff"  # with which some programs begin a file of UTF-8


@dataclass(frozen=True)
class Columns:
    """Which columns of a tab-separated table have what.

    Attributes:
        source, target: their places, from 0.
    """

    source: int
    target: int

    @classmethod
    def named(cls, source: str, target: str, header: Sequence[str] | None) -> "Columns":
        """The place of a column that is named by number, from 1, or as in the table's header.

        Raises:
            InputError: for a name that no column has, or a number below 1.
        """
        return cls(column_of(source, header), column_of(target, header))

    def pair(self, line: str, where: str) -> tuple[str, str]:
        """Source and target of a line.

        Raises:
            InputError: when it has too few columns.
        """
        cells = line.split("\t")
        most = max(self.source, self.target)
        if len(cells) <= most:
            found = f"{len(cells)} column{'s' * (len(cells) != 1)}"
            raise InputError(f"{where}: {found}, but column {most + 1} is asked for")
        return cells[self.source], cells[self.target]


def column_of(name: str, header: Sequence[str] | None) -> int:
    """The place of a column, from 0, by its number, from 1, or by its name in a header.

    Raises:
        InputError: for a name that no column has, or a number below 1.
    """
    names = [cell.removeprefix(_MARK) for cell in header or ()]
    if name in names:
        return names.index(name)
    if name.isdecimal() and int(name) > 0:
        return int(name) - 1
    if header is None:
        raise InputError(f"column {name!r} is no number from 1 on; a name needs a header")
    raise InputError(f"no column {name!r}; the header has {', '.join(names)}")


@dataclass(frozen=True)
class PairFiles:
    """Pairs from files, part after part.

    Attributes:
        parts: what ``read_pairs`` takes of each.
    """

    parts: Sequence[Sequence[str]]

    @property
    def name(self) -> str:
        """The file that they begin with."""
        return self.parts[0][0]

    def count(self) -> int:
        """How many pairs there are."""
        return sum(count_lines(part[0]) for part in self.parts)

    def at(self, numbers: Iterable[int]) -> dict[int, tuple[str, str]]:
        """The pairs of some lines, by their numbers, from 0; no others stay in memory."""
        wanted = set(map(int, numbers))
        return {number: pair for number, pair in enumerate(self) if number in wanted}

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return chain.from_iterable(map(read_pairs, self.parts))


def read_pairs(files: Sequence[str | Path]) -> Iterator[tuple[str, str]]:
    """Pairs from two files, or from the first two columns of one table.

    Raises:
        InputError: for another number of files, or files of different lengths.
    """
    if len(files) == 1:
        columns = Columns(0, 1)
        for number, line in enumerate(lines(files[0]), 1):
            yield columns.pair(line, f"{files[0]}, line {number}")
        return
    if len(files) != 2:
        raise InputError(f"give two files, or one table with two columns, not {len(files)}")
    pairs = zip_longest(lines(files[0]), lines(files[1]), fillvalue=_MISSING)
    for number, (source, target) in enumerate(pairs):
        if source is _MISSING or target is _MISSING:
            short, long = files if source is _MISSING else reversed(files)
            raise InputError(f"{short} ends after line {number}, {long} goes on: not parallel")
        yield str(source), str(target)
