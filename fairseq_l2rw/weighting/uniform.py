"""Plain training: every sentence weighs 1."""

import torch
from torch import Tensor

from fairseq_l2rw.features.features import Features
from fairseq_l2rw.weighting.base import Weighting
from fairseq_l2rw.weighting.registry import register


@register("uniform")
class Uniform(Weighting):
    """The floor that every other weighting is compared with; it reads nothing."""

    plain = True  # and no units but sentences: tokens that all weigh 1 are nothing else

    def forward(self, features: Features) -> Tensor:
        """Ones, shape (N,)."""
        return torch.ones_like(features.sizes)
