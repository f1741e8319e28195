"""The surface teacher: weights from what Learning to Teach (arXiv 1805.03643) reads."""

from typing import Any

from fairseq_l2rw.weighting.base import register
from fairseq_l2rw.weighting.teacher import Teacher


@register("surface")
class Surface(Teacher):
    """The teacher of ``deep`` without internal states: costs, copying, lengths.

    The columns are :data:`fairseq_l2rw.observation.PAIR`, for the mlp head, which has more use for
    them, all of :data:`fairseq_l2rw.observation.SURFACE`.
    """

    def __init__(self, cfg: Any) -> None:
        super().__init__(cfg, ["surface"])
