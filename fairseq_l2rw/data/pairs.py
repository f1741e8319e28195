"""Sentence pairs as they are before any training: a split, read in batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from fairseq_l2rw.data.dictionaries import Dictionaries

# Places of a matrix of pairs by source tokens by target tokens: what takes memory.
_CELLS = 1 << 16
_SORTED = 1 << 13  # pairs that are sorted by length at a time

_Read = tuple[int, Tensor, Tensor]


class Pairs(Protocol):
    """A split: fairseq's ``LanguagePairDataset``.

    Attributes:
        src: its sources, each a tensor of types, shape (S,).
        tgt: its targets, likewise, shape (T,).
    """

    src: Any
    tgt: Any

    def __len__(self) -> int:
        """Number of pairs."""


@dataclass
class PairList:
    """Pairs that are in no split.

    Attributes:
        src: their sources, of shapes (S,).
        tgt: their targets, of shapes (T,).
    """

    src: Sequence[Tensor]
    tgt: Sequence[Tensor]

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.src)


@dataclass(frozen=True)
class _Side:
    """One side of some pairs."""

    side: Any
    places: np.ndarray

    def __getitem__(self, number: int) -> Tensor:
        return self.side[int(self.places[number])]

    def __len__(self) -> int:
        return len(self.places)


class PairSubset:
    """Some pairs of a split, as a split of their own.

    Args:
        pairs: the split.
        places: which of its pairs, in this order, shape (N,).
        targets: of which pairs the targets are, if not of the same ones, shape (N,).
    """

    def __init__(self, pairs: Pairs, places: np.ndarray, targets: np.ndarray | None = None) -> None:
        self._pairs, self._places = pairs, (places, places if targets is None else targets)
        self.src, self.tgt = map(_Side, (pairs.src, pairs.tgt), self._places)

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.src)

    @property
    def sizes(self) -> np.ndarray:
        """Their lengths, shape (N, 2)."""
        known = lengths(self._pairs)
        return np.stack([known[places, side] for side, places in enumerate(self._places)], 1)


def lengths(pairs: Pairs) -> np.ndarray:
    """Tokens of every source and target, shape (N, 2)."""
    known = getattr(pairs, "sizes", None)  # fairseq's datasets know without reading
    if known is not None:
        return np.asarray(known)
    found = [[len(side) for side in sides] for sides in zip(pairs.src, pairs.tgt, strict=True)]
    return np.array(found).reshape(-1, 2)


def shared(train: Pairs, trusted: Pairs) -> np.ndarray:
    """Which training pairs are trusted pairs, too, token by token.

    Args:
        train: training pairs.
        trusted: trusted pairs.

    Returns:
        The numbers of both for every match, shape (matches, 2).
    """
    known: dict[tuple[bytes, bytes], list[int]] = {}
    for number in range(len(trusted)):
        pair = _bytes(trusted.src[number]), _bytes(trusted.tgt[number])
        known.setdefault(pair, []).append(number)
    sources = {source for source, _ in known}
    # Pairs are read one by one, so only those that have the lengths of a trusted one.
    keys = [(sizes.astype(np.int64) << (32, 0)).sum(1) for sizes in map(lengths, (train, trusted))]
    found = []
    for number in np.flatnonzero(np.isin(keys[0], keys[1])).tolist():
        source = _bytes(train.src[number])
        if source in sources:
            target = _bytes(train.tgt[number])
            found += [(number, other) for other in known.get((source, target), ())]
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _bytes(side: Tensor) -> bytes:
    return side.numpy().tobytes()


def cut(source: Tensor, target: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """The first part of a pair, the same part of both sides, of at most ``most`` words a side."""
    longest = max(len(source), len(target))
    if longest <= most:
        return source, target
    return source[: -(-len(source) * most // longest)], target[: -(-len(target) * most // longest)]


def batches(
    pairs: Pairs,
    dictionaries: Dictionaries,
    what: str,
    order: Sequence[int] | None = None,
    most: int | None = None,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """All pairs (or those of ``order``), some of about the same length together.

    Args:
        pairs: a split.
        dictionaries: of its languages.
        what: they are read for, told by the bar.
        order: numbers of pairs.
        most: words of a side; see ``cut``.

    Yields:
        Their numbers (n,), the types of sources (n, S) and of targets (n, T).
    """
    order = range(len(pairs)) if order is None else order
    bar = tqdm(
        total=len(order), desc=f"initial weights: {what}", leave=False, disable=None
    )  # not in logs
    for begin in range(0, len(order), _SORTED):
        read = [(n, pairs.src[n], pairs.tgt[n]) for n in order[begin : begin + _SORTED]]
        if most is not None:
            read = [(n, *cut(source, target, most)) for n, source, target in read]
        read.sort(key=_shape)
        for found in _groups(read):
            numbers, *sides = zip(*found, strict=True)
            source, target = (
                pad_sequence(list(side), True, dictionaries.padding) for side in sides
            )
            yield torch.tensor(numbers), source, target
            bar.update(len(found))
    bar.close()


def _shape(pair: _Read) -> tuple[int, int]:
    """To sort by, so that pairs beside each other need little padding on both sides."""
    _, source, target = pair
    return len(target) // 4, len(source)


def _groups(read: Sequence[_Read]) -> Iterator[Sequence[_Read]]:
    """As many at a time as their longest sides allow."""
    begin, longest = 0, [0, 0]
    for end, (_, *pair) in enumerate(read):
        wider = [max(old, len(side)) for old, side in zip(longest, pair, strict=True)]
        if end > begin and (end - begin + 1) * wider[0] * wider[1] > _CELLS:
            yield read[begin:end]
            begin, wider = end, [len(side) for side in pair]
        longest = wider
    if begin < len(read):
        yield read[begin:]
