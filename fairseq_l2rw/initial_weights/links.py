"""Links: which words of both sides of a pair are there together.

A pair of S and T words has S times T links. Each is the number of a pair of types, so that nothing
has to be looked up twice. They are flat arrays, once in the order of the source's words and once in
that of the target's: then all of a word's links are beside each other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fairseq_l2rw.data.pairs import ParallelText
from fairseq_l2rw.data.sentences import places_of, positions_of, starts_of
from fairseq_l2rw.initial_weights.key_table import KeyTable
from fairseq_l2rw.utils.pass_progress import PassProgress

#: Words of a side that are looked at: time and memory grow with their square.
WORDS = 256
# Links of the pairs that are learnt from: more do not say more, and take memory.
_LINKS = 20_000_000
_TOGETHER = 1 << 20  # links that are looked up at a time
_WORDS_TOGETHER = 1 << 15  # words whose links are counted at a time

Integers = npt.NDArray[np.integer[Any]]
Numbers = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class LinkedWords:
    """The words of one side of some pairs.

    Attributes:
        types: of the words, flat, shape (W,).
        pair: which of the pairs each is of, in order, shape (W,).
        count: how many it has, shape (W,).
        number: of the pair of types of each link, by word, shape (L,), int32.
    """

    types: Integers
    pair: Integers
    count: Integers
    number: npt.NDArray[np.int32]

    def sums(self, values: Numbers) -> Numbers:
        """The sum over each word's links of what their numbers have, (K,): shape (W,)."""
        return self._reduced(np.add, values, 0.0)

    def largest(self, values: Numbers) -> Numbers:
        """The largest of what the numbers of each word's links have, (K,): shape (W,)."""
        return self._reduced(np.maximum, values, -np.inf)

    def least(self, values: Numbers, pairs: int) -> Numbers:
        """The least of values of words (W,) in each pair, shape (pairs,); infinite without any."""
        count = np.bincount(self.pair, minlength=pairs)
        found, some = np.full(pairs, np.inf), count > 0
        if some.any():
            found[some] = np.minimum.reduceat(values, starts_of(count)[some])
        return found

    def by_number(self, values: Numbers, size: int) -> Numbers:
        """Sums of values of words (W,) over the links of each number, shape (size,)."""
        found = torch.zeros(size, dtype=torch.double)
        begin = 0
        for some in range(0, len(values), _WORDS_TOGETHER):  # a number for each link takes memory
            words = slice(some, some + _WORDS_TOGETHER)
            repeated = np.repeat(values[words], self.count[words])
            number = torch.from_numpy(self.number[begin : begin + len(repeated)])
            found.index_add_(0, number, torch.from_numpy(repeated).double())
            begin += len(repeated)
        return found.numpy()

    def _reduced(self, how: np.ufunc, values: Numbers, empty: float) -> Numbers:
        found, some = np.full(len(self.types), empty, values.dtype), self.count > 0
        if some.any():
            # torch looks them up on all cores.
            chosen = torch.from_numpy(values).index_select(0, torch.from_numpy(self.number))
            found[some] = how.reduceat(chosen.numpy(), starts_of(self.count)[some])
        return found


@dataclass(frozen=True)
class Links:
    """The links of N pairs.

    Attributes:
        pairs: N.
        sides: the words of source and target.
    """

    pairs: int
    sides: tuple[LinkedWords, LinkedWords]

    @classmethod
    def of(cls, text: ParallelText, table: KeyTable, types: int) -> "Links":
        """Those of N pairs, few enough to be looked up at a time.

        Args:
            text: the pairs.
            table: of the pairs of types that have a number; others have number 0.
            types: size of the target's dictionary.
        """
        sizes = text.sizes.T
        words = [side.joined() for side in (text.src, text.tgt)]
        pair = [np.repeat(np.arange(len(text)), size) for size in sizes]
        counts = [size[at] for size, at in zip(sizes[::-1], pair, strict=True)]
        keys = _keys(text, types)
        number = table.places(torch.from_numpy(keys)).numpy()
        # The same links by the target's words: those of one are as far apart as there are of these.
        at = starts_of(sizes.prod(0))[pair[1]] + positions_of(sizes[1])
        behind = positions_of(counts[1])
        behind *= np.repeat(sizes[1][pair[1]], counts[1])
        numbers = number, number[behind + np.repeat(at, counts[1])]
        columns = zip(words, pair, counts, numbers, strict=True)
        source, target = (
            LinkedWords(*(x.astype(np.int32, copy=False) for x in column)) for column in columns
        )
        return cls(len(text), (source, target))

    @classmethod
    def read(cls, text: ParallelText, table: KeyTable, types: int) -> "Links":
        """The same of as many pairs as ``enough`` gives."""
        parts = [*_parts(text, "words")] or [text]
        return joined([cls.of(part, table, types) for part in parts])


