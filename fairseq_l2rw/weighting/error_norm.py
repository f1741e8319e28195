"""Error norm truncation: leave out the tokens where the student is sure of something else.

Li et al., 2024, "Error Norm Truncation: Robust Training in the Presence of Data Noise for Text
Generation Models" (ICLR, arXiv 2310.00840).
"""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from fairseq_l2rw.features.features import Features
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.weighting.base import Weighting
from fairseq_l2rw.weighting.options import option
from fairseq_l2rw.weighting.registry import register

# Of a student that is sure of another token.
_LARGEST = 2**0.5


@register("error_norm")
class ErrorNorm(Weighting):
    """Weight 0 for a token whose error norm is above a threshold, 1 for the others.

    The error norm is the Euclidean distance between the student's distribution over types and the
    reference's, which is 1 for the reference. Of a student that does not know it is near 1, and of
    one that is sure of another token it is the square root of 2.

    The authors' code divides the loss by all tokens; here those of weight 0 do not count.
    """

    units = ("token",)
    reads = ("error_norm",)

    @dataclass
    class Options(Weighting.Options):
        """Options of ``error_norm``."""

        threshold: float = option(
            1.3,
            "error norm above which a token gets weight 0, from 0 to 1.41; lower it if more is "
            "noise; above 1 only what the student is surely wrong about is left out",
        )

    def __init__(self, cfg: Any) -> None:
        super().__init__(cfg)
        if not 0 < self.options.threshold <= _LARGEST:
            raise InputError(
                "--weighting-options threshold must be above 0 and at most 1.41, got "
                f"{self.options.threshold}"
            )

    def forward(self, features: Features) -> Tensor:
        """Weights 0 or 1, shape (N,)."""
        return (features["error_norm"] <= self.options.threshold).to(features.sizes)
