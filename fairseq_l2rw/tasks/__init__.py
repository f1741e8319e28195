"""Tasks registered with fairseq."""

from fairseq_l2rw.tasks import l2rw_translation  # noqa: F401  (registers)
