"""Word order: how usual it is that the words of a target come one after another.

What a target looks like whose words are out of order is told by targets whose words were shuffled
(``fairseq_l2rw.initial_weights.contrast``). How usual a word is after another one, the other half
of the training text says. Pairs that turn out to be bad say less of it when it is learnt again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.digests import sampled
from fairseq_l2rw.data.words import Words
from fairseq_l2rw.initial_weights.contrast import Contrast, Kind
from fairseq_l2rw.initial_weights.halves import JudgedPairs, judged
from fairseq_l2rw.initial_weights.key_table import KeyTable
from fairseq_l2rw.initial_weights.made_pairs import shuffled

# Counts that a type's frequency speaks for: after a word that came up rarely, little is known.
_PSEUDO = 5.0
# Nats that say that two words belong together: more would not say it any better.
_ENOUGH = 3.0
_ROUNDS = 2  # of learning what is usual, and which pairs are bad
_TOKENS = 5_000_000  # of targets that are learnt from: more do not say more, and take memory


@dataclass(frozen=True)
class Bigrams:
    """Where a word ends and the next one begins, in N targets.

    Attributes:
        sentence: which target it is in, shape (B,).
        types: what is before and behind it, shape (B, 2).
        count: N.
    """

    sentence: Tensor
    types: Tensor
    count: int

    @classmethod
    def of(cls, words: Words) -> "Bigrams":
        """The bigrams of the words of N targets."""
        inside = ~(words.is_end[1:] | words.is_end[:-1])
        behind = words.starts[1:][inside]
        types = np.stack([words.types[behind - 1], words.types[behind]], 1)
        sentence = words.sentence[1:][inside]
        return cls(torch.from_numpy(sentence), torch.from_numpy(types), len(words.counts))


class BigramTable:
    """How usual the word order of targets is, by either half of a text.

    Args:
        keys: of bigrams that came up, sorted, shape (K,).
        counts: how often each did, by half, shape (2, K).
        totals: how often each type was before another one, by half, shape (2, V).
        usual: how frequent each type is behind another one, shape (V,).
    """

    def __init__(self, keys: Tensor, counts: Tensor, totals: Tensor, usual: Tensor) -> None:
        self.keys, self.counts, self.totals, self.usual = keys, counts, totals, usual

    @classmethod
    def learn(cls, text: Bigrams, half: Tensor, weights: Tensor, types: int) -> "BigramTable":
        """From bigrams of N targets.

        Args:
            text: the bigrams.
            half: of the text that each target belongs to, shape (N,).
            weights: how often each target counts, shape (N,).
            types: size of the dictionary.
        """
        before, behind = text.types.unbind(1)
        keys, number = (before * types + behind).unique(return_inverse=True)
        weight = weights.double()[text.sentence]
        counts, totals = (torch.zeros(2, n, dtype=torch.double) for n in (len(keys), types))
        for part in (0, 1):
            own = half[text.sentence] == part
            counts[part].index_add_(0, number[own], weight[own])
            totals[part].index_add_(0, before[own], weight[own])
        usual = torch.bincount(behind, weight, minlength=types) + 1
        return cls(keys, counts, totals, usual / usual.sum())

    def evidence(self, text: Bigrams, half: Tensor) -> Tensor:
        """How much likelier words are after those before them, in nats per word, and log words.

        Args:
            text: bigrams of N targets.
            half: of the text that each belongs to, shape (N,): the other one says it.

        Returns:
            Shape (N, 2), float64.
        """
        before, behind = text.types.unbind(1)
        place = self._table.places(before * len(self.usual) + behind).long()
        other = 1 - half[text.sentence]
        counts = self._counts[other, place]
        usual = self.usual[behind]
        chance = (counts + _PSEUDO * usual) / (self.totals[other, before] + _PSEUDO)
        gain = (chance / usual).log().clamp(max=_ENOUGH)
        gains = torch.bincount(text.sentence, gain, minlength=text.count)
        words = torch.bincount(text.sentence, minlength=text.count).double().clamp(min=1)
        return torch.stack([gains / words, words.log()], 1)

    @cached_property
    def _table(self) -> KeyTable:
        """Places of keys, from 1; 0 is that of all that never came up."""
        return KeyTable.of(self.keys)

    @cached_property
    def _counts(self) -> Tensor:
        """How often bigrams came up, by half and by place in ``_table``, shape (2, K + 1)."""
        return torch.nn.functional.pad(self.counts, (1, 0))

    def state_dict(self) -> dict[str, Tensor]:
        """All numbers by name."""
        numbers = {"counts": self.counts, "totals": self.totals, "usual": self.usual}
        return {"keys": self.keys, **{name: x.float() for name, x in numbers.items()}}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> "BigramTable":
        """From what ``state_dict`` gave: numbers by name."""
        numbers = (state[name].double() for name in ("counts", "totals", "usual"))
        return cls(state["keys"], *numbers)


class WordOrder:
    """Odds that pairs are bad, by the order of their targets' words.

    Args:
        table: of what is usual.
        contrast: to targets whose words were shuffled.
    """

    def __init__(self, table: BigramTable, contrast: Contrast) -> None:
        self.table, self.contrast = table, contrast

    @classmethod
    def learn(
        cls, train: JudgedPairs, trusted: JudgedPairs, dictionaries: Dictionaries, good: Tensor
    ) -> "WordOrder":
        """From targets.

        Args:
            train: N training pairs.
            trusted: M trusted pairs.
            dictionaries: of their languages.
            good: how likely each training pair is good by anything else, from 0 to 1, shape (N,).
                Where any is bad some are likely to be out of order, too: a few trusted pairs could
                not tell.
        """
        some = sampled(train.text.tgt.sizes, train.digests, _TOKENS)
        train, given = train.take(some), good[some].double()
        pairs = train, shuffled(train, dictionaries.boundaries), trusted
        texts = [Bigrams.of(Words.of(x.text.tgt, dictionaries.boundaries)) for x in pairs]
        is_corrupted, good, repeats = bool(given.min() < 1), given, train.repeats
        for _ in range(_ROUNDS):
            table = BigramTable.learn(texts[0], train.half, good / repeats, dictionaries.types[1])
            rows = [table.evidence(x, of.half) for x, of in zip(texts, pairs, strict=True)]
            contrast = Contrast.learn(
                *rows,
                kind=Kind.RARE,
                good=given,
                repeats=repeats,
                is_corrupted=is_corrupted,
            )
            good = given * contrast.probability(rows[0])
            if bool((good == given).all()):
                break
        return cls(table, contrast)

    def odds(self, pairs: JudgedPairs, dictionaries: Dictionaries) -> Tensor:
        """The odds that N pairs are bad, shape (N,), with the dictionaries of their languages."""

        def odds(some: JudgedPairs) -> Tensor:
            text = Bigrams.of(Words.of(some.text.tgt, dictionaries.boundaries))
            return self.contrast.odds(self.table.evidence(text, some.half))

        return judged(pairs, odds)

    def state_dict(self) -> dict[str, Any]:
        """All that ``odds`` needs, in types that torch's safe loader takes."""
        return {"table": self.table.state_dict(), "contrast": vars(self.contrast)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "WordOrder":
        """From what ``state_dict`` gave."""
        return cls(BigramTable.from_state(state["table"]), Contrast(**state["contrast"]))
