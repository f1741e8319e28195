"""The surface teacher: weights from surface information, as in Learning to Teach.

arXiv 1805.03643, whose teacher learns by reinforcement. Most of its features are read with
``head=mlp`` only.
"""

from dataclasses import dataclass

from fairseq_l2rw.weighting.options import option
from fairseq_l2rw.weighting.registry import register
from fairseq_l2rw.weighting.teachers.options import TeacherOptions
from fairseq_l2rw.weighting.teachers.teacher import Teacher


@register("surface")
class Surface(Teacher):
    """The teacher of ``deep`` without internal states: losses, copying, lengths.

    It reads ``fairseq_l2rw.features.columns.SENTENCE``, and with the mlp head, which has more
    use for them, all of ``fairseq_l2rw.features.columns.SURFACE``.
    """

    parts = ("surface", "likeness", "initial")

    @dataclass
    class Options(TeacherOptions):
        """Options of ``surface``."""

        reads: str = option(
            "surface+likeness+initial",
            "what it reads, separated by +; leave out 'initial' to see what the teacher does alone",
        )
