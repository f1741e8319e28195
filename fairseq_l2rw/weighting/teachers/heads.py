"""Heads of a teacher, by name.

All learn from the exact derivative of the dev loss by each weight; they differ in how they descend
along it.
"""

from fairseq_l2rw.weighting.teachers.head import Head
from fairseq_l2rw.weighting.teachers.least_squares import LeastSquaresHead
from fairseq_l2rw.weighting.teachers.mlp import MLPHead

HEADS: dict[str, type[Head]] = {"least-squares": LeastSquaresHead, "mlp": MLPHead}
