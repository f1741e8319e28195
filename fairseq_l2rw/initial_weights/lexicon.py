"""Word association: how well the words of a pair go together, by what all other pairs say.

IBM Model 1 (Brown et al., 1993, "The Mathematics of Statistical Machine Translation: Parameter
Estimation", Computational Linguistics 19; docs/mathematics.md, "Initial weights"): every word of
one side has come of one of the other's, each with the same chance. A misaligned pair has words that
come together nowhere else. It takes neither student nor training, and knows no language.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.pairs import Pairs, batches, cut

_ROUNDS = 5  # of expectation maximisation
# Counts that the generated side's frequencies speak for: types that came up rarely say little.
_PSEUDO = 5.0
# Nats that say that a word has its counterpart: of a rare word more would not say it any better.
_ENOUGH = 1.5
# Words times words of the pairs that are learnt from: more do not say more, and take memory.
_LINKS = 20_000_000
# Words of a side that are looked at: time and memory grow with their square.
_WORDS = 256
_MERGED = 16  # parts whose keys are sorted together
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
        cls, pairs: Iterable[tuple[Tensor, Tensor, Tensor]], types: tuple[int, int], padding: int
    ) -> "Lexicon":
        """From halves (n,), source types (n, S) and target types (n, T), some pairs at a time."""
        lexicon = cls(types, padding, torch.tensor([-1]))
        found: list[Tensor] = []
        parts: list[tuple[Tensor, Tensor]] = []  # halves, and numbers of words with words
        frequency = [torch.ones(size, dtype=torch.double) for size in types]
        for half, *sides in pairs:
            keys, number = lexicon._key(*sides).unique(return_inverse=True)
            found.append(keys)
            parts.append((half, number.int()))
            for count, words in zip(frequency, sides, strict=True):
                count += torch.bincount(words[words.ne(padding)], minlength=len(count))
        keys = lexicon.keys
        for k in range(0, len(found), _MERGED):
            keys = torch.cat([keys, *found[k : k + _MERGED]]).unique()
        for place, (half, number) in enumerate(parts):
            parts[place] = half, _at(torch.searchsorted(keys, found.pop(0)).int(), number)
        lexicon.keys = keys
        given = keys // types[1], keys % types[1]
        lexicon.directions = [
            lexicon._learn(generated, parts, given[1 - generated], frequency[generated])
            for generated in (1, 0)
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

    def _key(self, source: Tensor, target: Tensor) -> Tensor:
        """One number for two types, shape (n, S, T); -1 for padding."""
        key = source.unsqueeze(2) * self.types[1] + target.unsqueeze(1)
        padding = source.eq(self.padding).unsqueeze(2) | target.eq(self.padding).unsqueeze(1)
        return key.masked_fill_(padding, -1)

    def _learn(
        self,
        generated: int,
        parts: Sequence[tuple[Tensor, Tensor]],
        given: Tensor,
        frequency: Tensor,
    ) -> _Direction:
        """Expectation maximisation, by given types of keys and frequencies of generated ones."""
        types = given.clamp(min=0)  # nothing counts for that of padding
        chance = torch.ones(2, len(self.keys), dtype=torch.double)
        for _ in range(_ROUNDS):
            chance[:, 0] = 0
            counts = torch.zeros_like(chance)
            for half, number in parts:
                shares = _shares(_of_half(chance, half, number), 1 - generated)
                place = (half * len(self.keys)).view(-1, 1, 1) + number
                counts.view(-1).index_add_(0, place.flatten(), shares.flatten())
            size = self.types[1 - generated]
            totals = torch.stack([torch.bincount(types, row, minlength=size) for row in counts])
            chance = counts / totals[:, types].clamp(min=_LEAST)
        return _Direction(generated, counts, totals, frequency / frequency.sum())

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
        sides, other = (source, target), 1 - half
        key = self._key(source, target)
        number = torch.searchsorted(self.keys, key).clamp(max=len(self.keys) - 1)
        number = number.where(_at(self.keys, number) == key, 0)
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


def learn_lexicon(train: Pairs, dictionaries: Dictionaries, half: Tensor) -> Lexicon:
    """The lexicon of training pairs, or of some if there are very many.

    Of a very long pair the first words are looked at, the same part of both sides.

    Args:
        train: N pairs.
        dictionaries: of their languages.
        half: of the text that each belongs to, shape (N,).
    """
    read = batches(train, dictionaries, "words", _some(train), _WORDS)
    pairs = ((half[numbers], source, target) for numbers, source, target in read)
    return Lexicon.learn(pairs, dictionaries.types, dictionaries.padding)


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
    for numbers, source, target in batches(pairs, dictionaries, "association", None, _WORDS):
        columns[numbers] = lexicon.association(source, target, half[numbers])
    return columns


def _some(pairs: Pairs) -> Sequence[int]:
    """Numbers of all pairs, or of some, picked by chance, of a large corpus."""
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(1)).tolist()
    found: list[int] = []
    links = 0
    for number in order:
        source, target = cut(pairs.src[number], pairs.tgt[number], _WORDS)
        links += len(source) * len(target)
        if found and links > _LINKS:
            break
        found.append(number)
    return found
