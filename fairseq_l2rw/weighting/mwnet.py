"""Meta-Weight-Net (Shu et al., arXiv 1902.07379)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from fairseq_l2rw.features.features import Features
from fairseq_l2rw.utils.reduction import Total
from fairseq_l2rw.utils.rng import seeded
from fairseq_l2rw.weighting.base import Signal, Weighting
from fairseq_l2rw.weighting.descent import Descent, adam
from fairseq_l2rw.weighting.options import option
from fairseq_l2rw.weighting.registry import register


@register("mwnet")
class MetaWeightNet(Weighting):
    """A small network from a sentence's loss to its weight: 1 - hidden (ReLU) - 1 (sigmoid).

    Trained by Adam on the meta-gradient, which here goes through the student's real optimizer
    where the authors look ahead by plain SGD. They learn first and then weigh the same batch,
    divide by the size of the batch, and add weight decay to the gradient. Here a batch is weighed
    before it is learnt from, only ratios of weights count, and weight decay is decoupled.
    """

    units = ("sentence", "token")
    reads = ("loss",)
    learns = True

    @dataclass
    class Options(Weighting.Options):
        """Options of ``mwnet``."""

        hidden: int = option(
            100, "hidden units; raise it only if the log's teacher_gnorm stays high"
        )
        rate: float = option(
            1e-3, "Adam's learning rate; raise it if weights hardly move, lower it if they collapse"
        )
        decay: float = option(
            1e-4, "weight decay of the network; raise it if weights become all 0 or all 1"
        )

    def __init__(self, cfg: Any) -> None:
        super().__init__(cfg)
        hidden = self.options.hidden
        with seeded(cfg.seed):
            layers = [nn.Linear(1, hidden), nn.ReLU(), nn.Linear(hidden, 1), nn.Sigmoid()]
        self.net = nn.Sequential(*layers)
        self.descent = Descent(
            self.net,
            partial(adam, rate=self.options.rate, decay=self.options.decay),
        )

    def forward(self, features: Features) -> Tensor:
        """Weights in (0, 1), shape (N,)."""
        return self.net(features["loss"].float().unsqueeze(1)).squeeze(1).to(features.sizes)

    def learn(self, signals: Sequence[Signal], total: Total) -> dict[str, float]:
        """One Adam step along the meta-gradient."""
        return self.descent.along(self, signals, total)
