"""Sentence pairs as they are before any training: a split, and what its dictionaries say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

# Places of a matrix of pairs by source tokens by target tokens: what takes memory.
_CELLS = 1 << 19


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
) -> Iterator[tuple[Sequence[int], Tensor, Tensor]]:
    """All pairs (or those of ``order``), some together.

    Yields:
        Their numbers, the types of sources (n, S) and of targets (n, T).
    """
    numbers: list[int] = []
    sides: tuple[list[Tensor], list[Tensor]] = ([], [])
    longest = [0, 0]

    def together() -> tuple[Sequence[int], Tensor, Tensor]:
        source, target = (pad_sequence(side, True, language.padding) for side in sides)
        return numbers, source, target

    order = range(len(pairs)) if order is None else order
    for number in tqdm(order, desc=f"prior: {what}", leave=False, disable=None):  # not in logs
        pair = pairs.src[number], pairs.tgt[number]
        wider = [max(old, len(side)) for old, side in zip(longest, pair, strict=True)]
        if numbers and (len(numbers) + 1) * wider[0] * wider[1] > _CELLS:
            yield together()
            numbers, sides, wider = [], ([], []), [len(side) for side in pair]
        numbers.append(number)
        for known, side in zip(sides, pair, strict=True):
            known.append(side)
        longest = wider
    if numbers:
        yield together()
