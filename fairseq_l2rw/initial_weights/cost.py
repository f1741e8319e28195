"""From the odds that a pair is bad to a weight: how cautious to be with pairs that may be good."""

import numpy as np
from torch import Tensor

#: A bad pair harms as much as so many good ones help; fewer, down to the next number, where good
#: pairs would lose more of their weight by that than the last one, as the trusted ones say.
HIGHEST_COST = 20.0
_LEAST_COST = 0.01
_LOSS = 0.03


def worth(odds: Tensor, cost: float | Tensor) -> Tensor:
    """What pairs are worth by the odds that they are bad, from 0 to 1: 1 / (1 + cost * odds).

    Args:
        odds: at least 0, shape (N,).
        cost: of a bad pair in good ones, a scalar.

    Returns:
        Shape (N,).
    """
    return 1 / (1 + cost * odds)


def affordable_cost(odds: Tensor, highest: float = HIGHEST_COST) -> float:
    """The cost of a bad pair in good ones that trusted pairs can bear.

    Args:
        odds: with which trusted pairs would be taken for bad, shape (M,).
        highest: cost to begin with.

    Returns:
        From 0.01 to the highest one; 0 where they can bear none of these: nothing is rejected then.
    """
    for cost in np.geomspace(highest, _LEAST_COST, 50).tolist():
        if 1 - worth(odds, cost).mean() <= _LOSS:
            return float(cost)
    return 0.0
