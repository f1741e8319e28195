"""Halves of a text: which one a pair belongs to, so that it is judged by the other one.

What is learnt from the text itself would otherwise speak for the very pairs that it was learnt from
(cross-fitting; docs/mathematics.md, "Support of words").
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.digests import digests
from fairseq_l2rw.data.near_duplicates import near_duplicates
from fairseq_l2rw.data.pairs import ParallelText
from fairseq_l2rw.data.sentences import in_blocks


@dataclass(frozen=True)
class JudgedPairs:
    """N pairs, each of which belongs to one half of a text and is judged by the other one.

    Attributes:
        text: the pairs.
        digests: a number for each, shape (N,): its own digest, see ``of``, or that of the pair that
            it was made from. It decides on the half, and on all that is picked by chance.
        numerals: which types of source and target are numbers, if any, bool, (V,).
    """

    text: ParallelText
    digests: np.ndarray
    numerals: Sequence[Tensor] | None = None

    @classmethod
    def of(cls, text: ParallelText, numerals: Sequence[Tensor] | None = None) -> "JudgedPairs":
        """Pairs by digests of their own.

        Args:
            text: N pairs.
            numerals: which types of source and target are numbers, if any, bool, (V,). Pairs that
                differ in nothing else, as the lines of a price list, count as equal ones: they
                would speak for each other.
        """
        return cls(text, digests(text, numerals), numerals)

    def __len__(self) -> int:
        """N."""
        return len(self.digests)

    @cached_property
    def half(self) -> Tensor:
        """Which half of the text each pair belongs to, 0 or 1, (N,); equal pairs to the same."""
        return torch.from_numpy(self.digests >> 32 & 1)

    @cached_property
    def repeats(self) -> Tensor:
        """How often each pair is there, with its near-duplicates, shape (N,), float64."""
        _, number, counts = np.unique(self.digests, return_inverse=True, return_counts=True)
        likewise = near_duplicates(self.text, self.numerals)
        return torch.from_numpy(np.maximum(counts[number], likewise))

    def take(self, places: np.ndarray) -> "JudgedPairs":
        """Some of the pairs, in this order: those at ``places``, shape (n,)."""
        if np.array_equal(places, np.arange(len(self))):
            return self  # with what is known of its repeats
        return JudgedPairs(self.text.take(places), self.digests[places], self.numerals)

    def chosen(self, most: int) -> "JudgedPairs":
        """All of them, or those ``most`` whose digests are the smallest, in their order."""
        return self.take(np.sort(self.digests.argsort()[:most]))


def judged(pairs: JudgedPairs, odds: Callable[[JudgedPairs], Tensor]) -> Tensor:
    """Odds of all pairs, found for some at a time.

    Args:
        pairs: N of them.
        odds: of n pairs, shape (n,).

    Returns:
        Shape (N,), float64.
    """
    blocks = map(pairs.take, in_blocks(len(pairs)))
    return torch.cat([torch.empty(0, dtype=torch.double), *map(odds, blocks)])
