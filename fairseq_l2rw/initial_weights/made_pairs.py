"""Pairs that were made bad: targets of other pairs, and targets with one word of another pair's.

What pairs look like that do not belong together, or that have a wrong word, need not be guessed
(``fairseq_l2rw.initial_weights.contrast``). Fingerprints decide on what is picked: the order of the
pairs does not matter.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries, words_of
from fairseq_l2rw.data.pairs import PairList, Pairs, PairSubset, lengths
from fairseq_l2rw.initial_weights.halves import halves

_MADE = 30_000  # pairs of a kind


def mismatched(pairs: Pairs, digests: np.ndarray) -> tuple[PairSubset, np.ndarray]:
    """Pairs that do not belong together.

    Each has a source of the pairs and the target of another one of about the same length and the
    same half, so that it is judged as a pair is.

    Args:
        pairs: N pairs.
        digests: their fingerprints, shape (N,).

    Returns:
        K pairs, and of which of the N each has its source, shape (K,).
    """
    half = halves(digests).numpy()
    order = np.lexsort((digests, lengths(pairs)[:, 1], half))
    places, others = order[:-1], order[1:]
    fits = (half[places] == half[others]) & (digests[places] != digests[others])
    places, others = places[fits], others[fits]
    some = np.sort(digests[places].argsort()[:_MADE])
    return PairSubset(pairs, places[some], others[some]), places[some]


def exchanged(
    pairs: Pairs,
    places: np.ndarray,
    digests: np.ndarray,
    dictionaries: Dictionaries,
    frequency: Tensor,
) -> tuple[PairList, np.ndarray]:
    """Pairs one of whose target words is another pair's, whose place its own word takes elsewhere.

    It is the rarer of two words that are picked by chance: rare words are what a pair is about.

    Args:
        pairs: N pairs.
        places: of those that may be picked, shape (K,).
        digests: fingerprints of the pairs, shape (N,), which decide on the words.
        dictionaries: of their languages.
        frequency: how often each target type came up, shape (V,).

    Returns:
        At most K pairs, and which of the N each was made from.
    """
    order = places[digests[places].argsort()[:_MADE]]
    targets = [words_of(pairs.tgt[n][:-1].long(), dictionaries.boundaries) for n in order.tolist()]
    chosen = [
        _rarer(words, frequency, int(digest))
        for words, digest in zip(targets, digests[order], strict=True)
    ]
    made: list[Tensor] = []
    kept: list[int] = []
    for at, (words, place) in enumerate(zip(targets, chosen, strict=True)):
        other = targets[at - 1][chosen[at - 1]]
        if not torch.equal(other, words[place]):
            end = pairs.tgt[int(order[at])][-1:]
            made.append(torch.cat([*words[:place], other, *words[place + 1 :], end]))
            kept.append(int(order[at]))
    return PairList([pairs.src[n] for n in kept], made), np.array(kept, dtype=int)


def _rarer(words: Sequence[Tensor], frequency: Tensor, seed: int) -> int:
    """Which of two words picked by chance is rarer, by its rarest piece."""
    two = np.random.default_rng(seed % 2**32).integers(len(words), size=2).tolist()
    return min(two, key=lambda at: float(frequency[words[at]].min()) if len(words[at]) else 0.0)
