"""Numerals: how likely a pair is bad whose sides have different digits.

A translation has the numbers of its source. Where it lacks some it may spell them in words, and
where it has others it may give the time by another clock: how often good pairs do that, trusted
pairs say. Where more training pairs do it than that, some of them are bad. Crawled text is full of
such pairs: the line of a price list beside another one's translation. Their words correspond, so
that nothing else tells.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fairseq_l2rw.initial_weights.cost import odds_of
from fairseq_l2rw.initial_weights.text_features import columns
from fairseq_l2rw.scoring.acceptance import local_precision
from fairseq_l2rw.scoring.post_stratification import post_stratified

# Trusted pairs with digits may be few: what training pairs say that correspond counts as so many.
_PRIOR = 100.0


@dataclass(frozen=True)
class Numerals:
    """Odds that a pair is bad, by which digits differ: none, those of one side, or of both.

    Attributes:
        odds_by_place: that a pair is bad, shape (3,), 0 where nothing tells.
    """

    odds_by_place: Tensor

    @classmethod
    def learn(cls, train: Tensor, trusted: Tensor, good: Tensor) -> "Numerals":
        """From text features of pairs.

        Args:
            train: of N training pairs, shape (N, 8).
            trusted: of M trusted pairs, shape (M, 8).
            good: how likely each training pair is good by anything else, from 0 to 1, shape (N,).
        """
        has_digits = [_digits(x) > 0 for x in (train, trusted)]
        train, good = train[has_digits[0]], good.double()[has_digits[0]]
        trusted = trusted[has_digits[1]]
        # The more digits there are, the more may be written in another way.
        ones = torch.ones(len(train), dtype=torch.double)
        counts = post_stratified(_digits(train), ones, _digits(trusted))
        pairs, others = float(counts.sum()), len(trusted) + _PRIOR
        shares, usual = (_shares(train, x) for x in (counts, counts * good))
        expected = torch.bincount(_places(trusted), minlength=3) + _PRIOR * usual
        odds = torch.zeros(3, dtype=torch.double)
        for place in (1, 2) if pairs > 0 else ():
            falsely = expected[place] / others
            odds[place] = odds_of(local_precision(shares[place], falsely, pairs, others))
        return cls(odds)

    def odds(self, features: Tensor) -> Tensor:
        """The odds that pairs are bad.

        Args:
            features: text features of pairs, shape (N, 8).

        Returns:
            Shape (N,); exactly 0 for pairs whose sides have the same digits.
        """
        return self.odds_by_place[_places(features)]


def _digits(features: Tensor) -> Tensor:
    """How many digits both sides have together, shape (N,)."""
    return columns(features, "digits").squeeze(1)


def _shares(features: Tensor, counts: Tensor) -> Tensor:
    """Shares of pairs by how many sides have others, shape (3,), where each counts so often."""
    found = torch.bincount(_places(features), counts, minlength=3)
    return found / counts.sum().clamp(min=1e-30)


def _places(features: Tensor) -> Tensor:
    """How many sides have digits that the other one lacks: 0, 1 or 2, shape (N,)."""
    return (columns(features, "source_digits_lacking", "target_digits_lacking") > 0).sum(1)
