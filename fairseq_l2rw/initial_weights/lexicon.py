"""Lexicon: how well the words of a pair account for each other, by what all other pairs say.

IBM Model 1 (Brown et al., 1993, "The Mathematics of Statistical Machine Translation: Parameter
Estimation", Computational Linguistics 19; docs/mathematics.md, "Initial weights"): every word of
one side has come of one of the other's, each with the same chance. A misaligned pair has words that
come together nowhere else. It takes neither student nor training, and knows no language.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Any

import numpy as np
import torch

from fairseq_l2rw.initial_weights.key_table import KeyTable
from fairseq_l2rw.initial_weights.links import Integers, Links, Numbers, frequency

_ROUNDS, _MORE_ROUNDS = 5, 2  # of expectation maximisation, at first and later
# Counts that the generated side's frequencies speak for: types that came up rarely say little.
_PSEUDO = 5.0
# Words that a type's average gain is worth: of a type that came up rarely little is known.
_PRIOR = 5.0
_LEAST = 1e-30  # in place of 0 where 0 is divided
_LEAST_COUNT = 1e-3  # that is worth keeping
_TOGETHER = 1 << 20  # numbers that are summed at a time, as it takes them in double precision

_Both = tuple[Integers, Integers]  # types of numbers, of two sides, shapes (K,)


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
        weights: Sequence[Numbers],
        relevance: Sequence[Numbers],
    ) -> "Lexicon":
        """From the links of pairs.

        Args:
            halves: links of N pairs of one half of the text, and those of the other one.
            table: that their numbers are of.
            weights: how often each pair counts, by half, shape (N,).
            relevance: how much more often trusted text has each type, of source and target, (V,).
                Counts have the precision that these have.
        """
        lexicon = cls((len(relevance[0]), len(relevance[1])), table, [])
        types = lexicon.linked_types
        lexicon.directions = [
            _maximised(halves, n, types, weights, relevance, None) for n in (0, 1)
        ]
        return lexicon

    def learn_again(self, halves: Sequence[Links], weights: Sequence[Numbers]) -> None:
        """Go on from what was learnt from the same links, with other weights.

        Args:
            halves: links of N pairs, as for ``learn``.
            weights: how often each pair counts, by half, shape (N,).
        """
        relevance = [x.relevance for x in self.directions]
        for n, start in enumerate(self.directions):
            self.directions[n] = _maximised(halves, n, self.linked_types, weights, relevance, start)

    @cached_property
    def linked_types(self) -> _Both:
        """Source and target types of all numbers, (K,); 0 for number 0, which never counts."""
        source, target = np.divmod(self.table.keys.numpy(), self.types[1])
        target[0] = 0
        return source.clip(min=0).astype(np.int32), target.astype(np.int32)

    def pruned(self) -> "Lexicon":
        """The lexicon without what hardly came together: that says no more than frequencies do."""
        rows = (row for x in self.directions for row in x.counts)
        kept = reduce(np.maximum, rows) >= _LEAST_COUNT
        kept[0] = True
        table = KeyTable(self.table.keys[torch.from_numpy(kept)])
        directions = [replace(x, counts=x.counts[:, kept]) for x in self.directions]
        return Lexicon(self.types, table, directions)

    def state_dict(self) -> dict[str, Any]:
        """What it takes to score pairs, in types that torch's safe loader takes."""
        directions = [
            {name: torch.from_numpy(numbers).float() for name, numbers in vars(x).items()}
            for x in self.directions
        ]
        return {"types": self.types, "keys": self.table.keys, "directions": directions}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Lexicon":
        """From what ``state_dict`` gave."""
        directions = [
            _Direction(**{name: numbers.numpy() for name, numbers in row.items()})
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
            types = both[1 - generated], both[generated]
            gain = _gains(x.counts[other], x.totals[other], x.usual, types)
            gain[0] = -np.inf  # of types that never came together: ``_support``
            gains.append(gain)
            relevant.append(x.counts[other] * x.relevance[types[1]])
        for some in links:
            support = [self._support(some, side, gains[side], other) for side in (0, 1)]
            coverage = [self._coverage(some, side, relevant[1 - side], other) for side in (0, 1)]
            yield WordEvidence(some, (support[0], support[1]), (coverage[0], coverage[1]))

    def _support(self, links: Links, side: int, gain: Numbers, half: int) -> Numbers:
        """The support of the words of a side, (W,), by the gains of numbers (K,)."""
        direction, words, others = self.directions[side], links.sides[side], links.sides[1 - side]
        # Of types that never came together the gain goes by the given one's count alone. One that
        # did has no smaller gain.
        rarest = others.least(direction.totals[half][others.types], links.pairs)
        least = np.log(_PSEUDO / (rarest + _PSEUDO))[words.pair]
        best = np.maximum(words.largest(gain), least)
        return best - direction.gain[half][words.types]

    def _coverage(self, links: Links, side: int, counts: Numbers, half: int) -> Numbers:
        """The coverage of the words of a side, (W,), by the relevant counts of numbers (K,)."""
        direction, words = self.directions[1 - side], links.sides[side]
        totals, usual = (x[half][words.types] for x in (direction.relevant, direction.best))
        best = words.largest(counts).clip(min=0)
        return np.log((best + _PSEUDO * np.exp(usual)) / (totals + _PSEUDO)) - usual


def _maximised(
    halves: Sequence[Links],
    generated: int,
    both: _Both,
    weights: Sequence[Numbers],
    relevance: Sequence[Numbers],
    start: _Direction | None,
) -> _Direction:
    """Expectation maximisation, by types of numbers (K,), and weights of pairs, by half (N,)."""
    types, size = both[1 - generated], len(relevance[1 - generated])
    kind = relevance[generated].dtype
    counts: Numbers = np.ones((2, len(types)), kind)
    totals: Numbers = np.ones((2, size))
    if start is not None:
        counts, totals = start.counts, start.totals
    for _ in range(_ROUNDS if start is None else _MORE_ROUNDS):
        for n, (links, weight) in enumerate(zip(halves, weights, strict=True)):
            words, given = links.sides[generated], totals[n].clip(min=_LEAST).astype(kind)
            chance = counts[n] / given[types]
            # Of what a word's causes sum up to each has its share.
            share = weight[words.pair] / words.sums(chance).clip(min=_LEAST)
            # In place, also of the start's, which are not needed any more: there may be millions.
            counts[n] = chance * words.by_number(share, len(chance))
        totals = _sums(counts, types, size)
    often = frequency(halves, generated, len(relevance[generated]))
    usual = (often / often.sum()).astype(kind)
    gain = _usual_gain(counts, totals, usual, (types, both[generated]))
    relevant = counts * relevance[generated][both[generated]]
    sums = _sums(relevant, types, size)
    return _Direction(
        counts=counts,
        totals=totals,
        usual=usual,
        gain=gain,
        relevance=relevance[generated],
        relevant=sums,
        best=_usual_best(relevant, sums, types),
    )


def _sums(counts: Iterable[Numbers], types: Integers, size: int) -> Numbers:
    """Sums of counts by half (2, K) over numbers with the same of types (K,), shape (2, size)."""
    return np.stack([_summed(row, types, size) for row in counts])


def _summed(values: Numbers, types: Integers, size: int) -> Numbers:
    """Sums of values (K,) over numbers with the same of types (K,), shape (size,), float64."""
    found = np.zeros(size)
    for begin in range(0, len(values), _TOGETHER):
        some = slice(begin, begin + _TOGETHER)
        found += np.bincount(types[some], values[some], minlength=size)
    return found


def _usual_best(counts: Numbers, totals: Numbers, types: Integers) -> Numbers:
    """Log of how likely what is generated because of a word of each type is, on average.

    By half that the words are of, shape (2, V). They are judged by the other one.
    Arguments are as for ``_usual_gain``, and types the given ones.
    """
    # Half by half: there may be millions of numbers, and each array of them counts.
    size, more = totals.shape[1], (totals + 1).astype(counts.dtype)
    rows = (
        own * np.log((other + _LEAST_COUNT) / total[types])
        for own, other, total in zip(counts, counts[::-1], more[::-1], strict=True)
    )
    return _shrunk(_sums(rows, types, size), totals)


def _usual_gain(counts: Numbers, totals: Numbers, usual: Numbers, types: _Both) -> Numbers:
    """The mean gain of words of each type, by half that they are of, shape (2, V).

    They are judged by the other half. Arguments are as for ``_gains``, of both halves.
    """
    rows = (
        own * _gains(other, total, usual, types)
        for own, other, total in zip(counts, counts[::-1], totals[::-1], strict=True)
    )
    gains, words = (_sums(some, types[1], len(usual)) for some in (rows, counts))
    return _shrunk(gains, words)


def _gains(counts: Numbers, totals: Numbers, usual: Numbers, types: _Both) -> Numbers:
    """How much likelier a type is given another one than by its frequency, in nats, shape (K,).

    Args:
        counts: how often one type was generated because of another, shape (K,).
        totals: their sums by given type, shape (size of the given dictionary,).
        usual: frequency of the generated types, shape (V,).
        types: the given and the generated ones, shapes (K,).
    """
    often, more = usual[types[1]], (totals + _PSEUDO).astype(counts.dtype)
    return np.log((counts + _PSEUDO * often) / more[types[0]] / often)


def _shrunk(sums: Numbers, words: Numbers) -> Numbers:
    """Means of so many words, those of few near the mean of all; shape (2, V), as of both."""
    average = sums.sum() / max(words.sum(), _LEAST)
    return (sums + _PRIOR * average) / (words + _PRIOR)
