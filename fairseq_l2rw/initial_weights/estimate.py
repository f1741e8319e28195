"""Initial weights: what a pair is worth before any training.

Two questions are kept apart. Is it a translation at all: do its words correspond and its numbers,
is all of it there, in order, and no copy (*quality*)? And is it the kind of text that the trusted
pairs are (*domain*)? Both are answered before the student can tell anything, so before
bad pairs do harm.
"""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.digests import digests, spread
from fairseq_l2rw.data.pairs import Pairs, ParallelText
from fairseq_l2rw.initial_weights import messages
from fairseq_l2rw.initial_weights.copying import Copying, nearly_copied
from fairseq_l2rw.initial_weights.correspondence import Correspondence
from fairseq_l2rw.initial_weights.cost import affordable_costs, worth
from fairseq_l2rw.initial_weights.domain import Domain
from fairseq_l2rw.initial_weights.numerals import Numerals
from fairseq_l2rw.initial_weights.richness import Richness
from fairseq_l2rw.initial_weights.text_features import TextFeatures, without_a_side
from fairseq_l2rw.initial_weights.word_order import WordOrder
from fairseq_l2rw.initial_weights.wrong_words import WrongWords
from fairseq_l2rw.scoring.initial_options import InitialOptions
from fairseq_l2rw.utils.errors import InputError

logger = logging.getLogger(__name__)

#: Of what is found, and of what ``state_dict`` gives.
VERSION = 15

# Pairs of a large corpus that are learnt from: more do not say more, and take memory.
_LEARNT = 1 << 18
# Costs of bad pairs in good ones, by factor: a bad pair harms as much as so many good ones help.
# By some factors good pairs are odd, too: words of a rarer kind of text are covered less, some of
# it is copied, a free translation leaves something out, a terse one has an order of its own, and a
# plain one is short of richness.
_COST = 20.0
_COSTS = {
    "coverage": 1.0,
    "copying": 1.0,
    "richness": 1.0,
    "completeness": 5.0,
    "word_order": 5.0,
}
# The factor for which a sentence's worst word decides. Where words have weights these say it.
_BY_WORST_WORD = "support"


