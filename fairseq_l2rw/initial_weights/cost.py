"""From the odds that a pair is bad to a weight: how cautious to be with pairs that may be good."""

import numpy as np
from torch import Tensor

# A bad pair harms as much as so many good ones help; fewer, down to the second number, where good
# pairs would lose more of their weight by that than the third, as the trusted ones say.
_COST, _LEAST_COST = 20.0, 0.01
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


def affordable_cost(odds: Tensor) -> float:
    """The cost of a bad pair in good ones that trusted pairs can bear.

    Args:
        odds: with which trusted pairs would be taken for bad, shape (M,).

    Returns:
        From 0.01 to 20; 0 where they can bear none of these: then nothing is rejected.
    """
    for cost in np.geomspace(_COST, _LEAST_COST, 50).tolist():
        if 1 - worth(odds, cost).mean() <= _LOSS:
            return float(cost)
    return 0.0
