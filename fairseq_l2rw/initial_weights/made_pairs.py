"""Pairs that were made bad: of two pairs, with another's word, with a side cut, words shuffled.

What pairs look like that do not belong together, or lack something, need not be guessed
(``fairseq_l2rw.initial_weights.contrast``). Digests decide on what is picked: the order of the
pairs does not matter. A pair that was made belongs to the half of the pair it was made from, so
that it is judged as that one is.
"""

import numpy as np
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.digests import drawn
from fairseq_l2rw.data.pairs import ParallelText
from fairseq_l2rw.data.sentences import Sentences, positions_of
from fairseq_l2rw.data.words import Words
from fairseq_l2rw.initial_weights.halves import JudgedPairs

_MADE = 30_000  # pairs of a kind


def mismatched(pairs: JudgedPairs) -> JudgedPairs:
    """Pairs that do not belong together.

    Each has the source of one of the pairs, which it counts as made from, and the target of another
    one of about the same length and the same half.
    """
    half, digests = pairs.half.numpy(), pairs.digests
    order = np.lexsort((digests, pairs.text.tgt.sizes, half))
    places, others = order[:-1], order[1:]
    fits = (half[places] == half[others]) & (digests[places] != digests[others])
    places, others = places[fits], others[fits]
    return JudgedPairs(pairs.text.take(places, others), digests[places]).chosen(_MADE)


def exchanged(
    pairs: JudgedPairs, places: np.ndarray, dictionaries: Dictionaries, frequency: Tensor
) -> tuple[JudgedPairs, np.ndarray]:
    """Pairs one of whose target words is another pair's, whose place its own word takes elsewhere.

    It is the rarer of two words that are picked by chance: rare words are what a pair is about.

    Args:
        pairs: N pairs.
        places: of those that may be picked, shape (K,).
        dictionaries: of their languages.
        frequency: how often each target type came up, shape (V,).

    Returns:
        k pairs, at most K; and which of its target's words, counted from 0, is another pair's,
        shape (k,).
    """
    pairs = pairs.take(places[pairs.digests[places].argsort()[:_MADE]])
    targets = pairs.text.tgt
    words = Words.of(targets, dictionaries.boundaries)
    some = np.flatnonzero(words.counts > 1)  # those with more than an end
    chosen = _rarer(words, some, pairs.digests[some], frequency)
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
    pairs = pairs.take(some[numbers])
    return JudgedPairs(ParallelText(pairs.text.src, Sentences.of(made)), pairs.digests), which


def cut(pairs: JudgedPairs) -> JudgedPairs:
    """Pairs one side of which lacks its end: a quarter to three quarters of its tokens are left."""
    pairs = pairs.chosen(_MADE)
    draws = (drawn(pairs.digests, np.full(len(pairs), draw)) for draw in (1, 2))
    side, part = (draw / 2.0**64 for draw in draws)  # from 0 to 1
    sizes = pairs.text.sizes.T
    shorter = np.ceil((0.25 + part / 2) * (sizes - 1)).astype(int) + 1
    left = np.where([side < 0.5, side >= 0.5], shorter, sizes)
    fits = (left < sizes).any(0)
    some, left = pairs.take(np.flatnonzero(fits)), left[:, fits]
    sides = zip((some.text.src, some.text.tgt), left, strict=True)
    return JudgedPairs(ParallelText(*(_shortened(*x) for x in sides)), some.digests)


def shuffled(pairs: JudgedPairs, boundaries: Tensor) -> JudgedPairs:
    """Pairs with the words of targets in another order, their last tokens where they were.

    Args:
        pairs: those to make them from, whose digests decide on the order.
        boundaries: which types end words, and which begin them, shape (2, V).
    """
    pairs = pairs.chosen(_MADE)
    words = Words.of(pairs.text.tgt, boundaries)
    key = drawn(pairs.digests[words.sentence], positions_of(words.counts))
    key[words.is_end] = np.iinfo(key.dtype).max
    word = np.repeat(np.arange(len(words)), words.ends - words.starts)
    order = np.lexsort((np.arange(len(word)), key[word], words.sentence[word]))
    targets = Sentences.beside(words.types[order], pairs.text.tgt.sizes)
    return JudgedPairs(ParallelText(pairs.text.src, targets), pairs.digests)


def _shortened(sentences: Sentences, sizes: np.ndarray) -> Sentences:
    """The first tokens and the last one of each, as many together as ``sizes`` says, (N,)."""
    behind = positions_of(sentences.sizes)
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
