"""Running second moments of features and a target, with exponential forgetting."""

from typing import Any

import torch
from torch import Tensor, nn

from fairseq_l2rw.weighting.base import Total


class Growing(nn.Module):
    """A module whose buffers get their shapes from the first batch, or from a state to resume."""

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        for name, buffer in self._buffers.items():
            if buffer is not None and prefix + name in state_dict:
                self._buffers[name] = torch.zeros_like(state_dict[prefix + name])
        super()._load_from_state_dict(state_dict, prefix, *args)


class Forgetting(Growing):
    """Counts what was added, and says how much of it the newest addition makes up.

    Early on the older half is forgotten: a student changes fastest when it is new.

    Args:
        memory: additions after which one is mostly forgotten, at most.
    """

    count: Tensor

    def __init__(self, memory: float) -> None:
        super().__init__()
        self.memory = memory
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))

    def _share(self) -> Tensor:
        """One more: the share of the newest addition, 1 if it replaces all others."""
        self.count = self.count + 1
        return 1 / (self.count / 2).clamp(1, self.memory)


class Running(Forgetting):
    """A running mean."""

    value: Tensor

    def __init__(self, memory: float) -> None:
        super().__init__(memory)
        self.register_buffer("value", torch.zeros(0, dtype=torch.float64))

    def add(self, value: Tensor) -> None:
        """Let a tensor of the shape of the others count."""
        share = self._share().to(value)
        before = self.value if self.value.numel() else torch.zeros_like(value)
        self.value = before + (value - before) * share


class Moments(Forgetting):
    """Sums of n (1, x, y) (1, x, y)^T over all that was added, older additions decayed.

    One matrix holds all that a standardised ridge regression with intercept needs: counts, means,
    covariances. It does not depend on how sentences are split into batches, so a batch of one
    sentence is as good as any.
    """

    matrix: Tensor

    def __init__(self, memory: float) -> None:
        super().__init__(memory)
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
        kept = 1 - self._share().to(local)
        self.matrix = kept * self.matrix.to(local.device) + total(local)

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
