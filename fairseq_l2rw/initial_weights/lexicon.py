"""Lexicon: how well the words of a pair account for each other, by what all other pairs say.

IBM Model 1 (Brown et al., 1993, "The Mathematics of Statistical Machine Translation: Parameter
Estimation", Computational Linguistics 19; docs/mathematics.md, "Initial weights"): every word of
one side has come of one of the other's, each with the same chance. A misaligned pair has words that
come together nowhere else. It takes neither student nor training, and knows no language.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fairseq_l2rw.initial_weights.key_table import KeyTable
from fairseq_l2rw.initial_weights.links import Links, Part

#: Of some pairs their places, shape (n,), and how well words are supported, in nats: the target's,
#: shape (n, T), and the source's, (n, S); NaN for padding.
WordSupport = tuple[Tensor, tuple[Tensor, Tensor]]

_ROUNDS, _MORE_ROUNDS = 5, 2  # of expectation maximisation, at first and later
# Counts that the generated side's frequencies speak for: types that came up rarely say little.
_PSEUDO = 5.0
# Words that a type's average gain is worth: of a type that came up rarely little is known.
_PRIOR = 5.0
_LEAST = 1e-300  # in place of 0 where 0 is divided
_LEAST_COUNT = 1e-3  # that is worth keeping


@dataclass(frozen=True)
class _Direction:
    """Translation in one direction: one side is generated, the other one given.

    Of types that came together there is a number, from 1; number 0 is of padding and of all others.
    All is known twice: of either half of the text, as learnt from it alone.

    Attributes:
        generated: 0 if it is the source that is generated, 1 if it is the target.
        counts: how often one was generated because of the other, by half and number, shape (2, K).
        totals: their sums, by half and given type, shape (2, size of the given dictionary).
        usual: p(generated) by frequency, shape (size of the generated side's dictionary,).
        gain: how much likelier a word of each type is on average given its cause, in nats, by the
            half that the words are of, shape (2, size of the generated side's dictionary).
    """

    generated: int
    counts: Tensor
    totals: Tensor
    usual: Tensor
    gain: Tensor


def _at(table: Tensor, numbers: Tensor) -> Tensor:
    """``table[numbers]``, several times faster on a CPU."""
    return table.index_select(0, numbers.flatten()).view(numbers.shape)


def _of_half(table: Tensor, half: Tensor, numbers: Tensor) -> Tensor:
    """``table[half, numbers]``, with a half (n,) for all numbers (n, ...) of a pair."""
    first = (half * table.shape[1]).view(-1, *[1] * (numbers.dim() - 1))
    return _at(table.reshape(-1), first + numbers)


def _shares(chance: Tensor, given: int) -> Tensor:
    """Chances (n, S, T) as parts of what they sum up to over the words of the given side."""
    return chance / chance.sum(1 + given, keepdim=True).clamp(min=_LEAST)


class Lexicon:
    """Which types of one side come with which of the other, by either half of a text.

    A pair is judged by the half that it does not belong to. So neither it nor a copy of it speaks
    for itself, and a pair that was learnt from is judged as any other (cross-fitting).

    Args:
        types: sizes of the dictionaries.
        padding: number of the padding type in both.
        table: numbers of all types that came together; the first one is of padding.
        directions: of translation.
    """

    def __init__(
        self,
        types: tuple[int, int],
        padding: int,
        table: KeyTable,
        directions: Sequence[_Direction] = (),
    ) -> None:
        self.types, self.padding, self.table = types, padding, table
        self.directions = list(directions)

    @classmethod
    def learn(
        cls, links: Links, half: Tensor, good: Tensor, before: "Lexicon | None" = None
    ) -> "Lexicon":
        """From the links of N pairs.

        Args:
            links: of the pairs.
            half: of the text that each pair belongs to, shape (N,).
            good: how likely each is good, from 0 to 1, shape (N,).
            before: what was learnt from the same links before, to go on from.
        """
        lexicon = cls(links.types, links.padding, links.table)
        types = _types_of(links.table.keys, links.types)
        known = [None, None] if before is None else before.directions
        lexicon.directions = [
            _maximised(links, generated, types, (half, good), start)
            for generated, start in zip((1, 0), known, strict=True)
        ]
        return lexicon

    def state_dict(self) -> dict[str, Any]:
        """What it takes to score pairs, in types that torch's safe loader takes."""
        # What hardly ever came together says no more than the frequencies do.
        counts = torch.stack([direction.counts for direction in self.directions])
        kept = (counts >= _LEAST_COUNT).any(0).any(0)
        kept[0] = True
        return {
            "types": self.types,
            "padding": self.padding,
            "keys": self.table.keys[kept],
            "counts": counts[:, :, kept].float(),
            "totals": [direction.totals.float() for direction in self.directions],
            "usual": [direction.usual.float() for direction in self.directions],
            "gain": [direction.gain.float() for direction in self.directions],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Lexicon":
        """From what ``state_dict`` gave."""
        names = ("counts", "totals", "usual", "gain")
        rows = zip((1, 0), *(state[name] for name in names), strict=True)
        directions = [
            _Direction(generated, *(numbers.double() for numbers in row))
            for generated, *row in rows
        ]
        source, target = state["types"]
        return cls((source, target), state["padding"], KeyTable(state["keys"]), directions)

    def support(self, parts: Iterable[Part], half: Tensor) -> Iterator[WordSupport]:
        """How much better the other side accounts for each word than for most of its type.

        Args:
            parts: N pairs, some at a time, with the numbers of their links.
            half: of the text that each belongs to, shape (N,): the other one says it.
        """
        for part in parts:
            sides = part.source, part.target
            yield part.places, self._support(sides, part.number, half[part.places])

    def _support(
        self, sides: tuple[Tensor, Tensor], number: Tensor, half: Tensor
    ) -> tuple[Tensor, Tensor]:
        other = 1 - half
        real = [side.ne(self.padding) for side in sides]
        found = []
        for direction in self.directions:
            generated, given = direction.generated, 1 - direction.generated
            totals = _of_half(direction.totals, other, sides[given]).unsqueeze(1 + generated)
            usual = _at(direction.usual, sides[generated])
            counts = _of_half(direction.counts, other, number)
            chance = (counts + _PSEUDO * usual.unsqueeze(1 + given)) / (totals + _PSEUDO)
            best = (chance * real[given].unsqueeze(1 + generated)).amax(1 + given)
            support = (best / usual).log() - _of_half(direction.gain, other, sides[generated])
            found.append(support.masked_fill(~real[generated], float("nan")))
        return found[0], found[1]


def _types_of(keys: Tensor, types: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Source and target types of keys (K,), likewise; 0 for padding, for which nothing counts."""
    return (keys // types[1]).clamp(min=0), (keys % types[1]).where(keys >= 0, 0)


def _maximised(
    links: Links,
    generated: int,
    both: tuple[Tensor, Tensor],
    pairs: tuple[Tensor, Tensor],
    start: _Direction | None,
) -> _Direction:
    """Expectation maximisation, by both types of keys (K,), and halves and goodness of pairs."""
    types, size = both[1 - generated], links.types[1 - generated]
    if start is None:
        chance = torch.ones(2, len(links.table), dtype=torch.double)
    else:
        chance = start.counts / start.totals[:, types].clamp(min=_LEAST)
    for _ in range(_ROUNDS if start is None else _MORE_ROUNDS):
        chance[:, 0] = 0
        counts = torch.zeros_like(chance)
        for part in links.parts:
            half, good = (row[part.places] for row in pairs)
            shares = _shares(_of_half(chance, half, part.number), 1 - generated)
            place = (half * len(links.table)).view(-1, 1, 1) + part.number
            weighted = shares * good.view(-1, 1, 1)
            counts.view(-1).index_add_(0, place.flatten(), weighted.flatten())
        totals = torch.stack([torch.bincount(types, row, minlength=size) for row in counts])
        chance = counts / totals[:, types].clamp(min=_LEAST)
    usual = links.frequency[generated] / links.frequency[generated].sum()
    gain = _usual_gain(counts, totals[:, types], usual, both[generated])
    return _Direction(generated, counts, totals, usual, gain)


def _usual_gain(counts: Tensor, totals: Tensor, usual: Tensor, types: Tensor) -> Tensor:
    """How much likelier words of each type are on average given their causes, in nats.

    By half that the words are of, shape (2, V). They are judged by the other one.

    Args:
        counts: how often one type was generated because of another, by half, shape (2, K).
        totals: their sums over what is given, likewise.
        usual: frequency of the generated types, shape (V,).
        types: the generated ones, shape (K,).
    """
    words, gains = torch.zeros(2, 2, len(usual), dtype=torch.double)
    for half in (0, 1):
        other = 1 - half
        chance = (counts[other] + _PSEUDO * usual[types]) / (totals[other] + _PSEUDO)
        words[half].index_add_(0, types, counts[half])
        gains[half].index_add_(0, types, counts[half] * (chance / usual[types]).log())
    average = gains.sum() / words.sum().clamp(min=_LEAST)
    return (gains + _PRIOR * average) / (words + _PRIOR)
