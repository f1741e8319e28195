"""The adjoint of gradient clipping by global norm."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Clipping(NamedTuple):
    """How an update's gradient g was clipped: c g / d, c = min(1, max_norm / (norm + epsilon)).

    Attributes:
        norm: |g| over all parameters of the student, before clipping.
        max_norm: the bound; 0 or less means that nothing is clipped.
        epsilon: what the clipping routine adds to the norm (fairseq and torch: 1e-6).
        scale: d, what the optimizer divides a clipped gradient by.
    """

    norm: float = 0.0
    max_norm: float = 0.0
    epsilon: float = 1e-6
    scale: float = 1.0

    @property
    def factor(self) -> float:
        """c, 1 where nothing was clipped."""
        if self.max_norm <= 0:
            return 1.0
        return min(1.0, self.max_norm / (self.norm + self.epsilon))

    def pull_back(self, direction: list[Tensor], clipped: Sequence[Tensor]) -> None:
        """Apply the adjoint of clipping to ``direction``, in place, one tensor after the other.

        Where clipping was active, dc/dg adds the rank-one term c' <g, q> g / |g| with
        c' = -max_norm / (|g| + epsilon)^2 (docs/mathematics.md, "Adjoints of the optimizers").

        Args:
            direction: q, in tensors of any shapes.
            clipped: c g / d, in tensors of the same shapes.
        """
        if not direction:
            return
        if self.factor == 1.0:
            if self.scale != 1.0:
                torch._foreach_div_(direction, self.scale)
            return
        # g = d clipped / c, so that <g, q / d> g = d <clipped, q> clipped / c^2.
        pairs = zip(direction, clipped, strict=True)
        parts = [torch.dot(q.flatten(), given.flatten()) for q, given in pairs]
        slope = self.max_norm / (self.norm + self.epsilon) ** 2 / self.norm / self.factor**2
        along = -slope * self.scale * torch.stack(parts).sum()
        for n, given in enumerate(clipped):
            direction[n] = (given * along).add_(direction[n], alpha=self.factor / self.scale)
