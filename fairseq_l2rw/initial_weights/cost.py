"""From the odds that a pair is bad to a weight: how cautious to be with pairs that may be good."""

import numpy as np
import torch
from torch import Tensor

# What trusted pairs may lose of their weight, on average, and the steps in which costs fall to it.
_LOSS = 0.05
_STEPS = np.geomspace(1.0, 1 / 2000, 50).tolist()
_MOST = 1 - 1e-6  # probability


def odds_of(probability: Tensor) -> Tensor:
    """The odds of what has this probability, of its shape; a million to one at most."""
    likely = probability.clamp(max=_MOST)
    return likely / (1 - likely)


def worth(odds: Tensor, cost: float | Tensor) -> Tensor:
    """What pairs are worth by the odds that they are bad, from 0 to 1: 1 / (1 + cost * odds).

    Args:
        odds: at least 0, shape (N,), or (N, F) of F kinds of bad pairs.
        cost: of a bad pair in good ones, a scalar, or of shape (F,).

    Returns:
        Shape (N,), or (N, F).
    """
    return 1 / (1 + cost * odds)


def affordable_costs(odds: Tensor, highest: Tensor) -> Tensor:
    """The costs of bad pairs, in good ones, that trusted pairs can bear.

    A bad pair harms as much as so many good ones help. Costs are lowered where good pairs would
    lose more than a twentieth of their weight, as the trusted ones say: first of a kind by which
    these alone would lose so much, then of all kinds by the same factor, as their losses add up.

    Args:
        odds: with which trusted pairs would be taken for bad, by kind, shape (M, F).
        highest: costs to begin with, shape (F,).

    Returns:
        Shape (F,); 0 for a kind of which they can bear no cost: nothing is rejected then.
    """
    columns = zip(odds.unbind(1), highest, strict=True)
    alone = [_lowered(column.unsqueeze(1), cost.unsqueeze(0)) for column, cost in columns]
    return _lowered(odds, torch.cat(alone))


def _lowered(odds: Tensor, costs: Tensor) -> Tensor:
    """Costs (F,) by the largest factor at which trusted pairs can bear all of them together."""
    for part in _STEPS:
        if 1 - worth(odds, part * costs).prod(1).mean() <= _LOSS:
            return part * costs
    return torch.zeros_like(costs)
