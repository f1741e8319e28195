"""Near-duplicates: pairs of a text that differ in little, as lines that share a template do.

MinHash (Broder, 1997, "On the Resemblance and Containment of Documents"): by a random order of all
bigrams, the first one of either of two pairs is the same with a chance that is the share of bigrams
that they have in common. Which pairs are worth comparing, bands of such bigrams say (Leskovec,
Rajaraman and Ullman, "Mining of Massive Datasets", section 3.4).
"""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from fairseq_l2rw.data.digests import mixed
from fairseq_l2rw.data.pairs import ParallelText
from fairseq_l2rw.data.sentences import Sentences, starts_of

_BANDS = 12
_ROWS = 3  # first bigrams of a band, all of which compared pairs have in common
# Share of their bigrams that near-duplicates have in common, beyond what any two pairs have. Two
# translations of one source have a third.
_ALIKE = 0.4
_COMPARED = 8  # pairs that each is compared with, in a band
_HALF_WORD = np.uint64(32)  # bits


def near_duplicates(text: ParallelText, ignored: Sequence[Tensor] | None = None) -> np.ndarray:
    """How many near-duplicates each pair of a text has, itself among them.

    Of pairs that are no copies this is an estimate, rather too low: half of them at least, mostly.

    Args:
        text: N pairs.
        ignored: which types of source and target count as if they were not there, if any, bool,
            (V,).

    Returns:
        1 or more, shape (N,), float64.
    """
    sides = (text.src, text.tgt)
    first = [
        _first_bigrams(side, n, None if ignored is None else ignored[n].numpy())
        for n, side in enumerate(sides)
    ]
    both = np.minimum(*first)
    bands = both.reshape(_BANDS, _ROWS, len(text))
    usual = np.median(_common(both, np.arange(len(text)), _shuffled(len(text)))) if len(text) else 0
    least = usual + _ALIKE * (1 - usual)
    return np.maximum.reduce([_count(band, both, least) for band in bands])


def _first_bigrams(side: Sentences, number: int, ignored: np.ndarray | None) -> np.ndarray:
    """Hashes of the first bigrams of each sentence, by several orders: (orders, N), uint32."""
    seeds = np.arange(1, _BANDS * _ROWS + 1, dtype=np.uint64)
    orders = mixed(seeds) | np.uint64(1)
    blocks = [np.empty((len(orders), 0), dtype=np.uint32)]
    for block in side.blocks():
        if ignored is not None:
            block = block.without(ignored)
        types = block.joined().view(np.uint64) + np.uint64(1)
        some = block.sizes > 0
        starts = starts_of(block.sizes)[some]
        before = np.roll(types, 1)
        before[starts] = 0
        bigrams = mixed(mixed((types << np.uint64(1)) + np.uint64(number)) + before)
        found = np.full((len(orders), len(block)), ~np.uint32(0))
        for row, order in zip(found, orders, strict=True):
            row[some] = np.minimum.reduceat(bigrams * order >> _HALF_WORD, starts)
        blocks.append(found)
    return np.concatenate(blocks, 1)


def _shuffled(count: int) -> np.ndarray:
    """Places of so many pairs in an order that looks random, always alike, shape (count,)."""
    return mixed(np.arange(1, count + 1).astype(np.uint64)).argsort()


def _common(first: np.ndarray, ours: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The share of first bigrams, (orders, N), that pairs at some places have in common: (n,)."""
    found = np.zeros(len(ours))
    for row in first:
        found += row[ours] == row[others]
    return found / len(first)


def _count(band: np.ndarray, first: np.ndarray, least: float) -> np.ndarray:
    """``near_duplicates`` among pairs with the same bigrams in a band.

    Args:
        band: hashes of these, shape (rows, N).
        first: of all orders, shape (orders, N).
        least: share of these that near-duplicates have in common.

    Returns:
        Shape (N,), float64.
    """
    keys = np.zeros(band.shape[1], dtype=np.uint64)
    for row in band:
        keys = mixed(keys + row)
    _, group, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    order = group.argsort(kind="stable")  # the pairs, group by group
    size = sizes[group[order]]
    begin = np.repeat(starts_of(sizes), sizes)
    place = np.arange(len(order)) - begin
    alike, compared = np.zeros(len(order)), np.zeros(len(order))
    for step in range(1, _COMPARED + 1):
        some = np.flatnonzero(size > step)
        ours, others = order[some], order[begin[some] + (place[some] + step) % size[some]]
        alike[some] += _common(first, ours, others) >= least
        compared[some] += 1
    found = np.empty(len(order))
    found[order] = 1 + (size - 1) * alike / compared.clip(min=1)
    return found
