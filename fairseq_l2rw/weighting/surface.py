"""The surface teacher: weights from what Learning to Teach (arXiv 1805.03643) reads."""

from fairseq_l2rw.weighting.base import register
from fairseq_l2rw.weighting.teacher import Teacher


@register("surface")
class Surface(Teacher):
    """The teacher of ``deep`` without internal states: losses, margins, lengths, progress.

    The columns are :data:`fairseq_l2rw.observation.SURFACE`.
    """
