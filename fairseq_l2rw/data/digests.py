"""Digests: a number for each pair that hardly two pairs share, of millions of pairs at once."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from fairseq_l2rw.data.pairs import ParallelText
from fairseq_l2rw.data.sentences import Sentences, positions_of

# SplitMix64 (Steele, Lea and Flood, 2014, "Fast Splittable Pseudorandom Number Generators").
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIXERS = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)


def drawn(digests: np.ndarray, draw: np.ndarray) -> np.ndarray:
    """Numbers that look random, by digest and by number of the draw, both (n,): shape (n,)."""
    return mixed(digests.view(np.uint64) + draw.astype(np.uint64) * _STEP)


def digests(text: ParallelText, ignored: Sequence[Tensor] | None = None) -> np.ndarray:
    """A number for each pair, by its tokens and their order and nothing else.

    Args:
        text: N pairs.
        ignored: which types of source and target count as if they were not there, if any, bool,
            (V,).

    Returns:
        Shape (N,), int64.
    """
    found = [
        _of_side(side, None if ignored is None else ignored[n].numpy())
        for n, side in enumerate((text.src, text.tgt))
    ]
    return mixed(mixed(found[0]) + found[1]).view(np.int64)


def distinct(text: ParallelText) -> np.ndarray:
    """Places of N pairs without those that came before, in their order, shape (n,)."""
    return np.sort(np.unique(digests(text), return_index=True)[1])


def _of_side(sentences: Sentences, ignored: np.ndarray | None) -> np.ndarray:
    """A number for each sentence, shape (N,), uint64."""
    blocks = [np.empty(0, dtype=np.uint64)]
    for block in sentences.blocks():
        if ignored is not None:
            block = block.without(ignored)
        types, sizes = block.joined(), block.sizes
        # A token counts by its type and its place; sums wrap around.
        seeds = types.view(np.uint64) * _STEP + positions_of(sizes).astype(np.uint64)
        blocks.append(_sums(mixed(seeds), sizes) + sizes.astype(np.uint64))
    return np.concatenate(blocks)


def _sums(numbers: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Of the numbers of each sentence, shape (N,), by those of all tokens, flat."""
    sums = np.concatenate([np.zeros(1, numbers.dtype), np.cumsum(numbers)])
    ends = np.cumsum(sizes)
    return sums[ends] - sums[ends - sizes]


def sampled(sizes: np.ndarray, digests: np.ndarray, most: int) -> np.ndarray:
    """Places of all sentences, or of those of a large text whose digests are the smallest.

    Args:
        sizes: tokens of N sentences, shape (N,).
        digests: of the sentences or of their pairs, shape (N,).
        most: tokens that all of them may have.

    Returns:
        In their order, shape (n,).
    """
    if sizes.sum() <= most:
        return np.arange(len(sizes))
    order = digests.argsort()
    return np.sort(order[: int(np.searchsorted(sizes[order].cumsum(), most))])


def spread(count: int, most: int) -> np.ndarray:
    """Places of all of some lines, or one of each of ``most`` stretches of as many lines.

    Which one chance decides, always alike: a line that comes up a thousand times is there in
    proportion, and a text that repeats itself is not read in its rhythm.

    Args:
        count: of the lines.
        most: places wanted.

    Returns:
        In their order, shape (n,).
    """
    if count <= most:
        return np.arange(count)
    begins = np.arange(most + 1) * count // most
    chance = mixed(np.arange(most).astype(np.uint64) + _STEP)
    return begins[:-1] + (chance % np.diff(begins).astype(np.uint64)).astype(np.int64)


def mixed(values: np.ndarray) -> np.ndarray:
    """Numbers that look random, and are different for different ones, uint64 as these."""
    for shift, factor in _MIXERS:
        values = (values ^ (values >> shift)) * factor
    return values ^ (values >> np.uint64(31))
