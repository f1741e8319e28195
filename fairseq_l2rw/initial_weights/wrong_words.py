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
from fairseq_l2rw.data.sentences import places_of, starts_of
from fairseq_l2rw.data.words import Words
from fairseq_l2rw.initial_weights.contrast import Contrast, Kind
from fairseq_l2rw.initial_weights.cost import affordable_costs, worth
from fairseq_l2rw.initial_weights.halves import JudgedPairs
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
        train: JudgedPairs,
        trusted: JudgedPairs,
        dictionaries: Dictionaries,
        good: Tensor,
    ) -> "WrongWords":
        """From pairs.

        Args:
            lexicon: of their words.
            train: N training pairs.
            trusted: M trusted pairs.
            dictionaries: of their languages.
            good: how likely each training pair is good otherwise, shape (N,).
        """
        some, boundaries = enough(train.text), dictionaries.boundaries
        train = train.take(some)
        own = _evidence(train, lexicon, boundaries)
        # Of pairs that have no wrong word yet, rather.
        better = np.flatnonzero(own.least >= np.median(own.least))
        often = torch.from_numpy(lexicon.directions[1].usual)
        pairs, which = exchanged(train, better, dictionaries, often)
        made = _evidence(pairs, lexicon, boundaries)
        wrong = made.columns[made.words.first + which]
        theirs = _evidence(trusted, lexicon, boundaries)
        inside = ~own.words.is_end
        columns = own.columns[inside], wrong, theirs.columns[~theirs.words.is_end]
        rows = [torch.from_numpy(x) for x in columns]
        of_word = own.words.sentence[inside]
        contrast = Contrast.learn(
            *rows,
            kind=Kind.MILD,
            good=good[some][of_word],
            repeats=train.repeats[of_word],
            is_corrupted=bool(good.min() < 1),
        )
        odds = contrast.odds(rows[2]).unsqueeze(1)
        return cls(contrast, affordable_costs(odds, odds.new_tensor([_COST])))

    def weights(self, pairs: JudgedPairs, lexicon: Lexicon, boundaries: Tensor) -> Tensor:
        """What the target's tokens are worth, all of a word the same.

        Args:
            pairs: N pairs.
            lexicon: that it was learnt with.
            boundaries: which target types may end a word, and which may begin one, shape (2, V).

        Returns:
            From 0 to 1, flat, shape (all target tokens,), float64; 1 at ends of sentences, and
            behind the first part of very long ones.
        """
        sizes, read = pairs.text.tgt.sizes, pairs.text.cut(WORDS).tgt.sizes
        found = torch.ones(int(sizes.sum()), dtype=torch.double)
        evidence = _evidence(pairs, lexicon, boundaries)
        words = evidence.words
        worths = worth(self.contrast.odds(torch.from_numpy(evidence.columns)), self.cost).numpy()
        worths[words.is_end] = 1
        at = places_of(starts_of(sizes), read)
        found[at] = torch.from_numpy(np.repeat(worths, words.ends - words.starts))
        return found

    def state_dict(self) -> dict[str, Any]:
        """All that ``weights`` needs, in types that torch's safe loader takes."""
        return {"contrast": vars(self.contrast), "cost": self.cost}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "WrongWords":
        """From what ``state_dict`` gave."""
        return cls(Contrast(**state["contrast"]), state["cost"])


def _evidence(pairs: JudgedPairs, lexicon: Lexicon, boundaries: Tensor) -> _Evidence:
    """The evidence of N pairs' words, each judged by the half of the text it is not of."""
    text, half = pairs.text.cut(WORDS), pairs.half.numpy()
    words, sizes = Words.of(text.tgt, boundaries), text.tgt.sizes
    if not len(words):
        return _Evidence(words, np.empty((0, 3)), np.empty(0))
    support = np.empty(len(words.types))
    for number in (0, 1):
        some = np.flatnonzero(half == number)
        read = numbered(text.take(some), lexicon.table, lexicon.types[1])
        parts = lexicon.evidence(read, number)
        of_half = np.concatenate([np.empty(0), *(part.support[1] for part in parts)])
        support[places_of(starts_of(sizes)[some], sizes[some])] = of_half
    least = np.minimum.reduceat(support, words.starts)
    pieces = np.log(words.ends - words.starts)
    length = np.log(text.sizes.prod(1))[words.sentence]
    worst = np.minimum.reduceat(least, words.first)
    return _Evidence(words, np.stack([least, pieces, length], 1), worst)
