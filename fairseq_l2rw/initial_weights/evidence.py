"""Evidence: what a pair's words say of it, as it is compared with pairs that were made bad."""

from collections.abc import Iterable

import numpy as np

from fairseq_l2rw.initial_weights.lexicon import WordEvidence
from fairseq_l2rw.initial_weights.links import Links, Numbers

#: What ``evidence`` gives, in the order of columns.
COLUMNS = ("support", "coverage", "least_support", "apart", "longer", "length")


def evidence(words: Iterable[WordEvidence]) -> Numbers:
    """What contrasts go by, of N pairs.

    How far a side falls short is the sum over its words that do, over the square root of their
    number, which it would grow with by chance. As ``COLUMNS`` names them, the columns are how short
    the worse side falls of its usual support, and of its usual coverage; the least support of a
    word; how much shorter of support the worse side falls than the other one, and the log of how
    much longer it is; and the log of both lengths' product.

    Args:
        words: of the pairs, some at a time.

    Returns:
        Shape (N, 6), in nats.
    """
    found = [np.empty((0, 6))]
    for some in words:
        support, coverage = (_shortfalls(some.links, x) for x in (some.support, some.coverage))
        length = np.log(
            [np.bincount(x.pair, minlength=some.links.pairs).clip(min=1) for x in some.links.sides]
        )
        apart, longer = support[0] - support[1], length[0] - length[1]
        columns = [
            support.min(0),
            coverage.min(0),
            _least(some.links, some.support),
            -np.abs(apart),
            np.where(apart < 0, longer, -longer),
            length.sum(0),
        ]
        found.append(np.stack(columns, 1))
    return np.concatenate(found)


def _shortfalls(links: Links, sides: tuple[Numbers, Numbers]) -> Numbers:
    """How far either side of n pairs falls short, by what is known of its words (W,): (2, n)."""
    rows = []
    for words, values in zip(links.sides, sides, strict=True):
        count = np.bincount(words.pair, minlength=links.pairs).clip(min=1)
        total = np.bincount(words.pair, values.clip(max=0), minlength=links.pairs)
        rows.append(total / np.sqrt(count))
    return np.stack(rows)


def _least(links: Links, sides: tuple[Numbers, Numbers]) -> Numbers:
    """The least of what is known of the words (W,) of n pairs, 0 at most: shape (n,)."""
    found = np.zeros(links.pairs)
    for words, values in zip(links.sides, sides, strict=True):
        found = np.minimum(found, words.least(values, links.pairs))
    return found
