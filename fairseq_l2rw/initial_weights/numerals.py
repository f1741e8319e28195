"""Numerals: how likely a pair is bad whose sides have different digits.

A translation has the numbers of its source. Where it lacks some it may spell them in words, and
where it has others it may give the time by another clock: how often good pairs do that, trusted
pairs say. Where more training pairs do it than that, some of them are bad. Crawled text is full of
such pairs: the line of a price list beside another one's translation. Their words correspond, so
that nothing else tells.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from fairseq_l2rw.initial_weights.cost import odds_of
from fairseq_l2rw.scoring.acceptance import precision_of_samples
from fairseq_l2rw.scoring.post_stratification import post_stratified

# Of the text features: digits of both sides, and those of either that the other one lacks.
_DIGITS, _LACKING = 5, [6, 7]
# Trusted pairs with digits may be few: what training pairs say that correspond counts as so many.
_PRIOR = 100.0
_HANDFUL = 5.0  # pairs with different digits that a text may have without anything being wrong


class Numerals:
    """Odds that a pair is bad, by which digits differ: none, those of one side, or of both.

    Args:
        numbers: what was learnt: ``odds``, that a pair is bad, shape (3,), 0 where nothing tells.
    """

    def __init__(self, numbers: Mapping[str, Tensor]) -> None:
        self.numbers = dict(numbers)

    @classmethod
    def learn(cls, train: Tensor, trusted: Tensor, good: Tensor) -> "Numerals":
        """From text features of pairs.

        Args:
            train: of N training pairs, shape (N, 8).
            trusted: of M trusted pairs, shape (M, 8).
            good: how likely each training pair is good by anything else, from 0 to 1, shape (N,).
        """
        train, good = train[train[:, _DIGITS] > 0], good.double()[train[:, _DIGITS] > 0]
        trusted = trusted[trusted[:, _DIGITS] > 0]
        # The more digits there are, the more may be written in another way.
        ones = torch.ones(len(train), dtype=torch.double)
        counts = post_stratified(train[:, _DIGITS], ones, trusted[:, _DIGITS])
        pairs, others = float(counts.sum()), len(trusted) + _PRIOR
        shares, usual = (_shares(train, x) for x in (counts, counts * good))
        expected = torch.bincount(_places(trusted), minlength=3) + _PRIOR * usual
        odds = torch.zeros(3, dtype=torch.double)
        for place in (1, 2) if pairs > 0 else ():
            falsely = expected[place] / others
            # By chance alone, if all of them were good; a handful is to be expected.
            few, share = falsely.clamp(min=_HANDFUL / pairs, max=1), shares[place]
            odds[place] = odds_of(precision_of_samples(share, falsely, pairs, others, few))
        return cls({"odds": odds})

    def odds(self, texts: Tensor) -> Tensor:
        """The odds that pairs are bad.

        Args:
            texts: text features of pairs, shape (N, 8).

        Returns:
            Shape (N,); exactly 0 for pairs whose sides have the same digits.
        """
        return self.numbers["odds"][_places(texts)]


def _shares(texts: Tensor, counts: Tensor) -> Tensor:
    """Shares of pairs by how many sides have others, shape (3,), where each counts so often."""
    found = torch.bincount(_places(texts), counts, minlength=3)
    return found / counts.sum().clamp(min=1e-30)


def _places(texts: Tensor) -> Tensor:
    """How many sides have digits that the other one lacks: 0, 1 or 2, shape (N,)."""
    return (texts[:, _LACKING] > 0).sum(1)
