"""Learning to reweight sentences inside neural machine translation training, for fairseq.

Importing this package (``--user-dir`` does it in every fairseq command) registers the task
``l2rw_translation``, the criterion ``l2rw_label_smoothed_cross_entropy`` and the weightings, and
tells torch's safe loader of the types in fairseq's checkpoints.
"""

from fairseq_l2rw import compatibility, criterions, tasks  # noqa: F401  (the last two register)
from fairseq_l2rw.compatibility import safe_types
from fairseq_l2rw.version import __version__

safe_types.allow()

__all__ = ["__version__"]
