"""Wrong words: which words of a target nothing in its source accounts for.

Where single tokens have weights, a good pair need not lose its weight for one wrong word: that word
does, and the others keep theirs. What wrong words look like is told by words that were exchanged
for another pair's (``fairseq_l2rw.initial_weights.contrast``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.pairs import ParallelText
from fairseq_l2rw.data.sentences import places_of, starts_of
from fairseq_l2rw.data.words import Words
from fairseq_l2rw.initial_weights.contrast import Contrast
from fairseq_l2rw.initial_weights.cost import affordable_costs, worth
from fairseq_l2rw.initial_weights.halves import copies_of, halves
from fairseq_l2rw.initial_weights.lexicon import Lexicon
from fairseq_l2rw.initial_weights.links import WORDS, Numbers, enough, numbered
from fairseq_l2rw.initial_weights.made_pairs import exchanged

# Cost of a wrong word in good ones: how many of these make up for it.
_COST = 20.0


@dataclass(frozen=True)
class _Evidence:
    """What is known of the words of targets.

    Attributes:
        words: of N targets, W together.
        columns: of each, how well the source accounts for its worst piece; the log of how many
            pieces it has; and the log of the product of the lengths of both sides, shape (W, 3).
        least: the first of these of the worst word of each target, shape (N,).
    """

    words: Words
    columns: Numbers
    least: Numbers


class WrongWords:
    """Odds that words of targets are wrong.

    Args:
        contrast: to words that were exchanged.
        cost: of a wrong word in good ones, a scalar.
    """

    def __init__(self, contrast: Contrast, cost: Tensor) -> None:
        self.contrast, self.cost = contrast, cost

    @classmethod
    def learn(
        cls,
        lexicon: Lexicon,
        texts: tuple[ParallelText, ParallelText],
        dictionaries: Dictionaries,
        digests: tuple[np.ndarray, ...],
        good: Tensor,
    ) -> "WrongWords":
        """From pairs.

        Args:
            lexicon: of their words.
            texts: N training pairs and M trusted ones.
            dictionaries: of their languages.
            digests: of both, shapes (N,) and (M,).
            good: how likely each training pair is good otherwise, shape (N,).
        """
        some = enough(texts[0])
        text, found, boundaries = texts[0].take(some), digests[0][some], dictionaries.boundaries
        train = _evidence(text, lexicon, found, boundaries)
        # Of pairs that have no wrong word yet, rather.
        better = np.flatnonzero(train.least >= np.median(train.least))
        often = torch.from_numpy(lexicon.directions[1].usual)
        pairs, of, which = exchanged(text, better, found, dictionaries, often)
        made = _evidence(pairs, lexicon, found[of], boundaries)
        trusted = _evidence(texts[1], lexicon, digests[1], boundaries)
        wrong = made.columns[made.words.first + which]
        inside = ~train.words.is_end
        of_word = train.words.sentence[inside]
        likely, copies = good[some][of_word], copies_of(found)[of_word]
        real, known = (x.columns[~x.words.is_end] for x in (train, trusted))
        rows = [torch.from_numpy(x) for x in (real, wrong, known)]
        contrast = Contrast.learn(rows[0], rows[1], rows[2], likely, copies)
        odds = contrast.odds(rows[2]).unsqueeze(1)
        return cls(contrast, affordable_costs(odds, odds.new_tensor([_COST])))

    def weights(
        self, pairs: ParallelText, lexicon: Lexicon, digests: np.ndarray, boundaries: Tensor
    ) -> Tensor:
        """What the target's tokens are worth, all of a word the same.

        Args:
            pairs: N pairs.
            lexicon: that it was learnt with.
            digests: of the pairs, shape (N,).
            boundaries: which target types may end a word, and which may begin one, shape (2, V).

        Returns:
            From 0 to 1, flat, shape (all target tokens,), float64; 1 at ends of sentences, and
            behind the first part of very long ones.
        """
        found = torch.ones(int(pairs.tgt.sizes.sum()), dtype=torch.double)
        evidence = _evidence(pairs, lexicon, digests, boundaries)
        words = evidence.words
        worths = worth(self.contrast.odds(torch.from_numpy(evidence.columns)), self.cost).numpy()
        worths[words.is_end] = 1
        read = pairs.cut(WORDS).tgt.sizes
        at = places_of(starts_of(pairs.tgt.sizes), read)
        found[at] = torch.from_numpy(np.repeat(worths, words.ends - words.starts))
        return found

    def state_dict(self) -> dict[str, Any]:
        """All that ``weights`` needs, in types that torch's safe loader takes."""
        return {"contrast": self.contrast.numbers, "cost": self.cost}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "WrongWords":
        """From what ``state_dict`` gave."""
        return cls(Contrast(state["contrast"]), state["cost"])


def _evidence(
    pairs: ParallelText, lexicon: Lexicon, digests: np.ndarray, boundaries: Tensor
) -> _Evidence:
    """The evidence of N pairs' words, each judged by the half of the text it is not of."""
    pairs, half = pairs.cut(WORDS), halves(digests).numpy()
    words, sizes = Words.of(pairs.tgt, boundaries), pairs.tgt.sizes
    if not len(words):
        return _Evidence(words, np.empty((0, 3)), np.empty(0))
    support = np.empty(len(words.types))
    for number in (0, 1):
        some = np.flatnonzero(half == number)
        parts = lexicon.evidence(
            numbered(pairs.take(some), lexicon.table, lexicon.types[1]), number
        )
        of_half = np.concatenate([np.empty(0), *(part.support[1] for part in parts)])
        support[places_of(starts_of(sizes)[some], sizes[some])] = of_half
    least = np.minimum.reduceat(support, words.starts)
    pieces = np.log(words.ends - words.starts)
    length = np.log(pairs.sizes.prod(1))[words.sentence]
    worst = np.minimum.reduceat(least, words.first)
    return _Evidence(words, np.stack([least, pieces, length], 1), worst)
