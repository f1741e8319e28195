"""How much like a trusted pair a training pair looks: the log ratio of two Gaussian densities."""

from dataclasses import dataclass

import torch
from torch import Tensor


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
        """Of the first F features, in units of ``scale``, shape (F,)."""
        n = len(scale)
        return cls(mean[:n] / scale, covariance[:n, :n] / torch.outer(scale, scale))


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


def compressed(ratio: Tensor) -> Tensor:
    """A log ratio with its extremes drawn in, so that a few outliers do not decide a regression."""
    return ratio.sign() * ratio.abs().log1p()
