"""Sentence pairs as they are before any training: a split, and what its dictionaries say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

# Places of a matrix of pairs by source tokens by target tokens: what takes memory.
_CELLS = 1 << 16
_SORTED = 1 << 13  # pairs that are sorted by length at a time

_Read = tuple[int, Tensor, Tensor]


class Pairs(Protocol):
    """A split: fairseq's ``LanguagePairDataset``."""

    src: Any
    tgt: Any

    def __len__(self) -> int:
        """Number of pairs."""


@dataclass(frozen=True)
class Language:
    """What the two dictionaries say.

    Attributes:
        types: their sizes.
        padding: number of the padding type in both.
        same: which types they have in common, see :mod:`fairseq_l2rw.copying`.
    """

    types: tuple[int, int]
    padding: int
    same: Tensor


def batches(
    pairs: Pairs, language: Language, what: str, order: Sequence[int] | None = None
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """All pairs (or those of ``order``), some of about the same length together.

    Yields:
        Their numbers (n,), the types of sources (n, S) and of targets (n, T).
    """
    order = range(len(pairs)) if order is None else order
    bar = tqdm(total=len(order), desc=f"prior: {what}", leave=False, disable=None)  # not in logs
    for begin in range(0, len(order), _SORTED):
        read = [(n, pairs.src[n], pairs.tgt[n]) for n in order[begin : begin + _SORTED]]
        read.sort(key=_shape)
        for found in _groups(read):
            numbers, *sides = zip(*found, strict=True)
            source, target = (pad_sequence(list(side), True, language.padding) for side in sides)
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
