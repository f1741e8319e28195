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

from fairseq_l2rw.scoring.acceptance import precision_of_samples

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
        has, known = train[:, _DIGITS] > 0, trusted[:, _DIGITS] > 0
        places, good = _places(train)[has], good.double()[has]
        pairs, others = len(places), float(known.sum()) + _PRIOR
        shares = torch.bincount(places, minlength=3) / max(pairs, 1)
        usual = torch.bincount(places, good, minlength=3) / good.sum().clamp(min=1e-30)
        expected = torch.bincount(_places(trusted)[known], minlength=3) + _PRIOR * usual
        odds = torch.zeros(3, dtype=torch.double)
        for place in (1, 2) if pairs else ():
            falsely = expected[place] / others
            # By chance alone, if all of them were good; a handful is to be expected.
            few, share = falsely.clamp(min=_HANDFUL / pairs, max=1), shares[place].double()
            bad = precision_of_samples(share, falsely, pairs, int(others), few).clamp(max=1 - 1e-6)
            odds[place] = bad / (1 - bad)
        return cls({"odds": odds})

    def odds(self, texts: Tensor) -> Tensor:
        """The odds that pairs are bad.

        Args:
            texts: text features of pairs, shape (N, 8).

        Returns:
            Shape (N,); exactly 0 for pairs whose sides have the same digits.
        """
        return self.numbers["odds"][_places(texts)]


def _places(texts: Tensor) -> Tensor:
    """How many sides have digits that the other one lacks: 0, 1 or 2, shape (N,)."""
    return (texts[:, _LACKING] > 0).sum(1)
