"""Pairs of sentences in text: one file a side, or one table with a column a side."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path

from fairseq_l2rw.text.files import count_lines, lines
from fairseq_l2rw.utils.errors import InputError

_MISSING = object()
_MARK = "\ufeff"  # with which some programs begin a file of UTF-8


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


class PairTable:
    """The pairs of a tab-separated table, which is read once.

    Args:
        path: of the table.
        source: the column that has sources, by its number, from 1, or its name.
        target: likewise of targets.
        header: whether the first line has the names of the columns.

    Attributes:
        names: of the columns, if the table has a header.

    Raises:
        InputError: for a name that no column has, or a number below 1.
    """

    def __init__(
        self, path: str | Path, source: str = "1", target: str = "2", header: bool = False
    ) -> None:
        self._path, self._rows = path, enumerate(lines(path), 1)
        self.names = next(self._rows, (1, ""))[1].split("\t") if header else None
        self._source, self._target = (column_of(name, self.names) for name in (source, target))

    def skip(self, count: int) -> None:
        """Leave out so many lines."""
        deque(islice(self._rows, count), maxlen=0)

    def __iter__(self) -> Iterator[tuple[str, tuple[str, str]]]:
        """The lines that are left, each with its source and target.

        Raises:
            InputError: when one has too few columns.
        """
        most = max(self._source, self._target)
        for number, line in self._rows:
            cells = line.split("\t")
            if len(cells) <= most:
                found = f"{len(cells)} column{'s' * (len(cells) != 1)}"
                where = f"{self._path}, line {number}"
                raise InputError(f"{where}: {found}, but column {most + 1} is asked for")
            yield line, (cells[self._source], cells[self._target])


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
        yield from (pair for _, pair in PairTable(files[0]))
        return
    if len(files) != 2:
        raise InputError(f"give two files, or one table with two columns, not {len(files)}")
    pairs = zip_longest(lines(files[0]), lines(files[1]), fillvalue=_MISSING)
    for number, (source, target) in enumerate(pairs):
        if source is _MISSING or target is _MISSING:
            short, long = files if source is _MISSING else reversed(files)
            raise InputError(f"{short} ends after line {number}, {long} goes on: not parallel")
        yield str(source), str(target)
