"""Initial weights and nothing else: found before training, by comparison with trusted pairs."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from fairseq_l2rw.features.features import Features
from fairseq_l2rw.initial_weights.options import CHOICES, InitialOptions
from fairseq_l2rw.utils.checks import at_least, one_of
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.weighting.base import Weighting
from fairseq_l2rw.weighting.options import BY, flag_of, option
from fairseq_l2rw.weighting.registry import register


@register("initial")
class Initial(Weighting):
    """What ``deep`` begins with, for good: no meta-gradient, so any optimizer and precision."""

    units = ("sentence", "token")
    reads_initial_weights = True
    samples_by_weight = True
    factors = ("initial",)

    @dataclass
    class Options(Weighting.Options):
        """Options of ``initial``."""

        sharpness: float = option(
            3.0,
            "of the domain: how steeply a weight falls; lower it if good pairs get weights near 0",
        )
        tolerance: float = option(
            1.5,
            "of the domain: how far below the trusted pairs a weight falls; raise it if too much "
            "is rejected",
        )
        by: str = option("quality", BY)

    def __init__(self, cfg: Any) -> None:
        super().__init__(cfg)
        options = self.options
        for name in ("sharpness", "tolerance"):
            value = getattr(options, name)
            at_least(0, flag_of(name), value)
            if options.by == "quality" and value != getattr(self.Options, name):
                raise InputError(
                    f"{flag_of(name)} {value} is for the domain, which weights do not go by: add "
                    "by=both or by=domain"
                )
        one_of(flag_of("by"), options.by, CHOICES)
        self.initial_options = InitialOptions(
            options.by, options.sharpness, options.tolerance, self.unit
        )

    def explained(self, features: Features) -> tuple[Tensor, dict[str, Tensor]]:
        """Weights, shape (N,), which are their only factor."""
        weights = self(features)
        return weights, {"initial": weights}

    def forward(self, features: Features) -> Tensor:
        """Weights in [0, 1], shape (N,)."""
        return self.warmup_weights(features)
