"""Which training pairs are trusted pairs, too."""

from hashlib import sha256
from typing import NamedTuple

import numpy as np
import torch

from fairseq_l2rw.data.digests import digests
from fairseq_l2rw.data.pairs import Pairs, ParallelText


class Overlap(NamedTuple):
    """What comes of comparing a training text with trusted pairs, token by token.

    Attributes:
        pairs: the numbers of a training pair and of a trusted one that are the same, for every such
            match, shape (matches, 2).
        digest: of all training pairs in their order.
    """

    pairs: np.ndarray
    digest: bytes


def overlap(train: Pairs, trusted: Pairs) -> Overlap:
    """Compare training pairs, all of which are read once, with trusted pairs."""
    theirs, digest = ParallelText.of(trusted), sha256()
    known: dict[int, list[int]] = {}
    for other, number in enumerate(digests(theirs).tolist()):
        known.setdefault(number, []).append(other)
    rows, begin = [], 0
    for block in ParallelText.in_blocks(train):
        found = digests(block)
        digest.update(found.tobytes())
        for n in np.flatnonzero(np.isin(found, [*known])).tolist():
            same = [other for other in known[int(found[n])] if _equal((block, theirs), (n, other))]
            rows += [(begin + n, other) for other in same]
        begin += len(block)
    return Overlap(np.array(rows, dtype=np.int64).reshape(-1, 2), digest.digest())


def _equal(texts: tuple[ParallelText, ParallelText], numbers: tuple[int, int]) -> bool:
    own, theirs = ((t.src[n], t.tgt[n]) for t, n in zip(texts, numbers, strict=True))
    return all(torch.equal(a, b) for a, b in zip(own, theirs, strict=True))
