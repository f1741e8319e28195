"""Outliers: how likely a pair is bad that is as odd as hardly any trusted pair is.

How odd a pair is in one respect is told in standard deviations of the trusted pairs. Some good
pairs are odd, too: how many, the trusted pairs say. Where many more training pairs are as odd as
that, most of these are bad. That is the local false discovery rate (Efron et al., 2001, "Empirical
Bayes Analysis of a Microarray Experiment"; docs/mathematics.md, "Initial weights"). So each pair is
decided about for itself, however few are bad.
"""

from collections.abc import Mapping

import torch
from scipy import stats
from torch import Tensor

from fairseq_l2rw.scoring.acceptance import rejection_precision, sampling_variance

#: Standard deviations from where on a pair is odd, and bounds of how odd it is.
_BOUNDS = (2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 10.0)
# Good pairs are not normally distributed: degrees of freedom of a t-distribution.
_FREEDOM = 5
#: In which respects a pair may be odd.
RESPECTS = ("copying", "lengths")
_COLUMNS = [2, 5]  # of the text features
# Of a target's tokens so many are copied where nothing was translated.
_NEARLY_ALL = 0.8
_HANDFUL = 5.0  # odd pairs that a text may have without anything being wrong
# Standard deviations at least: among trusted pairs there may be none of an oddity.
_SPREAD = 0.05


class Outliers:
    """Shares of good pairs by how odd a pair is in two respects.

    *Copying*: the fraction of target tokens that the source has, too; only nearly all are odd,
    since names, numbers and code are copied, in some kinds of text more than in others.
    *Lengths*: the log of target over source length, which varies the more the shorter they are.

    Args:
        numbers: what was learnt: ``mean``, of the trusted pairs' respects, shape (2,);
            ``variance``, of the first, and of the second how it falls with length, shape (2, 2);
            ``good``, the share of good pairs by respect and by oddness, shape (2, bounds + 1).
    """

    def __init__(self, numbers: Mapping[str, Tensor]) -> None:
        self.numbers = dict(numbers)

    @classmethod
    def learn(cls, train: Tensor, trusted: Tensor) -> "Outliers":
        """From text features of N training and M trusted pairs, shapes (N, 10) and (M, 10)."""
        respects = trusted[:, _COLUMNS]
        mean = respects.mean(0)
        variance = torch.stack([respects.var(0, correction=0), torch.zeros(2).to(respects)])
        variance[:, 1] = _variance_by_length((respects - mean)[:, 1].square(), _shortness(trusted))
        model = cls({"mean": mean, "variance": variance})
        places = zip(RESPECTS, model._places(train).T, model._places(trusted).T, strict=True)
        model.numbers["good"] = torch.stack(
            [_good(own, known, respect != "copying") for respect, own, known in places]
        )
        return model

    def weights(self, texts: Tensor) -> Tensor:
        """Shares of good pairs among those as odd, by respect.

        Args:
            texts: text features of pairs, shape (N, 10).

        Returns:
            From 0 to 1, shape (N, 2).
        """
        return self.numbers["good"].to(texts).T.gather(0, self._places(texts))

    def _places(self, texts: Tensor) -> Tensor:
        """How odd pairs are in each respect: the number of bounds that are passed, (N, 2)."""
        far = texts[:, _COLUMNS] - self.numbers["mean"]
        fixed, by_shortness = self.numbers["variance"]
        variance = fixed + by_shortness * _shortness(texts).unsqueeze(1)
        far = far / variance.sqrt().clamp(min=_SPREAD)
        far[:, 1] = far[:, 1].abs()
        far[:, 0] *= _copied(texts) >= _NEARLY_ALL
        return torch.bucketize(far, torch.tensor(_BOUNDS).to(far))


def _copied(texts: Tensor) -> Tensor:
    """The fraction of target tokens that the source has, too, but for the end, shape (N,)."""
    tokens = texts[:, 4].exp()
    return texts[:, 2] * tokens / (tokens - 1).clamp(min=1)


def _shortness(texts: Tensor) -> Tensor:
    """1 / source length + 1 / target length, (N,): their ratio varies with it."""
    return torch.exp(-texts[:, 3]) + torch.exp(-texts[:, 4])


def _variance_by_length(squares: Tensor, shortness: Tensor) -> Tensor:
    """The variance a + b * shortness of squared deviations (M,), neither below 0: a and b."""
    rows = torch.stack([torch.ones_like(shortness), shortness], 1)
    found = torch.linalg.lstsq(rows, squares.unsqueeze(1)).solution.squeeze(1)
    if bool((found >= 0).all()):
        return found
    # One of them is 0 then: the better of both.
    alone = rows.T @ squares / rows.square().sum(0)
    errors = (squares.unsqueeze(1) - rows * alone).square().sum(0)
    best = int(errors.argmin())
    return torch.zeros_like(found).index_fill(0, torch.tensor(best), float(alone[best]))


def _good(train: Tensor, trusted: Tensor, both_sides: bool) -> Tensor:
    """The share of good pairs by oddness, shape (bounds + 1,), never rising.

    Args:
        train: how odd the training pairs are, shape (N,).
        trusted: likewise, shape (M,).
        both_sides: whether either direction is odd.
    """
    known = [
        torch.bincount(places, minlength=len(_BOUNDS) + 1) / len(places)
        for places in (train, trusted)
    ]
    scale = ((_FREEDOM - 2) / _FREEDOM) ** 0.5  # of a variance of 1
    tails = torch.tensor([stats.t.sf(bound / scale, _FREEDOM) for bound in _BOUNDS])
    tails = tails * (2 if both_sides else 1)
    expected = torch.maximum(tails - torch.cat([tails[1:], tails.new_zeros(1)]), known[1][1:])
    bad = []
    for share, falsely in zip(known[0][1:].double(), expected.double(), strict=True):
        # By chance alone, if all of them were good; a handful of odd ones is to be expected.
        chance = sampling_variance(falsely.clamp(min=_HANDFUL / len(train)), len(train))
        chance = chance + sampling_variance(falsely, len(trusted))
        bad.append(rejection_precision(share, falsely, chance))
    good = 1 - torch.stack([torch.zeros_like(bad[0]), *bad])
    return good.cummin(0).values
