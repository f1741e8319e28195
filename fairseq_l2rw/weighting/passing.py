"""How far a score passes beside those of trusted pairs: from a score to a weight."""

import torch
from torch import Tensor


def passed(
    scores: Tensor, mean: Tensor, variance: Tensor, sharpness: float, tolerance: float | Tensor
) -> Tensor:
    """A sigmoid of the distance from the trusted pairs' scores: 1 for their mean.

    Args:
        scores: shape (N, ...).
        mean: of the trusted pairs' scores, shape (...).
        variance: likewise; where it is 0 nothing has been learnt, and every score passes.
        sharpness: how steeply it falls, per standard deviation.
        tolerance: standard deviations below the mean at which about half passes.
    """
    distance = torch.where(variance > 0, (scores - mean) / variance.sqrt(), 0.0)
    top = torch.sigmoid(torch.as_tensor(sharpness * tolerance).to(scores))
    return torch.sigmoid(sharpness * (distance + tolerance)) / top


def true_alarms(train: Tensor, trusted: Tensor) -> Tensor:
    """The part of what is turned away that would not be if all pairs were good, from 0 to 1.

    Some good pairs are turned away, too, and the trusted pairs tell how many. Raised to this power,
    a pass hardly turns any away where hardly any is bad, and stays as it is where most are.

    Args:
        train: the mean of 1 - :func:`passed` over training pairs, any shape.
        trusted: likewise over trusted pairs.
    """
    return (1 - trusted / train.clamp(min=1e-30)).clamp(min=0)
