"""Word association: how well the words of a pair go together, by what all other pairs say.

IBM Model 1 (Brown et al., 1993, "The Mathematics of Statistical Machine Translation: Parameter
Estimation", Computational Linguistics 19; docs/mathematics.md, "Initial weights"): every word of
one side has come of one of the other's, each with the same chance. A misaligned pair has words that
come together nowhere else. It takes neither student nor training, and knows no language.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.pairs import Dictionaries, Pairs, batches, cut, shared

_ROUNDS = 5  # of expectation maximisation
# Counts that the generated side's frequencies speak for: types that came up rarely say little.
_PSEUDO = 5.0
# Nats that say that a word has its counterpart: of a rare word more would not say it any better.
_ENOUGH = 1.5
# Words times words of the pairs that are learnt from: more do not say more, and take memory.
_LINKS = 20_000_000
# Words of a side that are looked at: the time for a pair grows with their cube, its memory with
# their square.
_WORDS = 256
_MERGED = 16  # parts whose keys are sorted together
_LEAST = 1e-300  # in place of 0 where 0 is divided
_LEAST_COUNT = 1e-3  # that is worth keeping


@dataclass(frozen=True)
class _Direction:
    """Translation in one direction: one side is generated, the other one given.

    Of types that came together there is a number, from 1; number 0 is of padding and of all others.

    Attributes:
        generated: 0 if it is the source that is generated, 1 if it is the target.
        chance: p(generated | given) by number, before the last round, shape (K,); 0 of number 0.
        counts: how often one was generated because of the other, in the last round, likewise.
        totals: their sums, by the given type, shape (size of the given side's dictionary,).
        usual: p(generated) by frequency, shape (size of the generated side's dictionary,).
    """

    generated: int
    chance: Tensor
    counts: Tensor
    totals: Tensor
    usual: Tensor


def _at(table: Tensor, numbers: Tensor) -> Tensor:
    """``table[numbers]``, several times faster on a CPU."""
    return table.index_select(0, numbers.flatten()).view(numbers.shape)


def _shares(chance: Tensor, given: int) -> Tensor:
    """Chances (n, S, T) as parts of what they sum up to over the words of the given side."""
    return chance / chance.sum(1 + given, keepdim=True).clamp(min=_LEAST)


def fingerprint(source: Tensor, target: Tensor) -> int:
    """A number that hardly two pairs share, of types of shapes (S,) and (T,)."""
    sides = (np.asarray(side).astype(np.int64).tobytes() for side in (source, target))
    found = hashlib.blake2b(b"|".join(sides), digest_size=8).digest()
    return int.from_bytes(found, "little", signed=True)


class Lexicon:
    """Which types of one side come with which of the other.

    Args:
        types: sizes of the dictionaries.
        padding: number of the padding type in both.
        keys: of all types that came together, sorted, shape (K,); before them that of padding.
        directions: that in which targets are generated, and that in which sources are.

    Attributes:
        learnt: how often it was learnt from a pair, by the pair's ``fingerprint``; empty if that is
            not known.
    """

    def __init__(
        self,
        types: tuple[int, int],
        padding: int,
        keys: Tensor,
        directions: Sequence[_Direction] = (),
    ) -> None:
        self.types, self.padding = types, padding
        self.keys, self.directions = keys, list(directions)
        self.learnt: Counter[int] = Counter()

    @classmethod
    def learn(
        cls, pairs: Iterable[tuple[Tensor, Tensor]], types: tuple[int, int], padding: int
    ) -> "Lexicon":
        """From source types (n, S) and target types (n, T), some pairs at a time."""
        lexicon = cls(types, padding, torch.tensor([-1]))
        found: list[Tensor] = []
        numbers: list[Tensor] = []  # of every source word with every target word of its pair
        frequency = [torch.ones(size, dtype=torch.double) for size in types]
        for sides in pairs:
            keys, number = lexicon._key(*sides).unique(return_inverse=True)
            found.append(keys)
            numbers.append(number.int())
            for count, words in zip(frequency, sides, strict=True):
                count += torch.bincount(words[words.ne(padding)], minlength=len(count))
        keys = lexicon.keys
        for k in range(0, len(found), _MERGED):
            keys = torch.cat([keys, *found[k : k + _MERGED]]).unique()
        for place, number in enumerate(numbers):
            numbers[place] = _at(torch.searchsorted(keys, found.pop(0)).int(), number)
        lexicon.keys = keys
        given = keys // types[1], keys % types[1]
        lexicon.directions = [
            lexicon._learn(generated, numbers, given[1 - generated], frequency[generated])
            for generated in (1, 0)
        ]
        return lexicon

    def state_dict(self) -> dict[str, Any]:
        """What it takes to score pairs that it was not learnt from."""
        # What hardly ever came together says no more than the frequencies do.
        counts = torch.stack([direction.counts for direction in self.directions])
        kept = (counts >= _LEAST_COUNT).any(0)
        kept[0] = True
        return {
            "types": self.types,
            "padding": self.padding,
            "keys": self.keys[kept],
            "counts": counts[:, kept].float(),
            "chances": torch.stack([d.chance for d in self.directions])[:, kept].float(),
            "learnt": torch.tensor(list(self.learnt.elements()), dtype=torch.int64),
            "totals": [direction.totals.float() for direction in self.directions],
            "usual": [direction.usual.float() for direction in self.directions],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Lexicon":
        """From what ``state_dict`` gave."""
        names = ("chances", "counts", "totals", "usual")
        rows = zip((1, 0), *(state[name] for name in names), strict=True)
        directions = [
            _Direction(generated, *(numbers.double() for numbers in row))
            for generated, *row in rows
        ]
        source, target = state["types"]
        lexicon = cls((source, target), state["padding"], state["keys"], directions)
        lexicon.learnt.update(state["learnt"].tolist())
        return lexicon

    def _key(self, source: Tensor, target: Tensor) -> Tensor:
        """One number for two types, shape (n, S, T); -1 for padding."""
        key = source.unsqueeze(2) * self.types[1] + target.unsqueeze(1)
        padding = source.eq(self.padding).unsqueeze(2) | target.eq(self.padding).unsqueeze(1)
        return key.masked_fill_(padding, -1)

    def _learn(
        self, generated: int, numbers: list[Tensor], given: Tensor, frequency: Tensor
    ) -> _Direction:
        """Expectation maximisation, by given types of keys and frequencies of generated ones."""
        types = given.clamp(min=0)  # nothing counts for that of padding
        following = torch.ones(len(self.keys), dtype=torch.double)
        following[0] = 0
        for _ in range(_ROUNDS):
            chance = following
            counts = torch.zeros_like(chance)
            for number in numbers:
                shares = _shares(_at(chance, number), 1 - generated)
                counts.index_add_(0, number.flatten(), shares.flatten())
            totals = torch.bincount(types, counts, minlength=self.types[1 - generated])
            following = counts / totals[types].clamp(min=_LEAST)
        return _Direction(generated, chance, counts, totals, frequency / frequency.sum())

    def association(
        self, source: Tensor, target: Tensor, in_sample: Tensor | None = None
    ) -> Tensor:
        """How much likelier a side is given the other one, in nats per word, shape (n, 2).

        Of a single word it is 1.5 at most.

        Args:
            source: types, shape (n, S).
            target: types, shape (n, T).
            in_sample: how often a pair was learnt from, shape (n,): what it taught itself is left
                out, or every pair would speak for itself. Without it, none was.

        Returns:
            Of the target given the source, and of the source given the target.
        """
        sides = source, target
        key = self._key(source, target)
        number = torch.searchsorted(self.keys, key).clamp(max=len(self.keys) - 1)
        number = number.where(_at(self.keys, number) == key, 0)
        real = [side.ne(self.padding).double() for side in sides]
        same: list[Tensor] = []
        if in_sample is not None:  # which words of a side are of one type, (n, S, S) and (n, T, T)
            same = [side.unsqueeze(2).eq(side.unsqueeze(1)).double() for side in sides]
        columns = []
        for direction in self.directions:
            generated, given = direction.generated, 1 - direction.generated
            totals, counts = _at(direction.totals, sides[given]), _at(direction.counts, number)
            if in_sample is not None:
                shares = _shares(_at(direction.chance, number), given) * in_sample.view(-1, 1, 1)
                own = shares.sum(1 + generated).unsqueeze(2)  # of every given word
                totals = totals - (same[given] @ own).squeeze(2)
                counts = counts - same[0] @ shares @ same[1]
            # Rounding may leave a little less than nothing.
            counts, totals = counts.clamp(min=0), totals.clamp(min=0).unsqueeze(1 + generated)
            usual = _at(direction.usual, sides[generated])
            chance = (counts + _PSEUDO * usual.unsqueeze(1 + given)) / (totals + _PSEUDO)
            chance = (chance * real[given].unsqueeze(1 + generated)).sum(1 + given)
            mean = chance / real[given].sum(1, keepdim=True)
            gain = (mean / usual).log().clamp(max=_ENOUGH) * real[generated]
            columns.append(gain.sum(1) / real[generated].sum(1))
        return torch.stack(columns, 1)


def learn_lexicon(
    train: Pairs, trusted: Pairs, dictionaries: Dictionaries, matches: np.ndarray | None = None
) -> tuple[Lexicon, list[Tensor]]:
    """The lexicon of training pairs, and how well the words of all pairs go together by it.

    Of a very long pair the first words are looked at, the same part of both sides.

    Args:
        train: N pairs.
        trusted: M pairs.
        dictionaries: of their languages.
        matches: what ``fairseq_l2rw.data.pairs.shared`` says of them, if it is known.

    Returns:
        The lexicon, and ``associations`` of both, shapes (N, 2) and (M, 2).
    """
    matches = shared(train, trusted) if matches is None else matches
    learnt = _some(train)
    read = batches(train, dictionaries, "words", learnt, _WORDS)
    sides = ((source, target) for _, source, target in read)
    lexicon = Lexicon.learn(sides, dictionaries.types, dictionaries.padding)
    in_sample = torch.zeros(len(train), dtype=torch.double)
    in_sample[learnt] = 1
    lexicon.learnt.update(fingerprint(train.src[n], train.tgt[n]) for n in learnt)
    # A trusted pair that is a training pair, too, was learnt from as often as that one.
    of_trusted = in_sample.new_zeros(len(trusted))
    of_trusted.index_add_(0, torch.from_numpy(matches[:, 1]), in_sample[matches[:, 0]])
    both = (train, in_sample), (trusted, of_trusted)
    return lexicon, [associations(lexicon, pairs, dictionaries, own) for pairs, own in both]


def associations(
    lexicon: Lexicon, pairs: Pairs, dictionaries: Dictionaries, in_sample: Tensor | None = None
) -> Tensor:
    """How well the words of each pair go together.

    Args:
        lexicon: that says it.
        pairs: N pairs.
        dictionaries: of their languages.
        in_sample: how often it was learnt from each, shape (N,); without it, that is looked up.

    Returns:
        What ``Lexicon.association`` says, shape (N, 2), float64.
    """
    if in_sample is None and lexicon.learnt:
        found = (lexicon.learnt[fingerprint(pairs.src[n], pairs.tgt[n])] for n in range(len(pairs)))
        in_sample = torch.tensor(list(found), dtype=torch.double)
    columns = torch.empty(len(pairs), 2, dtype=torch.double)
    for numbers, source, target in batches(pairs, dictionaries, "association", None, _WORDS):
        own = None if in_sample is None else in_sample[numbers]
        own = own if own is not None and own.any() else None
        columns[numbers] = lexicon.association(source, target, own)
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
