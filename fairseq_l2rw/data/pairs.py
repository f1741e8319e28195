"""Sentence pairs as they are before any training: a split, read in batches."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.sentences import Sentences, in_blocks

# Places of a matrix of pairs by source tokens by target tokens: what takes memory.
_CELLS = 1 << 16
_SORTED = 1 << 13  # pairs that are sorted by length at a time


class Pairs(Protocol):
    """A split: fairseq's ``LanguagePairDataset``."""

    @property
    def src(self) -> Any:
        """Its sources, each a tensor of types, shape (S,)."""

    @property
    def tgt(self) -> Any:
        """Its targets, likewise, shape (T,)."""

    def __len__(self) -> int:
        """Number of pairs."""


@dataclass(frozen=True)
class PairSubset:
    """Some pairs of a split, none of which is read before it is asked for.

    Attributes:
        pairs: the split.
        places: which of its pairs, in this order, shape (N,).
    """

    pairs: Pairs
    places: np.ndarray

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.places)

    @property
    def src(self) -> "_Side":
        """Their sources."""
        return _Side(self.pairs.src, self.places)

    @property
    def tgt(self) -> "_Side":
        """Their targets."""
        return _Side(self.pairs.tgt, self.places)

    @property
    def sizes(self) -> np.ndarray:
        """Their lengths, shape (N, 2)."""
        return lengths(self.pairs)[self.places]


@dataclass(frozen=True)
class _Side:
    """One side of some pairs."""

    side: Any
    places: np.ndarray

    def __getitem__(self, number: int) -> Tensor:
        return self.side[int(self.places[number])]

    def __len__(self) -> int:
        return len(self.places)


@dataclass(frozen=True)
class ParallelText:
    """N pairs that can be read many at a time.

    Attributes:
        src: their sources.
        tgt: their targets.
    """

    src: Sentences
    tgt: Sentences

    @classmethod
    def of(cls, pairs: Pairs, places: np.ndarray | None = None) -> "ParallelText":
        """Pairs of a split; those that fairseq maps into memory are not read here.

        Args:
            pairs: the split.
            places: which of its pairs, in this order, shape (N,): all without it.
        """
        if isinstance(pairs, ParallelText):
            return pairs if places is None else pairs.take(places)
        if isinstance(pairs, PairSubset):
            return cls.of(pairs.pairs, pairs.places if places is None else pairs.places[places])
        return cls(Sentences.of(pairs.src, places), Sentences.of(pairs.tgt, places))

    @classmethod
    def gathered(cls, pairs: Pairs, places: np.ndarray) -> "ParallelText":
        """Some pairs side by side in memory: what is read again and again of a large text.

        Args:
            pairs: the split.
            places: which of its pairs, in this order, shape (N,).
        """
        # Some at a time: of files that are mapped, more and more would count as memory.
        blocks = (cls.of(pairs, places[some]) for some in in_blocks(len(places)))
        read = [(Sentences.combined([x.src]), Sentences.combined([x.tgt])) for x in blocks]
        return cls(*map(Sentences.combined, zip(*read, strict=True)))

    @classmethod
    def in_blocks(cls, pairs: Pairs) -> Iterator["ParallelText"]:
        """All pairs of a split, some at a time, in memory that does not grow with the split."""
        for places in in_blocks(len(pairs)):
            yield cls.of(pairs, places)

    def __len__(self) -> int:
        """N."""
        return len(self.src)

    @cached_property
    def sizes(self) -> np.ndarray:
        """Their lengths, shape (N, 2)."""
        return np.stack([self.src.sizes, self.tgt.sizes], 1)

    def take(self, places: np.ndarray, targets: np.ndarray | None = None) -> "ParallelText":
        """Some of the pairs, in this order.

        Args:
            places: of the pairs, shape (n,).
            targets: of which pairs the targets are, if not of the same ones, shape (n,).
        """
        return ParallelText(
            self.src.take(places), self.tgt.take(places if targets is None else targets)
        )

    def cut(self, most: int) -> "ParallelText":
        """The pairs, the longer ones cut to the first part of both sides, of ``most`` tokens."""
        longest = self.sizes.max(1, initial=most)
        sizes = -(-self.sizes * most // longest[:, None])
        return ParallelText(self.src.cut(sizes[:, 0]), self.tgt.cut(sizes[:, 1]))


def lengths(pairs: Pairs) -> np.ndarray:
    """Tokens of every source and target, shape (N, 2)."""
    known = getattr(pairs, "sizes", None)  # fairseq's datasets know without reading
    if known is not None:
        return np.asarray(known)
    found = [[len(side) for side in sides] for sides in zip(pairs.src, pairs.tgt, strict=True)]
    return np.array(found).reshape(-1, 2)


def batches(text: ParallelText, padding: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """All pairs, some of about the same length together.

    Args:
        text: the pairs.
        padding: number of the padding type.

    Yields:
        Their numbers (n,), the types of sources (n, S) and of targets (n, T).
    """
    for begin in range(0, len(text), _SORTED):
        source, target = text.sizes[begin : begin + _SORTED].T
        # So that pairs beside each other need little padding on both sides.
        order = np.lexsort((source, target // 4))
        for group in _groups(source[order], target[order]):
            places = begin + order[group]
            found = text.take(places)
            yield torch.from_numpy(places), found.src.padded(padding), found.tgt.padded(padding)


def _groups(source: np.ndarray, target: np.ndarray) -> Iterator[slice]:
    """As many pairs with sides of these sizes (n,) at a time as their longest ones allow."""
    begin, longest = 0, [0, 0]
    for end, pair in enumerate(zip(source.tolist(), target.tolist(), strict=True)):
        wider = [*map(max, longest, pair)]
        if end > begin and (end - begin + 1) * wider[0] * wider[1] > _CELLS:
            yield slice(begin, end)
            begin, wider = end, [*pair]
        longest = wider
    if begin < len(source):
        yield slice(begin, len(source))
