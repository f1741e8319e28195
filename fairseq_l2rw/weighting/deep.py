"""The deep teacher: weights from the student's internal states and surface information."""

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor

from fairseq_l2rw.states import Observation
from fairseq_l2rw.weighting.base import Signal, Total, Weighting, register
from fairseq_l2rw.weighting.heads import HEADS, Head


@register("deep")
class Deep(Weighting):
    """Learning to Reweight with Deep Interactions (arXiv 2007.04649).

    The paper leaves the teacher's form open; here a head (``--teacher-head``) maps features, the
    encoder output and decoder states pooled over real tokens next to the surface information, to
    a weight in (0, 2).
    """

    reads_states: ClassVar[bool] = True
    learns: ClassVar[bool] = True

    def __init__(self, cfg: Any) -> None:
        super().__init__(cfg)
        self.head: Head = HEADS[cfg.teacher_head](cfg)

    def forward(self, seen: Observation) -> Tensor:
        """Weights in (0, 2), shape (N,); all 1 until the teacher has learnt something."""
        return self.head(seen.features())

    def learn(self, signals: Sequence[Signal], total: Total) -> dict[str, float]:
        """One step of the head on the meta-gradient."""
        return self.head.learn(signals, total)
