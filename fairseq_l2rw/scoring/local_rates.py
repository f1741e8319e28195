"""Local false discovery rates: how likely a pair with a score is bad, by trusted pairs' scores.

Where more training pairs than trusted ones have scores as low as that, some of them are bad (Efron
et al., 2001, "Empirical Bayes Analysis of a Microarray Experiment"; docs/mathematics.md, "The
eighth factor"). So each pair is decided about for itself, whatever share of all is bad.
"""

import torch
from scipy.optimize import isotonic_regression
from torch import Tensor

from fairseq_l2rw.scoring.acceptance import precision_of_samples

_BINS = 40  # of scores, of training pairs equally many each
# Trusted pairs may be few: training pairs say how so many of them score.
_PRIOR = 20.0
_MOST = 1 - 1e-6  # probability of being bad
_LEAST = 1e-30  # in place of 0 where 0 is divided


def local_rates(train: Tensor, weights: Tensor, trusted: Tensor) -> tuple[Tensor, Tensor]:
    """The probability that pairs are bad by bins of their scores.

    It is max(0, 1 - f / t), with t the share of training pairs in a bin and f that of good pairs,
    as trusted ones have it, where f / t never falls with the score.

    Args:
        train: scores of N training pairs, the higher the better, shape (N,).
        weights: how far each of them counts, shape (N,).
        trusted: scores of M trusted pairs, shape (M,).

    Returns:
        The bounds between bins, shape (B - 1,), and the probabilities, never rising, shape (B,);
        all of these are exactly 0 where chance explains them.
    """
    count = weights.sum()
    order = train.argsort()
    until = weights[order].cumsum(0) / count.clamp(min=_LEAST)
    steps = torch.linspace(0, 1, _BINS + 1)[1:-1].to(until)
    bounds = train[order][torch.searchsorted(until, steps).clamp(max=len(train) - 1)]
    share = torch.bincount(torch.bucketize(train, bounds), weights, minlength=_BINS)
    share = (share / count.clamp(min=_LEAST)).clamp(min=_LEAST)
    found = torch.bincount(torch.bucketize(trusted, bounds), minlength=_BINS)
    falsely = (found + _PRIOR * share) / (len(trusted) + _PRIOR)
    likely = isotonic_regression((falsely / share).numpy(), weights=share.numpy()).x
    bad = 1 - torch.from_numpy(likely.copy()).clamp(max=1, min=1 - _MOST)
    more = share @ bad, falsely @ bad
    # 0 where the one is within three standard errors of the other.
    certain = precision_of_samples(*more, count.clamp(min=1), len(trusted)) > 0
    return bounds, bad * certain
