"""How much like a trusted pair a training pair looks: log ratios of two Gaussian densities."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fairseq_l2rw.scoring.moments import LazyBuffers, Moments
from fairseq_l2rw.utils.reduction import Total, local_only

#: The likeness is made to tell trusted pairs from others, so they pass it better than others that
#: are as good; and what it is for, gross noise, is far out. So it is this much more tolerant.
TOLERANCE = 2.0
# Penalty of a feature of a part of F, times F: a part is expected to tell as much, however large.
_RIDGE = 0.1
# A pair that is left out is at most 1 / this times as far away. Without the only pair that goes in
# a direction nothing is known of it.
_LEAST = 0.1


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
        """The same distribution in units of ``scale``.

        Args:
            mean: shape (F,).
            covariance: shape (F, F).
            scale: shape (F,).
        """
        return cls(mean / scale, covariance / torch.outer(scale, scale))


def log_ratio(trusted: Gaussian, train: Gaussian, penalty: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The log density ratio of trusted to training pairs, up to a constant, as a quadratic form.

    The quadratic discriminant (docs/mathematics.md, "The score of likeness"), both covariances
    enlarged by a penalty, as in a ridge regression: it plays down what tells few trusted pairs from
    many others by chance alone.

    Args:
        trusted: density of trusted pairs.
        train: density of training pairs.
        penalty: what is added to the variances, shape (F,).

    Returns:
        A (F, F) and b (F,): the ratio at x is x^T A x + b^T x, in nats; and the precision of
        trusted pairs that is in it, shape (F, F).

    Raises:
        LinAlgError: where a covariance is not positive definite.
    """
    # By Cholesky: half the work of an inverse that does not know it is symmetric.
    roots = [torch.linalg.cholesky(g.covariance + penalty.diag()) for g in (trusted, train)]
    precisions = [torch.cholesky_inverse(root) for root in roots]
    pull = precisions[0] @ trusted.mean - precisions[1] @ train.mean
    return (precisions[1] - precisions[0]) / 2, pull, precisions[0]


def left_out(distance: Tensor, share: Tensor) -> Tensor:
    """Squared distances of pairs from a mean, with each pair left out of what they are by.

    That is of mean and covariance, by the formula of Sherman and Morrison; it is exact without a
    penalty (docs/mathematics.md, "The score of likeness").

    Args:
        distance: squared, in standard deviations, by mean and covariance of all M, shape (M, P).
        share: of each pair in these, from 0 to 1, shape (M, 1).

    Returns:
        Shape (M, P).
    """
    return distance / (1 - share * (1 + distance)).clamp(min=_LEAST)


class Likeness(LazyBuffers):
    """The log ratio in each of P parts as a feature, from moments of trusted and training pairs.

    In each, not in all at once: what is strange to one part would be one of many features there,
    and made up for by the others.

    Args:
        memory: see ``fairseq_l2rw.scoring.moments.Moments``.

    Attributes:
        parts: which features a part has, 1 or 0, shape (F, P), float64.
        curvature: A, which is 0 between parts, shape (F, F), float64.
        tilt: b of every part, which is 0 for the features of others, shape (F, P), float64.
    """

    parts: Tensor
    curvature: Tensor
    tilt: Tensor

    def __init__(self, memory: float) -> None:
        super().__init__()
        self.trusted, self.train_pairs = Moments(memory), Moments(memory)
        self.register_empty("parts", "curvature", "tilt", dims=2)
        # Of trusted pairs, 0 between parts, shape (F, F); from solve() on.
        self._precision: Tensor | None = None

    def begin(self, x: Tensor, widths: Sequence[int]) -> None:
        """Take features like x (N, F) in parts of these widths; all ratios are 0 until solved."""
        if self.parts.numel() == 0:
            self.parts = torch.block_diag(*(x.new_ones(width, 1) for width in widths))
            self.tilt = torch.zeros_like(self.parts)
            self.curvature = x.new_zeros(x.shape[1], x.shape[1])

    def forward(self, x: Tensor) -> Tensor:
        """The ratios at features x (N, F), shape (N, P), their extremes drawn in.

        A few outliers would otherwise decide a regression.
        """
        return _drawn_in(self._ratios(x))

    def of_trusted(self, x: Tensor, share: Tensor) -> Tensor:
        """The ratios at trusted pairs, each as if it had not been learnt from; ``solve`` first.

        Few pairs with many features are all near the mean of these few. Others that are as good are
        not, and would be rejected beside them.

        Args:
            x: features of trusted pairs, shape (M, F).
            share: of each in what was learnt from trusted pairs, from 0 to 1, shape (M,).

        Returns:
            Shape (M, P).
        """
        assert self._precision is not None  # solve() comes first
        beyond = x - self.trusted.mean()
        distance = ((beyond @ self._precision) * beyond) @ self.parts
        more = left_out(distance, share.unsqueeze(1)) - distance
        return _drawn_in(self._ratios(x) - more / 2)

    def _ratios(self, x: Tensor) -> Tensor:
        return ((x @ self.curvature) * x) @ self.parts + x @ self.tilt

    def add(self, x: Tensor, sizes: Tensor, total: Total) -> None:
        """Add training pairs x (N, F), each counted ``sizes`` (N,) times."""
        self.train_pairs.add(x, torch.zeros_like(sizes), sizes, total)

    def add_trusted(self, x: Tensor, sizes: Tensor) -> None:
        """Add trusted pairs x (M, F), each counted ``sizes`` (M,) times, alike on every worker."""
        self.trusted.add(x, torch.zeros_like(sizes), sizes, local_only)

    def solve(self) -> None:
        """Find the ratios, from all that was added.

        Raises:
            LinAlgError: as ``log_ratio``.
        """
        _, scale, _ = self.train_pairs.scale()
        # Where parts do not covary, the ratio of all features is the sum of those of the parts.
        together = self.parts @ self.parts.T  # 1 for features of one part
        trusted, train = (
            Gaussian.of(mean, covariance * together, scale)
            for mean, covariance in (self.trusted.centre(), self.train_pairs.centre())
        )
        curvature, tilt, precision = log_ratio(trusted, train, _RIDGE * together.sum(1))
        self.curvature, self._precision = (
            x / torch.outer(scale, scale) for x in (curvature, precision)
        )
        self.tilt = (tilt / scale).unsqueeze(1) * self.parts


def _drawn_in(ratio: Tensor) -> Tensor:
    return ratio.sign() * ratio.abs().log1p()
