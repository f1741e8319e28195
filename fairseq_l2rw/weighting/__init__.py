"""Weightings: one file each, found by name.

Add your own from any ``--user-dir``: subclass ``Weighting`` and decorate it with
``@register("name")``; it is then ``--weighting name`` (``docs/extending.md``).
"""

from fairseq_l2rw.weighting.base import Signal, Weighting, kept, safe
from fairseq_l2rw.weighting.deep import Deep
from fairseq_l2rw.weighting.error_norm import ErrorNorm
from fairseq_l2rw.weighting.initial import Initial
from fairseq_l2rw.weighting.l2rw import L2RW
from fairseq_l2rw.weighting.lilaw import LiLAW
from fairseq_l2rw.weighting.mask import Mask
from fairseq_l2rw.weighting.mwnet import MetaWeightNet
from fairseq_l2rw.weighting.options import option
from fairseq_l2rw.weighting.random_weights import Random
from fairseq_l2rw.weighting.registry import build, find, names, register
from fairseq_l2rw.weighting.surface import Surface
from fairseq_l2rw.weighting.trim import Trim
from fairseq_l2rw.weighting.uniform import Uniform

__all__ = [
    "L2RW",
    "Deep",
    "ErrorNorm",
    "Initial",
    "LiLAW",
    "Mask",
    "MetaWeightNet",
    "Random",
    "Signal",
    "Surface",
    "Trim",
    "Uniform",
    "Weighting",
    "build",
    "find",
    "kept",
    "names",
    "option",
    "register",
    "safe",
]
