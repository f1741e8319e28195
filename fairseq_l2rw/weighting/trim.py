"""Loss truncation: drop what the student finds hardest.

Kang and Hashimoto, 2020, "Improved Natural Language Generation via Loss Truncation" (ACL, arXiv
2004.14589). Their hot start is ``--weighting-warmup``.
"""

from dataclasses import dataclass

from torch import Tensor

from fairseq_l2rw.features.features import Features
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.weighting.base import Weighting
from fairseq_l2rw.weighting.options import option
from fairseq_l2rw.weighting.registry import register


@register("trim")
class Trim(Weighting):
    """Weight 0 for the sentences with the largest loss per token, 1 for the others.

    "Largest" is measured against recent training sentences, not within the batch, which fairseq
    fills with sentences of one length.
    """

    units = ("sentence", "token")
    reads = ("loss_rank",)
    weighs_any_pair = False

    @dataclass
    class Options(Weighting.Options):
        """Options of ``trim``."""

        drop: float = option(
            0.3,
            "fraction of the sentences that get weight 0, in [0, 1); raise it if more is noise",
        )

    def __init__(self, cfg: object) -> None:
        super().__init__(cfg)
        if not 0 <= self.options.drop < 1:
            raise InputError(f"--weighting-options drop must be in [0, 1), got {self.options.drop}")

    def forward(self, features: Features) -> Tensor:
        """Weights 0 or 1, shape (N,)."""
        return (features["loss_rank"] <= 1 - self.options.drop).to(features.sizes)
