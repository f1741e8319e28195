"""Word association: how well the words of a pair go together, by what all other pairs say.

IBM Model 1 (Brown et al., 1993, "The Mathematics of Statistical Machine Translation: Parameter
Estimation", Computational Linguistics 19; docs/mathematics.md, "Initial weights"): every word of
one side has come of one of the other's, each with the same chance. A misaligned pair has words that
come together nowhere else. It takes neither student nor training, and knows no language.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.pairs import Pairs, batches
from fairseq_l2rw.initial_weights.links import WORDS, Links, link_keys

_ROUNDS, _MORE_ROUNDS = 5, 2  # of expectation maximisation, at first and later
# Counts that the generated side's frequencies speak for: types that came up rarely say little.
_PSEUDO = 5.0
# Nats that say that a word has its counterpart: of a rare word more would not say it any better.
_ENOUGH = 1.5
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
    """

    generated: int
    counts: Tensor
    totals: Tensor
    usual: Tensor


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


def fingerprint(source: Tensor, target: Tensor) -> int:
    """A number that hardly two pairs share, of types of shapes (S,) and (T,)."""
    sides = (np.asarray(side).astype(np.int64).tobytes() for side in (source, target))
    found = hashlib.blake2b(b"|".join(sides), digest_size=8).digest()
    return int.from_bytes(found, "little", signed=True)


def fingerprints(pairs: Pairs) -> np.ndarray:
    """Of each pair, shape (N,), int64; the last bit says which half of a text it belongs to."""
    found = (fingerprint(pairs.src[n], pairs.tgt[n]) for n in range(len(pairs)))
    return np.fromiter(found, np.int64, len(pairs))


def halves(digests: np.ndarray) -> Tensor:
    """Which half of the text pairs belong to by fingerprint, 0 or 1, (N,); equal ones to one."""
    return torch.from_numpy(digests & 1)


class Lexicon:
    """Which types of one side come with which of the other, by either half of a text.

    A pair is judged by the half that it does not belong to. So neither it nor a copy of it speaks
    for itself, and a pair that was learnt from is judged as any other (cross-fitting).

    Args:
        types: sizes of the dictionaries.
        padding: number of the padding type in both.
        keys: of all types that came together, sorted, shape (K,); before them that of padding.
        directions: of translation.
    """

    def __init__(
        self,
        types: tuple[int, int],
        padding: int,
        keys: Tensor,
        directions: Sequence[_Direction] = (),
    ) -> None:
        self.types, self.padding, self.keys = types, padding, keys
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
        lexicon = cls(links.types, links.padding, links.keys)
        given = links.keys // links.types[1], links.keys % links.types[1]
        known = [None, None] if before is None else before.directions
        lexicon.directions = [
            _maximised(links, generated, given[1 - generated], (half, good), start)
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
            "keys": self.keys[kept],
            "counts": counts[:, :, kept].float(),
            "totals": [direction.totals.float() for direction in self.directions],
            "usual": [direction.usual.float() for direction in self.directions],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Lexicon":
        """From what ``state_dict`` gave."""
        rows = zip((1, 0), *(state[name] for name in ("counts", "totals", "usual")), strict=True)
        directions = [
            _Direction(generated, *(numbers.double() for numbers in row))
            for generated, *row in rows
        ]
        source, target = state["types"]
        return cls((source, target), state["padding"], state["keys"], directions)

    def association(self, source: Tensor, target: Tensor, half: Tensor) -> Tensor:
        """How much likelier a side is given the other one, in nats per word, shape (n, 2).

        Of a single word it is 1.5 at most.

        Args:
            source: types, shape (n, S).
            target: types, shape (n, T).
            half: of the text that each pair belongs to, shape (n,): the other one says it.

        Returns:
            Of the target given the source, and of the source given the target.
        """
        key = link_keys(source, target, self.types, self.padding)
        number = torch.searchsorted(self.keys, key).clamp(max=len(self.keys) - 1)
        number = number.where(_at(self.keys, number) == key, 0)
        return self._association((source, target), number, half)

    def of_links(self, links: Links, half: Tensor) -> Tensor:
        """``association`` of the N pairs that it was learnt from, shape (N, 2).

        Args:
            links: of the pairs.
            half: of the text that each belongs to, shape (N,).
        """
        found = torch.empty(len(half), 2, dtype=torch.double)
        for part in links.parts:
            sides = part.source, part.target
            found[part.places] = self._association(sides, part.number, half[part.places])
        return found

    def _association(self, sides: tuple[Tensor, Tensor], number: Tensor, half: Tensor) -> Tensor:
        other = 1 - half
        real = [side.ne(self.padding).double() for side in sides]
        columns = []
        for direction in self.directions:
            generated, given = direction.generated, 1 - direction.generated
            totals = _of_half(direction.totals, other, sides[given]).unsqueeze(1 + generated)
            usual = _at(direction.usual, sides[generated])
            counts = _of_half(direction.counts, other, number)
            chance = (counts + _PSEUDO * usual.unsqueeze(1 + given)) / (totals + _PSEUDO)
            chance = (chance * real[given].unsqueeze(1 + generated)).sum(1 + given)
            mean = chance / real[given].sum(1, keepdim=True)
            gain = (mean / usual).log().clamp(max=_ENOUGH) * real[generated]
            columns.append(gain.sum(1) / real[generated].sum(1))
        return torch.stack(columns, 1)


def _maximised(
    links: Links,
    generated: int,
    given: Tensor,
    pairs: tuple[Tensor, Tensor],
    start: _Direction | None,
) -> _Direction:
    """Expectation maximisation, by given types of keys, and halves and goodness of pairs."""
    types, size = given.clamp(min=0), links.types[1 - generated]  # nothing counts for padding
    if start is None:
        chance = torch.ones(2, len(links.keys), dtype=torch.double)
    else:
        chance = start.counts / start.totals[:, types].clamp(min=_LEAST)
    for _ in range(_ROUNDS if start is None else _MORE_ROUNDS):
        chance[:, 0] = 0
        counts = torch.zeros_like(chance)
        for part in links.parts:
            half, good = (row[part.places] for row in pairs)
            shares = _shares(_of_half(chance, half, part.number), 1 - generated)
            place = (half * len(links.keys)).view(-1, 1, 1) + part.number
            weighted = shares * good.view(-1, 1, 1)
            counts.view(-1).index_add_(0, place.flatten(), weighted.flatten())
        totals = torch.stack([torch.bincount(types, row, minlength=size) for row in counts])
        chance = counts / totals[:, types].clamp(min=_LEAST)
    usual = links.frequency[generated]
    return _Direction(generated, counts, totals, usual / usual.sum())


def associations(
    lexicon: Lexicon, pairs: Pairs, dictionaries: Dictionaries, half: Tensor
) -> Tensor:
    """How well the words of each pair go together, shape (N, 2): see ``Lexicon.association``.

    Args:
        lexicon: that says it.
        pairs: N pairs.
        dictionaries: of their languages.
        half: of the text that each belongs to, shape (N,).
    """
    columns = torch.empty(len(pairs), 2, dtype=torch.double)
    for numbers, source, target in batches(pairs, dictionaries, "association", None, WORDS):
        columns[numbers] = lexicon.association(source, target, half[numbers])
    return columns
