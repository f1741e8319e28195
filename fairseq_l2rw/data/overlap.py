"""Which training pairs are trusted pairs, too."""

from collections.abc import Callable

import numpy as np
import torch

from fairseq_l2rw.data.digests import digests
from fairseq_l2rw.data.pairs import Pairs, ParallelText


def shared(
    train: Pairs, trusted: Pairs, take: Callable[[np.ndarray], object] | None = None
) -> np.ndarray:
    """Which training pairs are trusted pairs, too, token by token.

    Args:
        train: training pairs, all of which are read.
        trusted: trusted pairs.
        take: is given the digests of training pairs on the way, some at a time, shapes (n,).

    Returns:
        The numbers of both for every match, shape (matches, 2).
    """
    theirs = ParallelText.of(trusted)
    known: dict[int, list[int]] = {}
    for other, digest in enumerate(digests(theirs).tolist()):
        known.setdefault(digest, []).append(other)
    rows, begin = [], 0
    for block in ParallelText.in_blocks(train):
        found = digests(block)
        if take is not None:
            take(found)
        for n in np.flatnonzero(np.isin(found, [*known])).tolist():
            same = [other for other in known[int(found[n])] if _equal((block, theirs), (n, other))]
            rows += [(begin + n, other) for other in same]
        begin += len(block)
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


def _equal(texts: tuple[ParallelText, ParallelText], numbers: tuple[int, int]) -> bool:
    own, theirs = ((t.src[n], t.tgt[n]) for t, n in zip(texts, numbers, strict=True))
    return all(torch.equal(a, b) for a, b in zip(own, theirs, strict=True))
