"""The deep teacher: weights from the student's internal states and surface information."""

from typing import Any

from fairseq_l2rw.weighting.base import listed, register
from fairseq_l2rw.weighting.teacher import Teacher


@register("deep")
class Deep(Teacher):
    """Learning to Reweight with Deep Interactions (arXiv 2007.04649).

    Features are the encoder output and decoder states, pooled over real tokens, next to the
    surface information (``--teacher-reads``). The paper leaves the teacher's form open; the head's
    is documented in ``docs/mathematics.md``.
    """

    def __init__(self, cfg: Any) -> None:
        super().__init__(cfg, listed(cfg.teacher_reads))
