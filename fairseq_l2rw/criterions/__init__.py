"""Criterions registered with fairseq."""

from fairseq_l2rw.criterions import l2rw_label_smoothed_cross_entropy  # noqa: F401  (registers)
