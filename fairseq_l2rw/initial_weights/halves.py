"""Halves of a text: which one a pair belongs to, so that it is judged by the other one.

What is learnt from the text itself would otherwise speak for the very pairs that it was learnt from
(cross-fitting; docs/mathematics.md, "Support of words").
"""

import numpy as np
import torch
from torch import Tensor


def halves(digests: np.ndarray) -> Tensor:
    """Which half of the text pairs belong to by digest, 0 or 1, (N,); equal ones to one."""
    return torch.from_numpy(digests >> 32 & 1)


def copies_of(digests: np.ndarray) -> Tensor:
    """How often each pair is there, by digests (N,), shape (N,), float64."""
    _, number, counts = np.unique(digests, return_inverse=True, return_counts=True)
    return torch.from_numpy(counts[number].astype(float))
