"""Lexicon: how well the words of a pair account for each other, by what all other pairs say.

IBM Model 1 (Brown et al., 1993, "The Mathematics of Statistical Machine Translation: Parameter
Estimation", Computational Linguistics 19; docs/mathematics.md, "Initial weights"): every word of
one side has come of one of the other's, each with the same chance. A misaligned pair has words that
come together nowhere else. It takes neither student nor training, and knows no language.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from fairseq_l2rw.initial_weights.key_table import KeyTable
from fairseq_l2rw.initial_weights.links import Integers, Links, Numbers

_ROUNDS, _MORE_ROUNDS = 5, 2  # of expectation maximisation, at first and later
# Counts that the generated side's frequencies speak for: types that came up rarely say little.
_PSEUDO = 5.0
# Words that a type's average gain is worth: of a type that came up rarely little is known.
_PRIOR = 5.0
_LEAST = 1e-300  # in place of 0 where 0 is divided
_LEAST_COUNT = 1e-3  # that is worth keeping


@dataclass(frozen=True)
class WordEvidence:
    """What a lexicon says of the words of some pairs, in nats.

    Attributes:
        links: of the pairs.
        support: how much better the other side accounts for each word than for most of its type, of
            source and target, (W,).
        coverage: how much likelier what the other side has is as a translation of each word than
            what is there for most of its type, likewise.
    """

    links: Links
    support: tuple[Numbers, Numbers]
    coverage: tuple[Numbers, Numbers]


@dataclass(frozen=True)
class _Direction:
    """Translation in one direction: one side is generated, the other one given.

    Of types that came together there is a number, from 1; number 0 is of all others. All is known
    twice: of either half of the text, as learnt from it alone.

    Attributes:
        counts: how often one was generated because of the other, by half and number, shape (2, K).
        totals: their sums, by half and given type, shape (2, size of the given dictionary).
        usual: p(generated) by frequency, shape (size of the generated side's dictionary,).
        gain: how much likelier a word of each type is on average given its cause, in nats, by the
            half that the words are of, shape (2, size of the generated side's dictionary).
        relevance: how much more often trusted text has each generated type, shape (size of the
            generated side's dictionary,).
        relevant: ``totals`` of counts that are multiplied by it, likewise.
        best: log of how likely what is generated because of a word of each given type is, on
            average, by the half that the words are of, shape (2, size of the given dictionary).
    """

    counts: Numbers
    totals: Numbers
    usual: Numbers
    gain: Numbers
    relevance: Numbers
    relevant: Numbers
    best: Numbers


class Lexicon:
    """Which types of one side come with which of the other, by either half of a text.

    A pair is judged by the half that it does not belong to. So neither it nor a copy of it speaks
    for itself, and a pair that was learnt from is judged as any other (cross-fitting).

    Args:
        types: sizes of the dictionaries.
        table: numbers of all types that came together.
        directions: of translation: into the source's language, and into the target's.
    """

    def __init__(
        self, types: tuple[int, int], table: KeyTable, directions: Sequence[_Direction]
    ) -> None:
        self.types, self.table, self.directions = types, table, list(directions)

    @classmethod
    def learn(
        cls,
        halves: Sequence[Links],
        table: KeyTable,
        good: Sequence[Numbers],
        relevance: Sequence[Numbers],
        before: "Lexicon | None" = None,
    ) -> "Lexicon":
        """From the links of pairs.

        Args:
            halves: links of N pairs of one half of the text, and those of the other one.
            table: that their numbers are of.
            good: how likely each pair is good, from 0 to 1, by half, shape (N,).
            relevance: how much more often trusted text has each type, of source and target, (V,).
            before: what was learnt from the same links before, to go on from.
        """
        lexicon = cls((len(relevance[0]), len(relevance[1])), table, [])
        known = [None, None] if before is None else before.directions
        lexicon.directions = [
            _maximised(halves, generated, lexicon.linked_types, good, relevance, start)
            for generated, start in enumerate(known)
        ]
        return lexicon

    @cached_property
    def linked_types(self) -> tuple[Integers, Integers]:
        """Source and target types of all numbers, (K,); 0 for number 0, which never counts."""
        source, target = np.divmod(self.table.keys.numpy(), self.types[1])
        target[0] = 0
        return source.clip(min=0), target

    def state_dict(self) -> dict[str, Any]:
        """What it takes to score pairs, in types that torch's safe loader takes."""
        # What hardly ever came together says no more than the frequencies do.
        kept = np.concatenate([x.counts for x in self.directions]).max(0) >= _LEAST_COUNT
        kept[0] = True
        directions = [
            {name: torch.from_numpy(numbers).float() for name, numbers in vars(x).items()}
            for x in (replace(x, counts=x.counts[:, kept]) for x in self.directions)
        ]
        keys = self.table.keys[torch.from_numpy(kept)]
        return {"types": self.types, "keys": keys, "directions": directions}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Lexicon":
        """From what ``state_dict`` gave."""
        directions = [
            _Direction(**{name: numbers.double().numpy() for name, numbers in row.items()})
            for row in state["directions"]
        ]
        source, target = state["types"]
        return cls((source, target), KeyTable(state["keys"]), directions)

    def evidence(self, links: Iterable[Links], half: int) -> Iterator[WordEvidence]:
        """How far the words of pairs are supported and covered by those of the other side.

        Args:
            links: of pairs, some pairs at a time.
            half: of the text that they belong to, 0 or 1: the other one says it.
        """
        other, both = 1 - half, self.linked_types
        gains, relevant = [], []
        for generated, x in enumerate(self.directions):
            given, usual = x.totals[other][both[1 - generated]], x.usual[both[generated]]
            gain = np.log((x.counts[other] + _PSEUDO * usual) / (given + _PSEUDO) / usual)
            gain[0] = -np.inf  # of types that never came together: ``_support``
            gains.append(gain)
            relevant.append(x.counts[other] * x.relevance[both[generated]])
        for some in links:
            support = [self._support(some, side, gains[side], other) for side in (0, 1)]
            coverage = [self._coverage(some, side, relevant[1 - side], other) for side in (0, 1)]
            yield WordEvidence(some, (support[0], support[1]), (coverage[0], coverage[1]))

    def _support(self, links: Links, side: int, gain: Numbers, half: int) -> Numbers:
        """Of the words of a side (W,), by the gains of numbers (K,)."""
        direction, words, others = self.directions[side], links.sides[side], links.sides[1 - side]
        # Of types that never came together the gain goes by the given one's count alone. One that
        # did has no smaller gain.
        rarest = np.full(links.pairs, np.inf)
        np.minimum.at(rarest, others.pair, direction.totals[half][others.types])
        least = np.log(_PSEUDO / (rarest + _PSEUDO))[words.pair]
        best = np.maximum(words.largest(gain), least)
        return best - direction.gain[half][words.types]

    def _coverage(self, links: Links, side: int, counts: Numbers, half: int) -> Numbers:
        """Of the words of a side (W,), by the relevant counts of numbers (K,)."""
        direction, words = self.directions[1 - side], links.sides[side]
        totals, usual = (x[half][words.types] for x in (direction.relevant, direction.best))
        best = words.largest(counts).clip(min=0)
        return np.log((best + _PSEUDO * np.exp(usual)) / (totals + _PSEUDO)) - usual


def frequency(halves: Sequence[Links], side: int, types: int) -> Numbers:
    """One more than how often each type came up on a side of pairs, shape (types,)."""
    found = [np.bincount(links.sides[side].types, minlength=types) for links in halves]
    return np.stack(found).sum(0) + 1.0


def _maximised(
    halves: Sequence[Links],
    generated: int,
    both: tuple[Integers, Integers],
    good: Sequence[Numbers],
    relevance: Sequence[Numbers],
    start: _Direction | None,
) -> _Direction:
    """Expectation maximisation, by types of numbers (K,), and goodness of pairs, by half (N,)."""
    types, size = both[1 - generated], len(relevance[1 - generated])
    counts, totals = (np.ones((2, n)) for n in (len(types), size))
    if start is not None:
        counts, totals = start.counts, start.totals
    for _ in range(_ROUNDS if start is None else _MORE_ROUNDS):
        chances = counts / totals[:, types].clip(min=_LEAST)
        rows = []
        for chance, links, likely in zip(chances, halves, good, strict=True):
            words = links.sides[generated]
            # Of what a word's causes sum up to each has its share.
            share = likely[words.pair] / words.sums(chance).clip(min=_LEAST)
            rows.append(chance * words.by_number(share, len(chance)))
        counts = np.stack(rows)
        totals = _sums(counts, types, size)
    often = frequency(halves, generated, len(relevance[generated]))
    usual = often / often.sum()
    relevant = counts * relevance[generated][both[generated]]
    sums = _sums(relevant, types, size)
    return _Direction(
        counts=counts,
        totals=totals,
        usual=usual,
        gain=_usual_gain(counts, totals[:, types], usual, both[generated]),
        relevance=relevance[generated],
        relevant=sums,
        best=_usual_best(relevant, sums, types),
    )


def _sums(counts: Numbers, types: Integers, size: int) -> Numbers:
    """Sums of counts by half (2, K) over numbers with the same of types (K,), shape (2, size)."""
    return np.stack([np.bincount(types, row, minlength=size) for row in counts])


def _usual_best(counts: Numbers, totals: Numbers, types: Integers) -> Numbers:
    """Log of how likely what is generated because of a word of each type is, on average, (2, V).

    By half that the words are of. They are judged by the other one.

    Args:
        counts: how often one type was generated because of another, by half, shape (2, K).
        totals: their sums by half and given type, shape (2, V).
        types: the given ones, shape (K,).
    """
    chance = (counts[::-1] + _LEAST_COUNT) / (totals[::-1, types] + 1)
    likely = _sums(counts * np.log(chance), types, totals.shape[1])
    average = likely.sum() / max(totals.sum(), _LEAST)
    return (likely + _PRIOR * average) / (totals + _PRIOR)


def _usual_gain(counts: Numbers, totals: Numbers, usual: Numbers, types: Integers) -> Numbers:
    """How much likelier words of each type are on average given their causes, in nats.

    By half that the words are of, shape (2, V). They are judged by the other one.

    Args:
        counts: how often one type was generated because of another, by half, shape (2, K).
        totals: their sums over what is given, likewise.
        usual: frequency of the generated types, shape (V,).
        types: the generated ones, shape (K,).
    """
    chance = (counts[::-1] + _PSEUDO * usual[types]) / (totals[::-1] + _PSEUDO)
    gains = _sums(counts * np.log(chance / usual[types]), types, len(usual))
    words = _sums(counts, types, len(usual))
    average = gains.sum() / max(words.sum(), _LEAST)
    return (gains + _PRIOR * average) / (words + _PRIOR)
