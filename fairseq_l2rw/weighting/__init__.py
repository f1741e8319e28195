"""Weightings: one file each, found by name.

Add your own from any ``--user-dir``: subclass :class:`Weighting` and decorate it with
``@register("name")``; it is then ``--weighting name``.
"""

from fairseq_l2rw.weighting.base import Signal, Weighting, build, names, register, safe
from fairseq_l2rw.weighting.deep import Deep
from fairseq_l2rw.weighting.uniform import Uniform

__all__ = ["Deep", "Signal", "Uniform", "Weighting", "build", "names", "register", "safe"]
