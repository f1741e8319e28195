"""Drop what the student finds hardest: self-paced learning, turned against noise."""

from dataclasses import dataclass

from torch import Tensor

from fairseq_l2rw.errors import InputError
from fairseq_l2rw.observation import Observation
from fairseq_l2rw.weighting.base import Weighting, option, register


@register("trim")
class Trim(Weighting):
    """Weight 0 for the sentences with the largest loss per token, 1 for the others.

    "Largest" is measured against recent training sentences, not within the batch, which fairseq
    fills with sentences of one length.
    """

    units = ("sentence", "token")

    @dataclass
    class Options(Weighting.Options):
        """Options of ``trim``."""

        drop: float = option(0.3, "fraction of the sentences that get weight 0, in [0, 1)")

    def __init__(self, cfg: object) -> None:
        super().__init__(cfg)
        if not 0 <= self.options.drop < 1:
            raise InputError(f"--weighting-options drop must be in [0, 1), got {self.options.drop}")

    def forward(self, seen: Observation) -> Tensor:
        """Weights 0 or 1, shape (N,)."""
        return (seen.column("loss_rank") <= 1 - self.options.drop).to(seen.loss)
