"""The adjoint of gradient clipping by global norm."""

from typing import NamedTuple

import torch
from torch import Tensor

from fairseq_l2rw.metagradient.signature import Parameters


class Clipping(NamedTuple):
    """How an update's gradient g was clipped: c g with c = min(1, max_norm / (norm + epsilon)).

    Attributes:
        norm: |g| over all parameters of the student, before clipping.
        max_norm: the bound; 0 or less means that nothing is clipped.
        epsilon: what the clipping routine adds to the norm (fairseq and torch: 1e-6).
    """

    norm: float = 0.0
    max_norm: float = 0.0
    epsilon: float = 1e-6

    @property
    def factor(self) -> float:
        """c, 1 where nothing was clipped."""
        if self.max_norm <= 0:
            return 1.0
        return min(1.0, self.max_norm / (self.norm + self.epsilon))

    def pull_back(self, direction: dict[str, Tensor], clipped: Parameters) -> None:
        """Apply the adjoint of clipping to ``direction``, in place, one tensor after the other.

        Where clipping was active, dc/dg adds the rank-one term c' <g, q> g / |g| with
        c' = -max_norm / (|g| + epsilon)^2 (docs/mathematics.md, "Adjoints of the optimizers").

        Args:
            direction: q, tensors by parameter name.
            clipped: c g, tensors by parameter name, at least for the names in ``direction``.
        """
        if self.factor == 1.0 or not direction:
            return
        # g = clipped / c, so that <g, q> g = <clipped, q> clipped / c^2.
        parts = [torch.dot(q.flatten(), clipped[name].flatten()) for name, q in direction.items()]
        slope = self.max_norm / (self.norm + self.epsilon) ** 2 / self.norm / self.factor**2
        along = -slope * torch.stack(parts).sum()
        for name, q in direction.items():
            direction[name] = (clipped[name] * along).add_(q, alpha=self.factor)
