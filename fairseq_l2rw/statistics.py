"""What the weights of an update were like, for fairseq's log (and so TensorBoard and wandb)."""

import torch
from fairseq.logging import metrics
from torch import Tensor

from fairseq_l2rw.workers import largest, total


def log_weights(weights: Tensor, fallbacks: Tensor) -> None:
    """Log mean, spread, extremes and effective sample size over all workers.

    Args:
        weights: of this worker's sentences in the update, shape (N,); N may be 0.
        fallbacks: how many of this worker's sub-batches fell back to uniform, a scalar.
    """
    weights = weights.double()
    sums = torch.stack([weights.new_tensor(len(weights)), weights.sum(), weights.square().sum()])
    count, mass, squares, fallen = total(torch.cat([sums, fallbacks.view(1)])).tolist()
    nothing = weights.new_tensor([-torch.inf])  # a worker may have dummy batches only
    ends = [torch.cat([weights, nothing]).max(), torch.cat([-weights, nothing]).max()]
    highest, negated_lowest = largest(torch.stack(ends)).tolist()
    values = {
        "weight_mean": mass / count,
        "weight_std": max(squares / count - (mass / count) ** 2, 0.0) ** 0.5,
        "weight_min": -negated_lowest,
        "weight_max": highest,
        # (sum w)^2 / (n sum w^2): the share of the sentences that plain training would have used.
        "weight_ess": mass**2 / (count * squares),
    }
    for name, value in values.items():
        metrics.log_scalar(name, value, weight=count, priority=600, round=6)  # l2rw's are small
    metrics.log_scalar_sum("weight_fallbacks", fallen, priority=610, round=0)
