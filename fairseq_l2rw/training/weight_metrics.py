"""What the weights of an update were like, for fairseq's log (and so TensorBoard and wandb)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from fairseq.logging import metrics
from torch import Tensor

from fairseq_l2rw.training.update_summary import Summary

# Numbers that are summed side by side, as every one of them takes operations at every update: by
# sentence and by update; and how many of these there are. What begins like this is not in the log.
_OF_WEIGHTS, _OF_UPDATES = "_weight_sums", "_update_sums"
_SENTENCES, _COUNT = "_sentences", "_count"
_NAMES = ("weight_mean", "weight_std", "weight_min", "weight_max", "weight_ess")


def log_weights(update: Summary, share: Tensor) -> None:
    """Log mean, spread, extremes and effective sample size of an update's weights.

    Args:
        update: the summary of all workers.
        share: how much of a full step the update was, see ``.usual_weight``, a scalar.
    """
    weights = update.applied_weights.double()
    deviation, mean = torch.std_mean(weights, correction=0)
    least, most = weights.aminmax()
    # (sum w)^2 / (n sum w^2): the share of the sentences that plain training would have used.
    size = mean.square() / weights.square().mean().clamp(min=1e-300)  # all may be 0
    # Tensors: a GPU is asked for them when the log is written.
    found = torch.stack([mean, deviation, least, most, size])
    metrics.log_scalar_sum(_OF_WEIGHTS, found * len(weights))
    metrics.log_scalar_sum(_SENTENCES, len(weights))
    for place, name in enumerate(_NAMES):
        # l2rw's are small
        _log(name, 600, partial(_average, _OF_WEIGHTS, _SENTENCES, place, 6))
    _log("step_share", 605, partial(_average, _OF_UPDATES, _COUNT, 0, 4))
    _log("weight_fallbacks", 610, _fallbacks)
    both = torch.stack([share.double(), update.fallback.double()])
    metrics.log_scalar_sum(_OF_UPDATES, both)
    metrics.log_scalar_sum(_COUNT, 1)


def _log(name: str, priority: int, value: Callable[[Any], float | None]) -> None:
    metrics.log_derived(name, value, priority=priority)


def _average(key: str, count: str, place: int, digits: int, meters: Any) -> float | None:
    """One of the numbers that are summed side by side, as a mean; None before the first update."""
    total = meters[count].sum
    return round(float(meters[key].sum[place]) / total, digits) if total else None


def _fallbacks(meters: Any) -> float | None:
    return float(meters[_OF_UPDATES].sum[1]) if meters[_COUNT].sum else None
