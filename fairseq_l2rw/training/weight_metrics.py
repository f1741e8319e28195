"""What the weights of an update were like, for fairseq's log (and so TensorBoard and wandb)."""

from collections.abc import Sequence

import torch
from fairseq.logging import metrics
from torch import Tensor

from fairseq_l2rw.training.update_summary import Summary


def log_weights(update: Sequence[Summary], share: Tensor | float) -> None:
    """Log mean, spread, extremes and effective sample size of an update's weights.

    Args:
        update: the summaries of all workers.
        share: how much of a full step the update was, see ``.usual_weight``.
    """
    if not update:  # out of memory everywhere
        return
    weights = torch.cat([s.applied_weights for s in update]).double()
    metrics.log_scalar("step_share", share, priority=605, round=4)
    deviation, mean = torch.std_mean(weights, correction=0)
    least, most = weights.aminmax()
    found = {
        "weight_mean": mean,
        "weight_std": deviation,
        "weight_min": least,
        "weight_max": most,
        # (sum w)^2 / (n sum w^2): the share of the sentences that plain training would have used.
        "weight_ess": mean.square() / weights.square().mean(),
    }
    # Tensors: a GPU is asked for them when the log is written.
    for name, value in found.items():
        # l2rw's are small
        metrics.log_scalar(name, value, weight=len(weights), priority=600, round=6)
    fallen = torch.stack([s.fallback for s in update]).sum()
    metrics.log_scalar_sum("weight_fallbacks", fallen, priority=610, round=0)