class InitialWeightModel:
    """What gives a pair its initial weight: the product of the factors that the options name.

    Args:
        features: of the text.
        correspondence: of the words of both sides.
        numerals: of both sides.
        word_order: of targets.
        copying: of the source.
        richness: of targets beside their sources.
        domain: of the text.
        costs: of bad pairs in good ones, by factor of quality, shape (8,).
        by: see ``InitialOptions``.
        wrong_words: of targets, where tokens have weights.
    """

    #: The factors, in the order of columns: all but the last one are of quality.
    FACTORS = (*Correspondence.FACTORS, "numerals", "word_order", "copying", "richness", "domain")

    def __init__(
        self,
        features: TextFeatures,
        correspondence: Correspondence,
        numerals: Numerals,
        word_order: WordOrder,
        copying: Copying,
        richness: Richness,
        domain: Domain,
        costs: Tensor,
        by: str,
        wrong_words: WrongWords | None = None,
    ) -> None:
        self.features, self.correspondence = features, correspondence
        self.numerals, self.word_order = numerals, word_order
        self.copying, self.richness, self.domain = copying, richness, domain
        self.costs, self.by = costs, by
        self.wrong_words = wrong_words

    @classmethod
    def learn(
        cls, train: Pairs, trusted: Pairs, dictionaries: Dictionaries, options: InitialOptions
    ) -> "InitialWeightModel":
        """From training pairs, of a large corpus a sample of them, and trusted pairs.

        Args:
            train: training pairs.
            trusted: M trusted pairs.
            dictionaries: of their languages.
            options: what weights go by.
        """
        own = ParallelText.gathered(train, spread(len(train), _LEARNT))
        theirs = ParallelText.of(trusted)
        messages.of_trusted(own, theirs)
        if len(own) < len(train):
            logger.info(f"initial weights: learnt from {len(own):,} of {len(train):,} pairs")
        model, texts, odds = cls._learn((own, theirs), dictionaries, options)
        factors = model._factors(texts, odds)
        messages.of_weights(model.weights(factors), factors, model.FACTORS, model.by)
        return model

    @classmethod
    def _learn(
        cls,
        both: tuple[ParallelText, ParallelText],
        dictionaries: Dictionaries,
        options: InitialOptions,
    ) -> tuple["InitialWeightModel", Tensor, Tensor]:
        """From N training and M trusted pairs; with the former's features and odds, (N, 8)."""
        own, theirs = both
        found = digests(own), digests(theirs)
        features = TextFeatures.learn(own, theirs, dictionaries, found[1])
        texts = features(own, found[0]), features(theirs, found[1])
        relevance = [log_odds[0].exp() for log_odds in features.log_odds]
        translated = ~nearly_copied(texts[0])
        correspondence, by_words = Correspondence.learn(
            own, theirs, dictionaries, found, relevance, translated
        )
        good = worth(by_words, 1.0).prod(1)
        model = cls(
            features,
            correspondence,
            Numerals.learn(*texts, good),
            WordOrder.learn(own.tgt, theirs.tgt, dictionaries, found, good),
            Copying.learn(*texts),
            Richness.neutral(),
            Domain.learn(*texts, options.sharpness, options.tolerance),
            torch.zeros(len(cls.FACTORS) - 1),
            options.by,
        )
        odds = model._odds(own, found[0], texts[0], by_words)
        good = worth(odds, 1.0).prod(1)
        model.richness = Richness.learn(own, theirs, dictionaries, found, good)
        odds[:, -1] = model.richness.odds(own, found[0])
        known = correspondence.odds(theirs, found[1])
        model._learn_costs(model._odds(theirs, found[1], texts[1], known))
        if options.unit == "token":
            model.wrong_words = model._learn_wrong_words(both, found, by_words)
        return model, texts[0], odds

    def factors(self, pairs: Pairs) -> Tensor:
        """All factors of any pairs, by column as ``FACTORS`` names them.

        Args:
            pairs: N pairs; one that was a training pair or a trusted one does not speak for itself.

        Returns:
            In [0, 1], shape (N, 9), float64.
        """
        found = [torch.empty(0, len(self.FACTORS), dtype=torch.double)]
        for block in ParallelText.in_blocks(pairs):
            own = digests(block)
            texts, by_words = self.features(block, own), self.correspondence.odds(block, own)
            found.append(self._factors(texts, self._odds(block, own, texts, by_words)))
        return torch.cat(found)

    def weights(self, factors: Tensor) -> Tensor:
        """Initial weights of sentences, in [0, 1], shape (N,), from what ``factors`` gives."""
        return self._counted(factors).prod(1).float()

    def token_weights(self, pairs: Pairs, factors: Tensor) -> Tensor:
        """Initial weights of target tokens.

        Those of their sentences, but that a wrong word costs only itself its weight.

        Args:
            pairs: N pairs.
            factors: what ``factors`` gives of them, shape (N, 9).

        Returns:
            In [0, 1], flat, shape (all target tokens,).
        """
        text, by_word = ParallelText.of(pairs), self.wrong_words
        assert by_word is not None
        of_sentences = factors.clone()
        of_sentences[:, self.FACTORS.index(_BY_WORST_WORD)] = 1
        sizes = torch.tensor(text.tgt.sizes)
        found = self._counted(of_sentences).prod(1).repeat_interleave(sizes)
        if self.by != "domain":
            lexicon, boundaries = self.correspondence.lexicon, self.features.dictionaries.boundaries
            found = found * by_word.weights(text, lexicon, digests(text), boundaries)
        return found.float()

    def _counted(self, factors: Tensor) -> Tensor:
        """The factors that the options name, (N, 8), (N, 1) or (N, 9), out of all (N, 9)."""
        return {"quality": factors[:, :-1], "domain": factors[:, -1:], "both": factors}[self.by]

    def _learn_costs(self, odds: Tensor) -> None:
        """Learn the costs, by the odds with which M trusted pairs look bad, shape (M, 8)."""
        highest = [_COSTS.get(name, _COST) for name in self.FACTORS[:-1]]
        self.costs = affordable_costs(odds, torch.tensor(highest, dtype=torch.double))

    def _learn_wrong_words(
        self, texts: tuple[ParallelText, ParallelText], found: tuple[np.ndarray, ...], odds: Tensor
    ) -> WrongWords:
        """From N training pairs and M trusted ones, by digests and odds (N, 4) of the former."""
        others = [n for n, name in enumerate(Correspondence.FACTORS) if name != _BY_WORST_WORD]
        good = worth(odds[:, others], 1.0).prod(1)
        lexicon, dictionaries = self.correspondence.lexicon, self.features.dictionaries
        return WrongWords.learn(lexicon, texts, dictionaries, found, good)

    def state_dict(self) -> dict[str, Any]:
        """All that ``factors`` needs, in types that torch's safe loader takes."""
        return {
            "version": VERSION,
            "dictionaries": self.features.dictionaries.digest,
            "log_odds": self.features.log_odds,
            "trusted": self.features.trusted,
            "correspondence": self.correspondence.state_dict(),
            "numerals": self.numerals.numbers,
            "word_order": self.word_order.state_dict(),
            "copying": self.copying.numbers,
            "richness": self.richness.state_dict(),
            "domain": self.domain.state_dict(),
            "costs": self.costs,
            "by": self.by,
            "wrong_words": None if self.wrong_words is None else self.wrong_words.state_dict(),
        }

    @classmethod
    def from_state(
        cls, state: Mapping[str, Any], dictionaries: Dictionaries
    ) -> "InitialWeightModel":
        """From what ``state_dict`` gave, with the dictionaries it was learnt with.

        Raises:
            InputError: for another version's, or other dictionaries.
        """
        if state.get("version") != VERSION:
            raise InputError("its initial weights were saved by another version of this package")
        if state["dictionaries"] != dictionaries.digest:
            raise InputError("its initial weights were learnt with other dictionaries")
        return cls(
            TextFeatures(dictionaries, state["log_odds"], state["trusted"]),
            Correspondence.from_state(state["correspondence"]),
            Numerals(state["numerals"]),
            WordOrder.from_state(state["word_order"]),
            Copying(state["copying"]),
            Richness.from_state(state["richness"]),
            Domain.from_state(state["domain"]),
            state["costs"],
            state["by"],
            None if state["wrong_words"] is None else WrongWords.from_state(state["wrong_words"]),
        )

    def _factors(self, features: Tensor, odds: Tensor) -> Tensor:
        """All factors, shape (N, 9), by text features and the odds that pairs are bad, (N, 8)."""
        found = torch.cat([worth(odds, self.costs), self.domain.weights(features).unsqueeze(1)], 1)
        # A few pairs without one side look like chance, but they teach to say nothing.
        found[without_a_side(features), self.FACTORS.index("completeness")] = 0
        return found

    def _odds(
        self, pairs: ParallelText, digests: np.ndarray, features: Tensor, by_words: Tensor
    ) -> Tensor:
        """The odds that pairs are bad, by factor of quality: shape (N, 8).

        By text features (N, 8), and the odds by how far words account for each other, (N, 4).
        """
        in_order = self.word_order.odds(pairs.tgt, self.features.dictionaries, digests)
        others = [self.numerals.odds(features), in_order, self.copying.odds(features)]
        others.append(self.richness.odds(pairs, digests))
        return torch.cat([by_words, torch.stack(others, 1)], 1)
