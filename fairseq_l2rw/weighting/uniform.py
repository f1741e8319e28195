"""Plain training: every sentence weighs 1."""

from typing import ClassVar

import torch
from torch import Tensor

from fairseq_l2rw.states import Observation
from fairseq_l2rw.weighting.base import Weighting, register


@register("uniform")
class Uniform(Weighting):
    """The floor that every other weighting is compared with."""

    plain: ClassVar[bool] = True

    def forward(self, seen: Observation) -> Tensor:
        """Ones, shape (N,)."""
        return torch.ones_like(seen.loss)
