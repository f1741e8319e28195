"""Plain training: every sentence weighs 1."""

import torch
from torch import Tensor

from fairseq_l2rw.observation import Observation
from fairseq_l2rw.weighting.base import Weighting, register


@register("uniform")
class Uniform(Weighting):
    """The floor that every other weighting is compared with."""

    plain = True  # and no units but sentences: tokens that all weigh 1 are nothing else

    def forward(self, seen: Observation) -> Tensor:
        """Ones, shape (N,)."""
        return torch.ones_like(seen.loss)
