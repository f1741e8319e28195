"""What torch's safe loader has to be told of, so that it loads all that fairseq writes.

The loader (``weights_only``, the default since torch 2.6) takes tensors and containers only, and
stays on. fairseq's checkpoints hold more: its options as an ``argparse.Namespace``, and NumPy's
numbers where a score such as BLEU picks checkpoints. What fairseq broadcasts to other workers on
a resume goes through the same loader, with its options as omegaconf has them.
"""

import argparse
import collections
import typing
from typing import Any

import numpy as np
import torch
from fairseq.distributed.utils import _TensorPlaceholder
from numpy._core import multiarray
from omegaconf import DictConfig, ListConfig
from omegaconf.base import ContainerMetadata, Metadata
from omegaconf.nodes import AnyNode

_OPTIONS: list[Any] = [
    *(argparse.Namespace, DictConfig, ListConfig, ContainerMetadata, Metadata, AnyNode),
    *(typing.Any, dict, list, int, collections.defaultdict, _TensorPlaceholder),
]
# Under the names that NumPy 1 and NumPy 2 give them in a file.
_NUMPY: list[Any] = [
    *(
        (function, f"{module}.{function.__name__}")
        for module in ("numpy.core.multiarray", "numpy._core.multiarray")
        for function in (multiarray.scalar, multiarray._reconstruct)
    ),
    *(np.ndarray, np.dtype),
    *(type(np.dtype(kind)) for kind in "?bBhHiIlLefd"),
]


def allow() -> None:
    """Tell torch that these types are harmless."""
    torch.serialization.add_safe_globals([*_OPTIONS, *_NUMPY])
