"""Halves of a text: which one a pair belongs to, so that it is judged by the other one.

What is learnt from the text itself would otherwise speak for the very pairs that it was learnt from
(cross-fitting; docs/mathematics.md, "Support of words").
"""

import hashlib

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.pairs import Pairs


def fingerprint(source: Tensor, target: Tensor) -> int:
    """A number that hardly two pairs share, of types of shapes (S,) and (T,)."""
    sides = (np.asarray(side).astype(np.int64).tobytes() for side in (source, target))
    found = hashlib.blake2b(b"|".join(sides), digest_size=8).digest()
    return int.from_bytes(found, "little", signed=True)


def fingerprints(pairs: Pairs) -> np.ndarray:
    """Of each pair, shape (N,), int64; the last bit says which half of a text it belongs to."""
    found = (fingerprint(pairs.src[n], pairs.tgt[n]) for n in range(len(pairs)))
    return np.fromiter(found, np.int64, len(pairs))


def halves(digests: np.ndarray) -> Tensor:
    """Which half of the text pairs belong to by fingerprint, 0 or 1, (N,); equal ones to one."""
    return torch.from_numpy(digests & 1)
