"""The published form of a teacher: a small network, trained on the meta-gradient.

That much is as in arXiv 2007.04649; the network's form, the range of its weights and its optimizer
are ours.
"""

from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fairseq_l2rw.scoring.moments import Moments
from fairseq_l2rw.utils.reduction import Total
from fairseq_l2rw.utils.rng import seeded
from fairseq_l2rw.weighting.base import Signal
from fairseq_l2rw.weighting.descent import Descent, adam
from fairseq_l2rw.weighting.rows import Rows
from fairseq_l2rw.weighting.teachers.head import Head, Read
from fairseq_l2rw.weighting.teachers.options import TeacherOptions


class MLPHead(Head):
    """One hidden layer, trained by Adam on the exact meta-gradient.

    Inputs are standardised with running moments. The last layer starts at zero, so that every
    weight starts at 1: w = 2 sigmoid(MLP(x)).
    """

    own_options = ("hidden", "rate")
    reads_all = True

    def __init__(
        self, options: TeacherOptions, parts: Collection[str], seed: int, read: Read
    ) -> None:
        super().__init__(options, parts, seed, read)
        self.hidden, self.rate, self.seed = options.hidden, options.rate, seed
        self.moments = Moments(options.memory)
        self.net: nn.Sequential | None = None  # the width is known from the first batch on
        self.descent: Descent | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        """Weights in (0, 2), shape (N,), from inputs of shape (N, F)."""
        if self.net is None:
            return inputs.new_ones(len(inputs))
        return 2 * torch.sigmoid(self.net(self._standardised(inputs))).squeeze(1)

    def learn(self, signals: Sequence[Signal], total: Total) -> dict[str, float]:
        """One Adam step along sum_i (dL_dev/dw_i) dw_i/dphi, the sum taken over workers."""
        rows = Rows.of(signals, self.inputs, total, self.moments.value.device)
        log = {"teacher_skipped_rows": float(rows.skipped)}
        if not rows.count:
            return log
        self.moments.add(rows.inputs, rows.target, rows.sizes, total)
        if self.descent is None:
            self._build(self.moments.width)
        assert self.descent is not None
        return self.descent.along(lambda features: self(self.inputs(features)), signals, total)

    def _standardised(self, inputs: Tensor) -> Tensor:
        mean, deviation, _ = self.moments.scale()
        scaled = (inputs.double() - mean) / deviation
        return scaled.clamp(-5, 5).float()

    def _build(self, width: int) -> None:
        with seeded(self.seed), torch.no_grad():
            first, last = nn.Linear(width, self.hidden), nn.Linear(self.hidden, 1)
            first.weight.normal_(0.0, width**-0.5)
            for value in (first.bias, last.weight, last.bias):
                value.zero_()
        self.net = nn.Sequential(first, nn.Tanh(), last).to(self.moments.value.device)
        self.descent = Descent(self.net, lambda p: adam(p, self.rate))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        first = state_dict.get(prefix + "net.0.weight")
        if first is not None:
            self._build(first.shape[1])  # torch goes on to fill it
        super()._load_from_state_dict(state_dict, prefix, *args)
