"""Running second moments of features and a target, with exponential forgetting."""

from typing import Any

import torch
from torch import Tensor, nn

from fairseq_l2rw.weighting.base import Total


class Moments(nn.Module):
    """Sums of n (1, x, y) (1, x, y)^T over all that was added, older additions decayed.

    One matrix holds all that a standardised ridge regression with intercept needs: counts, means,
    covariances. It does not depend on how sentences are split into batches, so a batch of one
    sentence is as good as any.

    Args:
        decay: factor on everything seen before, each time something is added.
    """

    matrix: Tensor

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("matrix", torch.zeros(0, 0, dtype=torch.float64))

    @property
    def width(self) -> int:
        """Number of features F."""
        return len(self.matrix) - 2

    def add(self, x: Tensor, y: Tensor, sizes: Tensor, total: Total) -> None:
        """Add rows x (N, F) with targets y (N,), each counted ``sizes`` (N,) times."""
        rows = torch.cat([torch.ones_like(y).unsqueeze(1), x, y.unsqueeze(1)], dim=1)
        local = rows.T @ (rows * sizes.unsqueeze(1))
        if self.matrix.numel() == 0:
            self.matrix = torch.zeros_like(local)
        self.matrix = self.decay * self.matrix.to(local.device) + total(local)

    def centre(self) -> tuple[Tensor, Tensor]:
        """Means (F,) and covariances (F, F) of the features."""
        m = self.matrix[:-1, :-1] / self.matrix[0, 0]
        return m[0, 1:], m[1:, 1:] - torch.outer(m[0, 1:], m[0, 1:])

    def scale(self) -> tuple[Tensor, Tensor, Tensor]:
        """Means and standard deviations of the features, and whether they vary, shape (F,) each.

        A feature that never varied has deviation 1.
        """
        m = self.matrix / self.matrix[0, 0]
        mean, squares = m[0, 1:-1], m.diagonal()[1:-1]
        variance = squares - mean.square()
        # Rounding leaves a tiny variance to a constant: judge it against the feature's own size.
        varies = variance > 1e-9 * squares
        deviation = torch.where(varies, variance.clamp(min=0).sqrt(), torch.ones_like(variance))
        return mean, deviation, varies

    def regression(self) -> tuple[Tensor, Tensor]:
        """Correlations (F, F) of the features, and covariances (F,) of standardised x with y.

        A feature that never varied correlates with nothing, itself included.
        """
        _, deviation, varies = self.scale()
        mean, covariance = self.centre()
        m = self.matrix / self.matrix[0, 0]
        correlation = covariance / torch.outer(deviation, deviation)
        correlation = correlation * torch.outer(varies, varies)
        target = (m[1:-1, -1] - mean * m[0, -1]) / deviation
        return correlation, target * varies

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        self.matrix = torch.zeros_like(state_dict[prefix + "matrix"])
        super()._load_from_state_dict(state_dict, prefix, *args)
