"""LiLAW, a lightweight learnable adaptive weighting with three scalars (arXiv 2509.20786)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fairseq_l2rw.features.features import Features
from fairseq_l2rw.utils.reduction import Total
from fairseq_l2rw.weighting.base import Signal, Weighting
from fairseq_l2rw.weighting.descent import Descent, adam
from fairseq_l2rw.weighting.options import option
from fairseq_l2rw.weighting.registry import register
from fairseq_l2rw.weighting.rows import finite, masked

PROBABILITIES = ("reference_probability", "best_probability")


@register("lilaw")
class LiLAW(Weighting):
    """Easy, moderate and hard sentences weighted by alpha, delta and beta.

    With s the probability of the reference and m the largest probability,

        w = sigmoid(alpha s - m) + sigmoid(-(beta s - m)) + exp(-(delta s - m)^2 / 2).

    The authors' update is first order: one SGD step of the three scalars on the *weighted loss of
    trusted pairs*, the student held fixed. That is the training loss, label smoothing included. By
    option the scalars follow the true meta-gradient instead, by Adam, because its scale is that of
    the student's steps.
    """

    units = ("sentence", "token")
    reads = (*PROBABILITIES, "loss")

    @dataclass
    class Options(Weighting.Options):
        """Options of ``lilaw``; the defaults are the authors'."""

        alpha: float = option(
            10.0, "slope for easy sentences, at least 1; lower it to trust them less"
        )
        beta: float = option(2.0, "slope for hard sentences; raise it to give them less weight")
        delta: float = option(
            6.0, "slope for moderate sentences, at least beta; lower it to count more as moderate"
        )
        rate: float = option(5e-3, "learning rate of the three; raise it if they hardly move")
        decay: float = option(1e-4, "weight decay of the three; raise it if they run away")
        meta_gradient: bool = option(
            False,
            "follow the true meta-gradient, by Adam, instead of the authors' first-order step",
        )

    def __init__(self, cfg: Any) -> None:
        super().__init__(cfg)
        self.learns = self.options.meta_gradient
        self.learns_from_trusted = not self.options.meta_gradient
        self.alpha = _scalar(self.options.alpha)
        self.beta = _scalar(self.options.beta)
        self.delta = _scalar(self.options.delta)
        self.descent = Descent(self, self._optimizer)

    def forward(self, features: Features) -> Tensor:
        """Weights in (0, 3), shape (N,)."""
        s, m = (features[name].double() for name in PROBABILITIES)
        easy = torch.sigmoid(self.alpha * s - m)
        hard = torch.sigmoid(-(self.beta * s - m))
        moderate = torch.exp(-((self.delta * s - m) ** 2) / 2)
        return (easy + hard + moderate).to(features.sizes)

    def learn_from_trusted(self, features: Features) -> dict[str, float]:
        """The authors' first-order step, on the weighted loss of trusted pairs per token."""
        good = finite(features)
        features = masked(features, good)  # a row that is not finite counts for nothing
        loss, sizes = features["loss"].double(), features.sizes.double()
        whole = sizes.sum().clamp(min=1e-9)
        self.descent.down(lambda: (self(features).double() * loss) @ sizes / whole)
        return {"teacher_skipped_trusted": float((~good).sum()), **self._kept_in_order()}

    def learn(self, signals: Sequence[Signal], total: Total) -> dict[str, float]:
        """A step along the true meta-gradient."""
        return self.descent.along(self, signals, total) | self._kept_in_order()

    @torch.no_grad()
    def _kept_in_order(self) -> dict[str, float]:
        self.alpha.clamp_(min=1.0)
        self.delta.copy_(torch.maximum(self.delta, self.beta))
        return {f"lilaw_{n}": float(p) for n, p in self.named_parameters()}

    def _optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        rate, decay = self.options.rate, self.options.decay
        if self.learns:
            return adam(parameters, rate, decay)
        return torch.optim.SGD(parameters, lr=rate, weight_decay=decay)


def _scalar(value: float) -> nn.Parameter:
    return nn.Parameter(torch.tensor(value, dtype=torch.float64))
