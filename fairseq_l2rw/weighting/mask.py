"""Gradient-guided loss masking (arXiv 2102.13549)."""

import torch
from torch import Tensor

from fairseq_l2rw.features.features import Features
from fairseq_l2rw.weighting.base import Weighting
from fairseq_l2rw.weighting.registry import register


@register("mask")
class Mask(Weighting):
    """Weight 1 where a sentence's gradient points the way of the dev gradient, else 0."""

    units = ("sentence", "token")
    reads_alignment = True
    weighs_any_pair = False

    def forward(self, features: Features) -> Tensor:
        """Weights 0 or 1, shape (N,); 1 until there is a dev gradient."""
        if features.alignment is None:
            return torch.ones_like(features.sizes)
        return (features.alignment > 0).to(features.sizes)
