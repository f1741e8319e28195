"""How large a step an update is: no larger than the weights of its pairs say.

The gradient of an update is divided by S = sum_i w_i n_i over all its sub-batches and workers, so
that only ratios of weights count. Without a bound, an update of which every pair has next to no
weight would be as large a step as any other: a full step on noise. So S is at least a share of
what it would be with usual weights (``fairseq_l2rw.metagradient.normaliser``).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fairseq_l2rw.metagradient import Batch, normaliser, update_sums
from fairseq_l2rw.training.update_summary import Summary
from fairseq_l2rw.utils.reduction import Total

#: Below this share of usual weight an update is smaller than a full step. It is far enough below 1
#: that updates which hold good and bad pairs stay as they are.
SHARE = 0.25
# Updates that the usual weight is a mean of: weights by gradients shrink as the student learns.
_MEMORY = 50
# The same of half precision's scale, which follows the last updates.
_SHORT_MEMORY = 5


class UsualWeight(nn.Module):
    """The mean weight of a target token in recent updates: by it others are large or small.

    Args:
        absolute: whether 1 is the weight of plain training by the meaning of the weights. If not,
            only ratios count, and the mean is learnt from the updates after warm-up.

    Attributes:
        mean: the mean weight, a scalar.
        recent: the same over the last few updates, a scalar.
        count: updates that had any weight, a scalar.
    """

    mean: Tensor
    recent: Tensor
    count: Tensor

    def __init__(self, absolute: bool) -> None:
        super().__init__()
        self.absolute = absolute
        for name in ("mean", "recent", "count"):
            self.register_buffer(name, torch.zeros((), dtype=torch.float64))

    def value(self, in_warmup: bool) -> Tensor | float:
        """The usual weight, a scalar: 0 where nothing is known yet, 1.0 where weights say it.

        Args:
            in_warmup: whether ``--weighting-warmup`` lasts, whose weights are absolute for all.
        """
        return 1.0 if self.absolute or in_warmup else self.mean

    @property
    def scale(self) -> Tensor:
        """What losses without weights are multiplied with in half precision, a scalar.

        fairseq's loss scale grows until *weighted* losses are too large. Where these are a
        thousandth of the others, the others would be infinite long before.
        """
        return torch.where(self.recent > 0, self.recent, 1.0)

    def add(self, update: Summary) -> None:
        """Take in an update after warm-up, of all workers; one without any weight says nothing."""
        if self.absolute:
            return
        sizes = update.sizes.double()
        # With --ignore-prefix-size an update may have no token at all.
        found = update.applied_weights.double() @ sizes / sizes.sum().clamp(min=1e-30)
        counts = (found > 0).to(self.count)
        self.count += counts
        for mean, memory in ((self.mean, _MEMORY), (self.recent, _SHORT_MEMORY)):
            mean += counts / self.count.clamp(min=1, max=memory) * (found - mean)


def step_normaliser(
    batches: Sequence[Batch], total: Total, device: torch.device
) -> tuple[Tensor, Tensor]:
    """S of an update over all workers, and the share of a full step that it then is; scalars.

    Every worker must call it.

    Args:
        batches: its sub-batches, of this worker.
        total: sums a tensor over workers.
        device: where they are.
    """
    weighted, bound = update_sums(batches, total, device)
    size = normaliser(weighted, bound)
    return size, weighted / size
