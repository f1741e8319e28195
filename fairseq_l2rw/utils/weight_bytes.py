"""Weights as bytes: of a corpus of a hundred million pairs every byte a pair is a hundred MB."""

import torch
from torch import Tensor

_STEPS = 200  # from 0 to 1: weights of two decimals are kept as they are
_UNKNOWN = 255
#: How far a weight up to 1 may be from what its byte says.
PRECISION = 0.51 / _STEPS


def to_bytes(weights: Tensor) -> Tensor:
    """Weights as bytes, to the nearest of 200 steps.

    Args:
        weights: numbers from 0, those above 1 taken for 1, or NaN where there is none; any shape.

    Returns:
        Of the same shape, uint8.
    """
    steps = (weights.clamp(0, 1) * _STEPS).round()
    return steps.nan_to_num(_UNKNOWN).to(torch.uint8)


def filled(count: int, weight: float) -> Tensor:
    """The same weight, or NaN, so many times, as ``to_bytes`` gives it, shape (count,)."""
    return to_bytes(torch.tensor(weight)).repeat(count)


def from_bytes(steps: Tensor) -> Tensor:
    """Weights, float32, from what ``to_bytes`` gave; NaN where there is none."""
    return (steps.float() / _STEPS).masked_fill(steps == _UNKNOWN, torch.nan)


def summary(steps: Tensor) -> str:
    """What ``to_bytes`` gave, in words for the log; weights that are not known are left out."""
    counts = torch.bincount(steps.flatten(), minlength=_UNKNOWN + 1)[: _STEPS + 1].double()
    weights, shares = torch.arange(_STEPS + 1) / _STEPS, counts / counts.sum()
    mean, few = float((shares * weights).sum()), float(shares[weights < 0.3].sum())
    return f"mean {mean:.2f}, {few:.0%} of pairs below 0.3"


def is_known(steps: Tensor) -> Tensor:
    """Where there is a weight, bool, from what ``to_bytes`` gave."""
    return steps != _UNKNOWN