def joined(links: Sequence[Links]) -> Links:
    """The links of several texts, one after another."""
    pairs = np.cumsum([0, *(part.pairs for part in links)], dtype=np.int32)
    sides = []
    for rows in zip(*(part.sides for part in links), strict=True):
        sides.append(
            LinkedWords(
                np.concatenate([row.types for row in rows]),
                np.concatenate([row.pair + n for row, n in zip(rows, pairs[:-1], strict=True)]),
                np.concatenate([row.count for row in rows]),
                np.concatenate([row.number for row in rows]),
            )
        )
    source, target = sides
    return Links(int(pairs[-1]), (source, target))


def frequency(halves: Sequence[Links], side: int, types: int) -> Numbers:
    """One more than how often each type came up on a side of pairs, shape (types,)."""
    found = [np.bincount(links.sides[side].types, minlength=types) for links in halves]
    return np.stack(found).sum(0) + 1.0


def numbered(text: ParallelText, table: KeyTable, types: int) -> Iterator[Links]:
    """The links of any pairs, some pairs at a time; of a very long one those of a first part.

    Args:
        text: N pairs.
        table: of the pairs of types that have a number; others have number 0.
        types: size of the target's dictionary.
    """
    for part in _parts(text, "correspondence"):
        yield Links.of(part, table, types)


def key_table(text: ParallelText, types: int) -> KeyTable:
    """Numbers of all types that come together in pairs, from 1; number 0 is of all others.

    Args:
        text: N pairs.
        types: size of the target's dictionary.
    """
    keys, found = np.array([-1]), np.empty(0, dtype=np.int64)
    for part in _parts(text, "types"):
        found = np.concatenate([found, _different(_keys(part, types))])
        if len(found) > len(keys):  # so that each is sorted a few times only
            keys, found = _different(np.concatenate([keys, found])), found[:0]
    return KeyTable(torch.from_numpy(_different(np.concatenate([keys, found]))))


def enough(pairs: ParallelText) -> np.ndarray:
    """Places of all pairs, or of a large corpus of as many, picked by chance, as are learnt from.

    Returns:
        In their order, shape (n,).
    """
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(1)).numpy()
    sizes = pairs.sizes[order]
    read = np.minimum(sizes, np.ceil(sizes * WORDS / sizes.max(1, keepdims=True, initial=1)))
    count = int(np.searchsorted(read.prod(1).cumsum(), _LINKS, side="right"))
    return np.sort(order[: max(count, 1)])


def _parts(text: ParallelText, what: str) -> Iterator[ParallelText]:
    """Some pairs at a time; of very long ones the same first part of both sides."""
    text = text.cut(WORDS)
    links = text.sizes.prod(1).cumsum()
    with PassProgress(f"initial weights: {what}", len(text)) as progress:
        begin = 0
        while begin < len(text):
            before = links[begin - 1] if begin else 0
            end = int(np.searchsorted(links, before + _TOGETHER, side="right"))
            places = np.arange(begin, max(end, begin + 1))
            yield text.take(places)
            progress.add(len(places))
            begin = int(places[-1]) + 1


def _keys(text: ParallelText, types: int) -> Integers:
    """One number for the two types of each link, by the source's words, shape (L,)."""
    source, target = text.src.joined(), text.tgt.joined()
    size = np.repeat(text.sizes[:, 1], text.sizes[:, 0])  # links of a source word
    begin = np.repeat(starts_of(text.sizes[:, 1]), text.sizes[:, 0])
    at = places_of(begin, size)
    return np.repeat(source * types, size) + target[at]


def _different(keys: Integers) -> Integers:
    """Each of the keys (n,) once, sorted; several times faster than by a hash table."""
    keys = np.sort(keys)
    return keys[np.diff(keys, prepend=-2) > 0]
