"""Surprisal: how little likely each piece of a sentence is, by itself and after the one before it.

Every sentence is judged by the half of the text that it does not belong to, so that it does not
speak for itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from fairseq_l2rw.data.sentences import Sentences, starts_of
from fairseq_l2rw.initial_weights.key_table import KeyTable

# Counts that a piece's frequency speaks for, after another one: a Dirichlet prior (MacKay and Peto,
# 1995, "A Hierarchical Dirichlet Language Model").
_PSEUDO = 5.0
_USUAL = 0.5  # times that each type came up more often than it did
_START = 0  # is before the first piece of a sentence; fairseq has no other use for this number


@dataclass(frozen=True)
class Pieces:
    """The T pieces of N sentences, each with the one before it.

    Attributes:
        sentence: which sentence each is in, shape (T,).
        before: the type of the piece before each, shape (T,).
        types: its own, shape (T,).
        sizes: pieces of each sentence, shape (N,), float64.
    """

    sentence: Tensor
    before: Tensor
    types: Tensor
    sizes: Tensor

    @classmethod
    def of(cls, sentences: Sentences) -> "Pieces":
        """The pieces of N sentences, none of which is empty."""
        types, sizes = (torch.from_numpy(x) for x in (sentences.joined(), sentences.sizes.copy()))
        before = types.roll(1)
        before[torch.from_numpy(starts_of(sentences.sizes))] = _START
        sentence = torch.arange(len(sizes)).repeat_interleave(sizes.long())
        return cls(sentence, before, types, sizes.double())

    def keys(self, dictionary: int) -> Tensor:
        """A number for each piece and the one before it, shape (T,), by size of the dictionary."""
        return self.before * dictionary + self.types


@dataclass(frozen=True)
class Surprisal:
    """Mean surprisal of pieces by themselves and after those before them, or sums of such means.

    All is known twice: for sentences of either half of the text, as learnt from the other one. It
    is kept in float32, as it is saved, so that it is the same to the bit afterwards.

    Attributes:
        keys: of pieces that came up one after the other, sorted, shape (K,).
        seen: the surprisals of these, shape (2, K).
        before: those of others are a sum: of this, by the piece before, shape (2, V),
        single: and of this, by the piece itself, shape (2, V).
    """

    keys: Tensor
    seen: Tensor
    before: Tensor
    single: Tensor

    @classmethod
    def learn(
        cls, text: Pieces, half: Tensor, weights: Tensor, keys: Tensor, dictionary: int
    ) -> "Surprisal":
        """From sentences.

        Args:
            text: the pieces of N sentences.
            half: of the text that each sentence belongs to, shape (N,).
            weights: how often each sentence counts, shape (N,).
            keys: of all that came up one after the other, sorted, shape (K,).
            dictionary: its size, V.
        """
        number = torch.searchsorted(keys, text.keys(dictionary))
        before, behind = keys // dictionary, keys % dictionary
        rows = []
        for judged in (0, 1):
            weight = (weights * (half != judged))[text.sentence]
            count = torch.bincount(number, weight, minlength=len(keys))
            total = torch.bincount(text.before, weight, minlength=dictionary) + _PSEUDO
            single = torch.bincount(text.types, weight, minlength=dictionary) + _USUAL
            single = single / single.sum()
            after = (count + _PSEUDO * single[behind]) / total[before]
            both = (single[behind] * after, _PSEUDO / total, single.square())
            rows.append([-x.log() / 2 for x in both])
        return cls(keys, *(torch.stack(row).float() for row in zip(*rows, strict=True)))

    @classmethod
    def combined(cls, parts: Sequence[tuple[float, "Surprisal"]]) -> "Surprisal":
        """A sum of several, of the same keys, each of which is multiplied by a number."""
        factors, surprisals = zip(*parts, strict=True)
        columns = zip(*((x.seen, x.before, x.single) for x in surprisals), strict=True)
        sums = (sum(f * x for f, x in zip(factors, row, strict=True)) for row in columns)
        return cls(surprisals[0].keys, *sums)

    def mean(self, text: Pieces, half: Tensor) -> Tensor:
        """The mean over the pieces of each of N sentences, by the half of each, (N,): (N,)."""
        judged = half[text.sentence]
        place = self._table.places(text.keys(self.single.shape[1])).long()
        unseen = self.before[judged, text.before] + self.single[judged, text.types]
        found = torch.where(place > 0, self.seen[judged, (place - 1).clamp(min=0)], unseen)
        sums = torch.bincount(text.sentence, found.double(), minlength=len(text.sizes))
        return sums / text.sizes

    @cached_property
    def _table(self) -> KeyTable:
        """Places of keys, from 1; 0 is that of all that never came up."""
        return KeyTable.of(self.keys)

    def state_dict(self) -> dict[str, Tensor]:
        """All numbers by name."""
        numbers = {"seen": self.seen, "before": self.before, "single": self.single}
        return {"keys": self.keys, **numbers}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> "Surprisal":
        """From what ``state_dict`` gave: numbers by name."""
        return cls(*(state[name] for name in ("keys", "seen", "before", "single")))
