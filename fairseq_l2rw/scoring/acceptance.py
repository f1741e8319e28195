"""Acceptance: how far a pair is accepted beside the trusted pairs, from a score to a weight.

The equations are in docs/mathematics.md, "From scores to a weight".
"""

import math

import torch
from torch import Tensor

# Good pairs to a bad one from where on bad ones are rare.
_RARE = 5.0
# Standard errors within which chance may have rejected more pairs.
_CHANCE = 3.0
# Pairs of a bin of odd ones that a text may have without anything being wrong.
_HANDFUL = 5.0


def distance(scores: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Standard deviations above the mean of the trusted pairs' scores.

    Args:
        scores: shape (N, K).
        mean: of the trusted pairs' scores, shape (K,).
        variance: likewise; where it is 0 nothing has been learnt, and every distance is 0.

    Returns:
        Distances, shape (N, K).
    """
    return (scores - mean) / deviation(variance)


def deviation(variance: Tensor) -> Tensor:
    """Standard deviations, shape (K,): infinite where nothing varies, so that distances are 0."""
    return torch.where(variance > 0, variance.sqrt(), torch.inf)


def acceptance(
    distance: Tensor, sharpness: float, tolerance: float | Tensor, highest: Tensor | None = None
) -> Tensor:
    """A sigmoid of the ``distance`` from the trusted pairs' scores: 1 for their mean.

    Args:
        distance: in standard deviations, shape (N, K).
        sharpness: how steeply it falls, per standard deviation.
        tolerance: standard deviations below the mean at which it is about a half, a scalar or of
            shape (K,).
        highest: what the sigmoid of the mean is, if that is known, of the shape of ``tolerance``.

    Returns:
        Acceptances, shape (N, K), from 0 to a little above 1.
    """
    if highest is None:
        highest = torch.sigmoid(torch.as_tensor(sharpness * tolerance).to(distance))
    return torch.sigmoid(sharpness * (distance + tolerance)) / highest


def rejection_precision(train: Tensor, trusted: Tensor, variance: Tensor) -> Tensor:
    """The precision of rejection: the share of bad pairs among the rejected ones, from 0 to 1.

    Where all bad pairs are rejected and a good one as often as a trusted one, with probability f, a
    share t of the training pairs is rejected if a share (1 - t) / (1 - f) of them is good; so
    f (1 - t) / (1 - f) are rejected falsely, and the precision is 1 less that over t. Raised to
    this power, an acceptance hardly rejects any where hardly any is bad, and stays as it is where
    most are.

    As t and f vary by chance, it is taken times 1 - 9 s^2 / (t - f)^2, a nonnegative garrote
    (Breiman, 1995, "Better Subset Regression Using the Nonnegative Garrote"): within three standard
    errors s it is 0, so that pairs among which none is bad keep exactly their weights, and hardly
    less where t is clearly larger.

    Args:
        train: t, the mean of 1 - ``acceptance`` over training pairs, a scalar.
        trusted: f, likewise over trusted pairs.
        variance: s^2, of t - f, a scalar.

    Returns:
        The precision, a scalar.
    """
    shares = torch.stack([train, trusted])
    inside = shares.clamp(1e-30, 1 - 1e-6)
    all_odds, falsely_odds = inside / (1 - inside)
    more = (train - trusted).clamp(min=1e-30)
    certain = 1 - _CHANCE**2 * variance / more.square()
    return (1 - falsely_odds / all_odds).clamp(min=0) * certain.clamp(min=0)


def sampling_variance(share: Tensor, pairs: Tensor | float) -> Tensor:
    """The variance, at most, of a mean of numbers from 0 to 1 over pairs drawn one by one.

    Args:
        share: the mean, a scalar.
        pairs: how many, a scalar.

    Returns:
        The variance, a scalar.
    """
    return share * (1 - share) / pairs


def precision_of_samples(
    train: Tensor, trusted: Tensor, pairs: Tensor | float, trusted_pairs: Tensor | float
) -> Tensor:
    """The precision of rejection where both shares are of pairs drawn one by one.

    Args:
        train: t, see ``rejection_precision``, a scalar.
        trusted: f, likewise.
        pairs: how many training pairs there are, a scalar.
        trusted_pairs: how many trusted ones, a scalar.

    Returns:
        The precision, a scalar.
    """
    chance = sampling_variance(train, pairs) + sampling_variance(trusted, trusted_pairs)
    return rejection_precision(train, trusted, chance)


def local_precision(train: Tensor, trusted: Tensor, pairs: float, trusted_pairs: float) -> Tensor:
    """The share of bad pairs in a bin of odd ones, which may have a handful by chance.

    Args:
        train: the share of training pairs that is in it, a scalar.
        trusted: that of good pairs, likewise.
        pairs: how many training pairs there are, a scalar.
        trusted_pairs: how many trusted ones, a scalar.

    Returns:
        From 0 to 1, a scalar.
    """
    # As many as there would be if all were good.
    few = trusted.clamp(min=_HANDFUL / pairs, max=1)
    chance = sampling_variance(few, pairs) + sampling_variance(trusted, trusted_pairs)
    return rejection_precision(train, trusted, chance)


def tolerance_factor(train: Tensor, trusted: Tensor) -> Tensor:
    """How much more tolerant to be the fewer pairs are bad, from 1 (half are) to 2 (hardly any is).

    The point from which on a pair is more likely bad than good moves with the log odds of good
    pairs, as between any two normal densities of one variance; and the share of good pairs is
    (1 - t) / (1 - f) as in ``rejection_precision``.

    Args:
        train: t, the mean of 1 - ``acceptance`` over training pairs, a scalar.
        trusted: f, likewise over trusted pairs.

    Returns:
        The factor, a scalar.
    """
    good = ((1 - train) / (1 - trusted).clamp(min=1e-6)).clamp(1e-6, 1 - 1e-6)
    return 1 + ((good / (1 - good)).log() / math.log(_RARE)).clamp(0, 1)
