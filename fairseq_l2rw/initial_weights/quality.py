"""Quality: whether a pair is a translation at all, whatever kind of text it is.

Do its words correspond and its numbers, is all of it there, in order, and no copy, and does the
target say as much as the source?
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.initial_weights.copying import Copying, nearly_copied
from fairseq_l2rw.initial_weights.correspondence import Correspondence
from fairseq_l2rw.initial_weights.cost import worth
from fairseq_l2rw.initial_weights.halves import JudgedPairs
from fairseq_l2rw.initial_weights.numerals import Numerals
from fairseq_l2rw.initial_weights.richness import Richness
from fairseq_l2rw.initial_weights.word_order import WordOrder


@dataclass(frozen=True)
class Quality:
    """Odds that a pair is bad, by eight factors.

    Attributes:
        dictionaries: of the languages.
        correspondence: of the words of both sides.
        numerals: of both sides.
        word_order: of targets.
        copying: of the source.
        richness: of targets beside their sources.
    """

    dictionaries: Dictionaries
    correspondence: Correspondence
    numerals: Numerals
    word_order: WordOrder
    copying: Copying
    richness: Richness

    #: What ``odds`` gives, in the order of columns.
    FACTORS = (*Correspondence.FACTORS, "numerals", "word_order", "copying", "richness")

    @classmethod
    def learn(
        cls,
        train: JudgedPairs,
        trusted: JudgedPairs,
        dictionaries: Dictionaries,
        features: tuple[Tensor, Tensor],
        relevance: Sequence[Tensor],
    ) -> tuple["Quality", Tensor]:
        """From pairs.

        Args:
            train: N training pairs.
            trusted: M trusted pairs.
            dictionaries: of their languages.
            features: text features of both, shapes (N, 8) and (M, 8).
            relevance: how much more often trusted text has each type, of source and target, (V,).

        Returns:
            The model, and the odds that training pairs are bad, shape (N, 8).
        """
        correspondence, by_words = Correspondence.learn(
            train, trusted, dictionaries, relevance, ~nearly_copied(features[0])
        )
        good = _good(by_words)
        others = cls(
            dictionaries,
            correspondence,
            Numerals.learn(*features, good),
            WordOrder.learn(train, trusted, dictionaries, good),
            Copying.learn(*features),
            Richness.neutral(),
        )
        # Richness is learnt from what all other factors say.
        odds = others._odds(train, features[0], by_words)
        richness = Richness.learn(train, trusted, dictionaries, _good(odds))
        odds[:, cls.FACTORS.index("richness")] = richness.odds(train)
        return replace(others, richness=richness), odds

    def odds(self, pairs: JudgedPairs, features: Tensor) -> Tensor:
        """The odds that pairs are bad.

        Args:
            pairs: N pairs.
            features: text features of the pairs, shape (N, 8).

        Returns:
            By column as ``FACTORS`` names them, shape (N, 8), float64.
        """
        return self._odds(pairs, features, self.correspondence.odds(pairs))

    def _odds(self, pairs: JudgedPairs, features: Tensor, by_words: Tensor) -> Tensor:
        """``odds``, where those by how far words account for each other are known, (N, 4)."""
        found = dict(zip(self.correspondence.FACTORS, by_words.unbind(1), strict=True))
        found["numerals"] = self.numerals.odds(features)
        found["word_order"] = self.word_order.odds(pairs, self.dictionaries)
        found["copying"] = self.copying.odds(features)
        found["richness"] = self.richness.odds(pairs)
        return torch.stack([found[name] for name in self.FACTORS], 1)

    def state_dict(self) -> dict[str, Any]:
        """All that ``odds`` needs, in types that torch's safe loader takes."""
        return {
            "correspondence": self.correspondence.state_dict(),
            "numerals": {"odds": self.numerals.odds_by_place},
            "word_order": self.word_order.state_dict(),
            "copying": self.copying.state_dict(),
            "richness": self.richness.state_dict(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], dictionaries: Dictionaries) -> "Quality":
        """From what ``state_dict`` gave, with the dictionaries it was learnt with."""
        return cls(
            dictionaries,
            Correspondence.from_state(state["correspondence"]),
            Numerals(state["numerals"]["odds"]),
            WordOrder.from_state(state["word_order"]),
            Copying.from_state(state["copying"]),
            Richness.from_state(state["richness"]),
        )


def _good(odds: Tensor) -> Tensor:
    """How likely pairs are good by all factors, shape (N,), by odds that they are bad, (N, F)."""
    return worth(odds, 1.0).prod(1)
