"""Prior weights and nothing else: judged once, before training, beside the trusted pairs."""

from torch import Tensor

from fairseq_l2rw.observation import Observation
from fairseq_l2rw.weighting.base import Weighting, register


@register("prior")
class Prior(Weighting):
    """What ``deep`` begins with, for good: no meta-gradient, so any optimizer and precision."""

    units = ("sentence", "token")
    reads_prior = True
    draws = True

    def forward(self, seen: Observation) -> Tensor:
        """Weights in [0, 1], shape (N,)."""
        return self.early(seen)
