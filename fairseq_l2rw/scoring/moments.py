"""What of many additions is remembered: their moments, with forgetting, or the latest ones."""

from typing import Any

import torch
from torch import Tensor, nn

from fairseq_l2rw.utils.reduction import Total


class LazyBuffers(nn.Module):
    """A module whose buffers get their shapes from the first batch, or from a state to resume.

    They stay on the module's device, wherever the state comes from.
    """

    def register_empty(
        self, *names: str, dims: int = 1, dtype: torch.dtype = torch.float64
    ) -> None:
        """Register buffers without an element, or with a 0 where they are scalars.

        Args:
            names: of the buffers.
            dims: how many dimensions they have, 0 for scalars.
            dtype: of their elements.
        """
        for name in names:
            self.register_buffer(name, torch.zeros([0] * dims, dtype=dtype))

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep every buffer in the usual order of elements.

        Products round differently in another one, and what fairseq broadcasts to other workers on a
        resume comes without it.
        """
        if isinstance(value, Tensor) and name in self.__dict__.get("_buffers", {}):
            value = value.contiguous()
        super().__setattr__(name, value)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        for name, buffer in self._buffers.items():
            if buffer is not None and prefix + name in state_dict:
                kept = state_dict[prefix + name]
                self._buffers[name] = torch.zeros_like(kept, device=buffer.device)
        super()._load_from_state_dict(state_dict, prefix, *args)


class RunningMean(LazyBuffers):
    """A running mean: up to ``memory`` additions all count alike, then older ones are forgotten.

    Args:
        memory: additions after which one is mostly forgotten.

    Attributes:
        count: additions so far, a scalar.
        value: the mean, of the additions' shape; empty before the first.
    """

    count: Tensor
    value: Tensor

    def __init__(self, memory: float) -> None:
        super().__init__()
        self.memory = memory
        self.register_empty("count", dims=0)
        self.register_empty("value")

    def update(self, value: Tensor) -> None:
        """Let a tensor of the shape of the others count."""
        self.count = self.count + 1
        before = self.value if self.value.numel() else torch.zeros_like(value)
        self.value = before + (value - before) / self.count.clamp(max=self.memory).to(value)


class SuffixAverage(LazyBuffers):
    """The later half of what was added, at most the ``most`` latest of it.

    Their mean is a suffix average (Rakhlin, Shamir and Sridharan, 2012, "Making Gradient Descent
    Optimal for Strongly Convex Stochastic Optimization"): what came first, far from what lasts, is
    soon out of it altogether, where a ``RunningMean`` would go on about it.

    Args:
        most: additions to remember, at least 1.

    Attributes:
        count: additions so far, a scalar.
        values: K of them, the latest last, shape (K, ...); empty before the first.
    """

    count: Tensor
    values: Tensor

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.register_empty("count", dims=0, dtype=torch.int64)
        self.register_empty("values")

    def __len__(self) -> int:
        return len(self.values)

    def add(self, value: Tensor) -> None:
        """Let a tensor of the shape of the others count."""
        self.count = self.count + 1
        kept = min(self.most, (int(self.count) + 1) // 2)
        values = (
            torch.cat([self.values.to(value), value.unsqueeze(0)]) if len(self) else value[None]
        )
        self.values = values[-kept:]


class Moments(RunningMean):
    """The running mean of what additions sum up to: n (1, x, y) (1, x, y)^T over their rows.

    One matrix holds all that a standardised ridge regression with intercept needs: counts, means,
    covariances. It does not depend on how sentences are split into batches, so a batch of one
    sentence is as good as any.
    """

    @property
    def width(self) -> int:
        """Number of features F."""
        return len(self.value) - 2

    def add(self, x: Tensor, y: Tensor, sizes: Tensor, total: Total) -> None:
        """Add rows x (N, F) with targets y (N,), each counted ``sizes`` (N,) times."""
        self.update(total(self.sums(x, y, sizes)))

    @staticmethod
    def sums(x: Tensor, y: Tensor, sizes: Tensor) -> Tensor:
        """What ``add`` sums up over workers, for ``update``; shape (F + 2, F + 2)."""
        rows = torch.cat([torch.ones_like(y).unsqueeze(1), x, y.unsqueeze(1)], dim=1)
        return rows.T @ (rows * sizes.unsqueeze(1))

    def mean(self) -> Tensor:
        """Means of the features, shape (F,)."""
        return self.value[0, 1:-1] / self.value[0, 0]

    def centre(self) -> tuple[Tensor, Tensor]:
        """Means of the features, shape (F,), and their covariances, shape (F, F)."""
        m = self.value[:-1, :-1] / self.value[0, 0]
        return m[0, 1:], m[1:, 1:] - torch.outer(m[0, 1:], m[0, 1:])

    def scale(self) -> tuple[Tensor, Tensor, Tensor]:
        """Means and standard deviations of the features, and whether they vary, shape (F,) each.

        A feature that never varied has deviation 1.
        """
        size = self.value[0, 0]
        mean, squares = self.value[0, 1:-1] / size, self.value.diagonal()[1:-1] / size
        variance = squares - mean.square()
        # Rounding leaves a tiny variance to a constant: judge it against the feature's own size.
        varies = variance > 1e-9 * squares
        deviation = torch.where(varies, variance.clamp(min=0).sqrt(), torch.ones_like(variance))
        return mean, deviation, varies

    def regression(self) -> tuple[Tensor, Tensor]:
        """Correlations of the features, and covariances of standardised x with y.

        What a ridge regression is solved from (docs/mathematics.md, "The score of the regression").
        A feature that never varied correlates with nothing, itself included.

        Returns:
            Shapes (F, F) and (F,).
        """
        _, deviation, varies = self.scale()
        mean, covariance = self.centre()
        last = self.value[:-1, -1] / self.value[0, 0]
        correlation = covariance / torch.outer(deviation, deviation)
        correlation = correlation * torch.outer(varies, varies)
        target = (last[1:] - mean * last[0]) / deviation
        return correlation, target * varies


def weighted_mean(values: Tensor, counts: Tensor, total: Total) -> Tensor:
    """The mean over the rows of all workers, shape (K,).

    Args:
        values: shape (N, K).
        counts: how often each row counts, shape (N,).
        total: sums a tensor over workers; every worker must call.
    """
    sums = total(torch.cat([counts @ values, counts.sum().view(1)]))
    return sums[:-1] / sums[-1]
