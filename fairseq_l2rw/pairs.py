"""Sentence pairs as they are before any training: a split, and what its dictionaries say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fairseq.data.data_utils import collate_tokens
from torch import Tensor
from tqdm import tqdm

_TOGETHER = 256  # pairs, of which a matrix of tokens by tokens is made


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
    order = range(len(pairs)) if order is None else order
    starts = range(0, len(order), _TOGETHER)
    # Not in logs.
    for start in tqdm(starts, desc=f"prior: {what}", leave=False, disable=None):
        numbers = order[start : start + _TOGETHER]
        source, target = (
            collate_tokens([side[n] for n in numbers], language.padding)
            for side in (pairs.src, pairs.tgt)
        )
        yield numbers, source, target
