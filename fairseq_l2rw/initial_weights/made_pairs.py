"""Pairs that were made bad: of two pairs, with one word of another pair, and with one side cut.

What pairs look like that do not belong together, or lack something, need not be guessed
(``fairseq_l2rw.initial_weights.contrast``). Digests decide on what is picked: the order of the
pairs does not matter.
"""

import numpy as np
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.digests import drawn
from fairseq_l2rw.data.pairs import ParallelText
from fairseq_l2rw.data.sentences import Sentences, starts_of
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
) -> tuple[ParallelText, np.ndarray, np.ndarray]:
    """Pairs one of whose target words is another pair's, whose place its own word takes elsewhere.

    It is the rarer of two words that are picked by chance: rare words are what a pair is about.

    Args:
        pairs: N pairs.
        places: of those that may be picked, shape (K,).
        digests: of the pairs, shape (N,), which decide on the words.
        dictionaries: of their languages.
        frequency: how often each target type came up, shape (V,).

    Returns:
        k pairs, at most K; which of the N each was made from, shape (k,); and which of its target's
        words, counted from 0, is another pair's, shape (k,).
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
            kept.append(at)
    numbers = np.array(kept, dtype=int)
    which = (chosen - words.first[some])[numbers]
    places = places[some[numbers]]
    return ParallelText(pairs.src.take(places), Sentences.of(made)), places, which


def cut(pairs: ParallelText, digests: np.ndarray) -> tuple[ParallelText, np.ndarray]:
    """Pairs one side of which lacks its end: a quarter to three quarters of its tokens are left.

    Args:
        pairs: N pairs.
        digests: of the pairs, shape (N,), which decide on the side and on how much is left.

    Returns:
        At most K pairs, and of which of the N each was made, shape (K,).
    """
    places = np.sort(digests.argsort()[:_MADE])
    draws = (drawn(digests[places], np.full(len(places), draw)) for draw in (1, 2))
    side, part = (draw / 2.0**64 for draw in draws)  # from 0 to 1
    sizes = pairs.sizes[places].T
    shorter = np.ceil((0.25 + part / 2) * (sizes - 1)).astype(int) + 1
    left = np.where([side < 0.5, side >= 0.5], shorter, sizes)
    fits = (left < sizes).any(0)
    some, left = pairs.take(places[fits]), left[:, fits]
    return ParallelText(_shortened(some.src, left[0]), _shortened(some.tgt, left[1])), places[fits]


def _shortened(sentences: Sentences, sizes: np.ndarray) -> Sentences:
    """The first tokens and the last one of each, as many together as ``sizes`` says, (N,)."""
    behind = np.arange(sentences.sizes.sum()) - np.repeat(
        starts_of(sentences.sizes), sentences.sizes
    )
    first, last = (np.repeat(x - 1, sentences.sizes) for x in (sizes, sentences.sizes))
    return Sentences.beside(sentences.joined()[(behind < first) | (behind == last)], sizes)


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
