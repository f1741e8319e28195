"""Halves of a text: which one a pair belongs to, so that it is judged by the other one.

What is learnt from the text itself would otherwise speak for the very pairs that it was learnt from
(cross-fitting; docs/mathematics.md, "Support of words").
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.pairs import ParallelText
from fairseq_l2rw.data.sentences import Sentences

_Text = TypeVar("_Text", Sentences, ParallelText)


def halves(digests: np.ndarray) -> Tensor:
    """Which half of the text pairs belong to by digest, 0 or 1, (N,); equal ones to one."""
    return torch.from_numpy(digests >> 32 & 1)


def judged(text: _Text, digests: np.ndarray, odds: Callable[[_Text, Tensor], Tensor]) -> Tensor:
    """Odds of all pairs, found for some at a time, shape (N,), float64.

    Args:
        text: N pairs, or one side of them.
        digests: of the pairs, shape (N,).
        odds: of n of them, shape (n,), by the half of the text that each belongs to, (n,).
    """
    found, begin = [torch.empty(0, dtype=torch.double)], 0
    for block in text.blocks():
        found.append(odds(block, halves(digests[begin : begin + len(block)])))
        begin += len(block)
    return torch.cat(found)


def copies_of(digests: np.ndarray) -> Tensor:
    """How often each pair is there, by digests (N,), shape (N,), float64."""
    _, number, counts = np.unique(digests, return_inverse=True, return_counts=True)
    return torch.from_numpy(counts[number].astype(float))
