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
