"""Learning to reweight sentences inside neural machine translation training, for fairseq.

Importing this package (``--user-dir`` does it in every fairseq command) registers the task
``l2rw_translation``, the criterion ``l2rw_label_smoothed_cross_entropy`` and the weightings.
"""

import argparse

import torch

from fairseq_l2rw import criterions, tasks  # noqa: F401  (registers)
from fairseq_l2rw.version import __version__

# fairseq stores a Namespace in its checkpoints; torch's safe loader has to be told that it is
# harmless. The loader itself stays on.
torch.serialization.add_safe_globals([argparse.Namespace])

__all__ = ["__version__"]
