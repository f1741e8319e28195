"""Heads of a teacher, by name.

All learn from the exact derivative of the dev loss by each weight; they differ in how they descend
along it.
"""

from collections.abc import Callable
from typing import Any

from fairseq_l2rw.weighting.head import Head, Read
from fairseq_l2rw.weighting.least_squares import LeastSquaresHead
from fairseq_l2rw.weighting.mlp import MLPHead

HEADS: dict[str, Callable[[Any, Read], Head]] = {
    "least-squares": LeastSquaresHead,
    "mlp": MLPHead,
}
