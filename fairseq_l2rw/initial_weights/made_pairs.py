"""Pairs that were made bad: targets of other pairs, and targets with one word of another pair's.

What pairs look like that do not belong together, or that have a wrong word, need not be guessed
(``fairseq_l2rw.initial_weights.contrast``). Digests decide on what is picked: the order of the
pairs does not matter.
"""

import numpy as np
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.digests import drawn
from fairseq_l2rw.data.pairs import ParallelText
from fairseq_l2rw.data.sentences import Sentences
from fairseq_l2rw.data.words import Words
from fairseq_l2rw.initial_weights.halves import halves

_MADE = 30_000  # pairs of a kind


def mismatched(pairs: ParallelText, digests: np.ndarray) -> tuple[ParallelText, np.ndarray]:
    """Pairs that do not belong together.

    Each has a source of the pairs and the target of another one of about the same length and the
    same half, so that it is judged as a pair is.

    Args:
        pairs: N pairs.
        digests: of the pairs, shape (N,).

    Returns:
        K pairs, and of which of the N each has its source, shape (K,).
    """
    half = halves(digests).numpy()
    order = np.lexsort((digests, pairs.tgt.sizes, half))
    places, others = order[:-1], order[1:]
    fits = (half[places] == half[others]) & (digests[places] != digests[others])
    places, others = places[fits], others[fits]
    some = np.sort(digests[places].argsort()[:_MADE])
    return pairs.take(places[some], others[some]), places[some]


def exchanged(
    pairs: ParallelText,
    places: np.ndarray,
    digests: np.ndarray,
    dictionaries: Dictionaries,
    frequency: Tensor,
) -> tuple[ParallelText, np.ndarray]:
    """Pairs one of whose target words is another pair's, whose place its own word takes elsewhere.

    It is the rarer of two words that are picked by chance: rare words are what a pair is about.

    Args:
        pairs: N pairs.
        places: of those that may be picked, shape (K,).
        digests: of the pairs, shape (N,), which decide on the words.
        dictionaries: of their languages.
        frequency: how often each target type came up, shape (V,).

    Returns:
        At most K pairs, and which of the N each was made from.
    """
    places = places[digests[places].argsort()[:_MADE]]
    targets = pairs.tgt.take(places)
    words = Words.of(targets, dictionaries.boundaries)
    some = np.flatnonzero(words.counts > 1)  # those with more than an end
    chosen = _rarer(words, some, digests[places[some]], frequency)
    spans = zip(words.starts[chosen].tolist(), words.ends[chosen].tolist(), strict=True)
    found = [words.types[slice(*span)] for span in spans]
    # Where in its target each word is.
    firsts = words.starts[chosen] - words.starts[words.first[some]]
    made: list[np.ndarray] = []
    kept: list[int] = []
    for at, (number, first) in enumerate(zip(some.tolist(), firsts.tolist(), strict=True)):
        other, own, target = found[at - 1], found[at], targets[number].numpy()
        if not np.array_equal(other, own):
            made.append(np.concatenate([target[:first], other, target[first + len(own) :]]))
            kept.append(number)
    numbers = places[np.array(kept, dtype=int)]
    return ParallelText(pairs.src.take(numbers), Sentences.of(made)), numbers


def _rarer(
    words: Words, sentences: np.ndarray, digests: np.ndarray, frequency: Tensor
) -> np.ndarray:
    """Which of two words picked by chance is rarer, by its rarest piece, shape (n,).

    Of each sentence one, by numbers of sentences and digests, both (n,).
    """
    rarity = np.minimum.reduceat(frequency.numpy()[words.types], words.starts)
    draws = (drawn(digests, np.full(len(digests), draw)) for draw in (1, 2))
    counts = (words.counts[sentences] - 1).astype(np.uint64)
    first, second = (words.first[sentences] + (draw % counts).astype(int) for draw in draws)
    return np.where(rarity[first] <= rarity[second], first, second)
