"""What the weights of an update were like, for fairseq's log (and so TensorBoard and wandb)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from fairseq.logging import metrics
from torch import Tensor

from fairseq_l2rw.training.update_summary import Summary

# Numbers that are averaged side by side, as every one of them takes operations at every update: by
# sentence and by update. What begins like this is not in the log.
_OF_WEIGHTS, _OF_UPDATES = "_weights", "_updates"
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
    size = mean.square() / weights.square().mean()
    # Tensors: a GPU is asked for them when the log is written.
    found = torch.stack([mean, deviation, least, most, size])
    metrics.log_scalar(_OF_WEIGHTS, found, weight=len(weights))
    for place, name in enumerate(_NAMES):
        # l2rw's are small
        _log(name, 600, partial(_average, _OF_WEIGHTS, place, 6))
    _log("step_share", 605, partial(_average, _OF_UPDATES, 0, 4))
    _log("weight_fallbacks", 610, _fallbacks)
    metrics.log_scalar(_OF_UPDATES, torch.stack([share.double(), update.fallback.double()]))


def _log(name: str, priority: int, value: Callable[[Any], float | None]) -> None:
    metrics.log_derived(name, value, priority=priority)


def _average(key: str, place: int, digits: int, meters: Any) -> float | None:
    """One of the numbers that are averaged side by side; None before the first update."""
    found = meters[key].avg
    return None if found is None else round(float(found[place]), digits)


def _fallbacks(meters: Any) -> float | None:
    found = meters[_OF_UPDATES]
    return float(found.sum[1]) if found.count else None
