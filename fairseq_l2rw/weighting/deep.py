"""The deep teacher: weights from the student's internal states and surface information."""

from dataclasses import dataclass
from typing import Any

from fairseq_l2rw.utils.checks import at_least
from fairseq_l2rw.weighting.options import flag_of, option
from fairseq_l2rw.weighting.registry import register
from fairseq_l2rw.weighting.teachers.options import TeacherOptions
from fairseq_l2rw.weighting.teachers.teacher import Teacher


@register("deep")
class Deep(Teacher):
    """Learning to Reweight with Deep Interactions (arXiv 2007.04649).

    Inputs are the encoder output and decoder states, pooled over real tokens, next to the surface
    information. The paper leaves the teacher's form open; the head's is documented in
    ``docs/mathematics.md``.
    """

    parts = ("surface", "encoder", "decoder", "likeness", "initial")

    @dataclass
    class Options(TeacherOptions):
        """Options of ``deep``."""

        reads: str = option(
            "surface+encoder+decoder+likeness+initial",
            "what it reads, separated by +; leave out 'initial' to see what the teacher does "
            "alone, and 'encoder' or 'decoder' to see what they give",
        )
        depth: int = option(
            1,
            "layers read from the top of encoder and decoder; 1 is the encoder output and the "
            "states before the output projection; more gave nothing in our tests",
        )

    def __init__(self, cfg: Any) -> None:
        super().__init__(cfg)
        at_least(1, flag_of("depth"), self.options.depth)
