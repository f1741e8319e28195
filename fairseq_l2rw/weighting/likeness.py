"""How much like a trusted pair a training pair looks: the log ratio of two Gaussian densities."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fairseq_l2rw.weighting.base import Total
from fairseq_l2rw.weighting.moments import Growing, Moments

#: The likeness is made to tell trusted pairs from others, so they pass it better than others that
#: are as good; and what it is for, gross noise, is far out. So it is this much more tolerant.
TOLERANCE = 2.0
# Penalty of a feature of a part of F, times F: a part is expected to tell as much, however large.
_RIDGE = 0.1


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution of F features.

    Attributes:
        mean: shape (F,).
        covariance: shape (F, F).
    """

    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, mean: Tensor, covariance: Tensor, scale: Tensor) -> "Gaussian":
        """In units of ``scale``, shape (F,)."""
        return cls(mean / scale, covariance / torch.outer(scale, scale))


def log_ratio(trusted: Gaussian, train: Gaussian, penalty: Tensor) -> tuple[Tensor, Tensor]:
    """The log density ratio of trusted to training pairs, up to a constant, as a quadratic form.

    Fisher's quadratic discriminant, both covariances enlarged by ``penalty``, shape (F,), as in a
    ridge regression: it plays down what tells few trusted pairs from many others by chance alone.

    Returns:
        A (F, F) and b (F,): the ratio at x is x^T A x + b^T x.
    """
    precisions = [torch.linalg.inv(g.covariance + penalty.diag()) for g in (trusted, train)]
    pull = precisions[0] @ trusted.mean - precisions[1] @ train.mean
    return (precisions[1] - precisions[0]) / 2, pull


class Likeness(Growing):
    """The log ratio as a feature, from moments of trusted and of training pairs.

    Args:
        memory: see :class:`fairseq_l2rw.weighting.moments.Moments`.
    """

    curvature: Tensor
    tilt: Tensor

    def __init__(self, memory: float) -> None:
        super().__init__()
        self.trusted, self.train_pairs = Moments(memory), Moments(memory)
        self.register_buffer("curvature", torch.zeros(0, 0, dtype=torch.float64))
        self.register_buffer("tilt", torch.zeros(0, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """The ratio at features x (N, F), shape (N,), its extremes drawn in; 0 at first.

        A few outliers would otherwise decide a regression.
        """
        if self.tilt.numel() == 0:
            return x.new_zeros(len(x))
        ratio = ((x @ self.curvature) * x).sum(1) + x @ self.tilt
        return ratio.sign() * ratio.abs().log1p()

    def add(self, x: Tensor, sizes: Tensor, total: Total) -> None:
        """Add training pairs x (N, F), each counted ``sizes`` (N,) times."""
        self.train_pairs.add(x, torch.zeros_like(sizes), sizes, total)

    def add_trusted(self, x: Tensor, sizes: Tensor) -> None:
        """Add trusted pairs, the same on every worker."""
        self.trusted.add(x, torch.zeros_like(sizes), sizes, lambda local: local)

    def solve(self, widths: Sequence[int]) -> None:
        """The ratio, from all that was added; ``widths`` say how many features a part has."""
        _, scale, _ = self.train_pairs.scale()
        trusted = Gaussian.of(*self.trusted.centre(), scale)
        train = Gaussian.of(*self.train_pairs.centre(), scale)
        penalty = torch.cat([scale.new_full((width,), _RIDGE * width) for width in widths])
        curvature, tilt = log_ratio(trusted, train, penalty)
        self.curvature = curvature / torch.outer(scale, scale)
        self.tilt = tilt / scale
