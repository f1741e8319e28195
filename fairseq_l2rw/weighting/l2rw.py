"""Learning to Reweight Examples for Robust Deep Learning (Ren et al., arXiv 1803.09050)."""

import torch
from torch import Tensor

from fairseq_l2rw.features.features import Features
from fairseq_l2rw.weighting.base import Weighting
from fairseq_l2rw.weighting.registry import register


@register("l2rw")
class L2RW(Weighting):
    """The positive part of the alignment of a sentence's gradient with the dev gradient.

    The published algorithm perturbs every weight by epsilon, looks one step ahead, and takes
    w_i = max(0, -dL_dev/d epsilon_i) at epsilon = 0. There the look-ahead *is* the student, so
    w_i is proportional to max(0, <grad L_dev, grad l_i>) with l_i per token. Normalising over the
    update is the criterion's. ``--weighting-warmup 0 --meta-interval 1 --meta-average 0
    --meta-params . --sentence-avg`` is the paper's algorithm, but for the bound of a step, the
    first update, and a dev loss without dropout and label smoothing. Without ``--sentence-avg``,
    long sentences count more (docs/mathematics.md, "The weightings").
    """

    units = ("sentence", "token")
    reads_alignment = True
    weighs_any_pair = False

    def forward(self, features: Features) -> Tensor:
        """Weights, shape (N,); 1 until there is a dev gradient."""
        if features.alignment is None:
            return torch.ones_like(features.sizes)
        return (features.alignment / features.sizes.clamp(min=1e-9)).clamp(min=0)
