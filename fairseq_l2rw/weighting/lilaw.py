"""LiLAW, a lightweight learnable adaptive weighting with three scalars (arXiv 2509.20786)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fairseq_l2rw.observation import Observation
from fairseq_l2rw.weighting.base import Signal, Total, Weighting, option, register
from fairseq_l2rw.weighting.descent import Descent, adam
from fairseq_l2rw.weighting.rows import finite, without


@register("lilaw")
class LiLAW(Weighting):
    """Easy, moderate and hard sentences weighted by alpha, delta and beta.

    With s the probability of the reference and m the largest probability,

        w = sigmoid(alpha s - m) + sigmoid(-(beta s - m)) + exp(-(delta s - m)^2 / 2).

    The authors' update is first order: one SGD step of the three scalars on the *weighted dev
    loss*, the student held fixed. By option the scalars follow the true meta-gradient instead, by
    Adam, because its scale is that of the student's steps.
    """

    units = ("sentence", "token")

    @dataclass
    class Options(Weighting.Options):
        """Options of ``lilaw``; the defaults are the authors'."""

        alpha: float = option(10.0, "initial weight of easy sentences, kept at 1 or more")
        beta: float = option(2.0, "initial weight of hard sentences")
        delta: float = option(6.0, "initial weight of moderate sentences, kept at beta or more")
        rate: float = option(5e-3, "learning rate of the three")
        decay: float = option(1e-4, "weight decay of the three")
        meta_gradient: bool = option(False, "follow the true meta-gradient, by Adam")

    def __init__(self, cfg: Any) -> None:
        super().__init__(cfg)
        self.learns = self.options.meta_gradient
        self.learns_from_dev = not self.options.meta_gradient
        self.alpha = _scalar(self.options.alpha)
        self.beta = _scalar(self.options.beta)
        self.delta = _scalar(self.options.delta)
        self.descent = Descent(self, self._optimizer)

    def forward(self, seen: Observation) -> Tensor:
        """Weights in (0, 3), shape (N,)."""
        s, m = seen.p_reference.double(), seen.p_best.double()
        easy = torch.sigmoid(self.alpha * s - m)
        hard = torch.sigmoid(-(self.beta * s - m))
        moderate = torch.exp(-((self.delta * s - m) ** 2) / 2)
        return (easy + hard + moderate).to(seen.loss)

    def learn_from_dev(self, seen: Observation) -> dict[str, float]:
        """The authors' first-order step, on the weighted dev loss per token."""
        good = finite(seen)
        seen = without(seen, good)  # a row that is not finite counts for nothing
        loss, sizes = seen.loss.double(), seen.sizes.double()
        whole = sizes.sum().clamp(min=1e-9)
        self.descent.down(lambda: (self(seen).double() * loss) @ sizes / whole)
        return {"teacher_skipped_trusted": float((~good).sum()), **self._kept_in_order()}

    def learn(self, signals: Sequence[Signal], total: Total) -> dict[str, float]:
        """A step along the true meta-gradient."""
        norm = self.descent.along(self, signals, total)
        log = {"teacher_gnorm": norm, "teacher_skipped_rows": float(self.descent.skipped)}
        return log | self._kept_in_order()

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
