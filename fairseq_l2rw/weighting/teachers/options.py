"""Options of the teachers: ``--weighting-options`` of ``deep`` and ``surface``."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from fairseq_l2rw.initial_weights.options import CHOICES
from fairseq_l2rw.utils.checks import at_least, one_of
from fairseq_l2rw.weighting.base import Weighting
from fairseq_l2rw.weighting.options import BY, flag_of, option


@dataclass
class TeacherOptions(Weighting.Options):
    """How a teacher maps features to a weight, and how it learns."""

    head: str = option(
        "least-squares",
        "'least-squares' (a linear score, solved in closed form; nothing to tune) or 'mlp' (one "
        "hidden layer, Adam along the meta-gradient: the published form; to compare with)",
    )
    sharpness: float = option(
        3.0,
        "least-squares: how steeply a weight falls with a pair's distance from the trusted pairs; "
        "lower it if good pairs get weights near 0; 0 gives every pair the same",
    )
    tolerance: float = option(
        1.5,
        "least-squares: standard deviations below the mean of the trusted pairs at which a pair "
        "has about half the weight; raise it if too much is rejected, lower it if noise stays",
    )
    by: str = option("quality", BY)
    ridge: float = option(
        0.001,
        "least-squares: ridge penalty, in units of a feature's variance; raise it if weights jump "
        "from one meta step to the next",
    )
    memory: int = option(
        1000,
        "meta steps that are remembered; lower it if the data change while training",
    )
    spacing: str = option(
        "rate",
        "least-squares: 'rate' (an update counts by the square of its learning rate, so that meta "
        "steps become rare as it falls) or 'even' (every --meta-interval updates; for short runs)",
    )
    hidden: int = option(64, "mlp: hidden units; raise it with the number of features")
    rate: float = option(
        1e-3, "mlp: Adam's learning rate; raise it if weights hardly move, lower it if they swing"
    )


def check(options: TeacherOptions, heads: Collection[str], parts: Sequence[str]) -> None:
    """Raise ``InputError`` at the first option that cannot work.

    Args:
        options: of a teacher.
        heads: that there are.
        parts: what may be named in its ``reads``.
    """
    one_of(flag_of("head"), options.head, heads)
    one_of(flag_of("by"), options.by, CHOICES)
    one_of(flag_of("spacing"), options.spacing, ("rate", "even"))
    # Below this ridge there may be no solution: some features follow from others.
    bounds = {"sharpness": 0, "tolerance": 0, "rate": 0, "ridge": 1e-6, "memory": 2, "hidden": 1}
    for name, bound in bounds.items():
        at_least(bound, flag_of(name), getattr(options, name))
    for name in reads_of(options) or [""]:
        one_of(flag_of("reads"), name, parts)


def reads_of(options: TeacherOptions) -> list[str]:
    """The parts named in ``reads``, which are separated by ``+``."""
    return getattr(options, "reads", "").replace("+", " ").split()
