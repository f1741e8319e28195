"""Initial weights: what a pair is worth before any training.

Two questions are kept apart. Is it a translation at all (*quality*)? And is it the kind of text
that the trusted pairs are (*domain*)? Both are answered before the student can tell anything, so
before bad pairs do harm.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.digests import distinct, spread
from fairseq_l2rw.data.pairs import Pairs, ParallelText
from fairseq_l2rw.initial_weights import messages
from fairseq_l2rw.initial_weights.correspondence import Correspondence
from fairseq_l2rw.initial_weights.cost import affordable_costs, worth
from fairseq_l2rw.initial_weights.domain import Domain
from fairseq_l2rw.initial_weights.halves import JudgedPairs
from fairseq_l2rw.initial_weights.options import InitialOptions
from fairseq_l2rw.initial_weights.quality import Quality
from fairseq_l2rw.initial_weights.text_features import TextFeatures, without_a_side
from fairseq_l2rw.initial_weights.wrong_words import WrongWords
from fairseq_l2rw.utils.errors import InputError

logger = logging.getLogger(__name__)

#: Of what is found, and of what ``state_dict`` gives.
VERSION = 17

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
        quality: of the pairs.
        domain: of the text.
        costs: of bad pairs in good ones, by factor of quality, shape (8,).
        by: see ``InitialOptions``.
        wrong_words: of targets, where tokens have weights.
    """

    #: The factors, in the order of columns: all but the last one are of quality.
    FACTORS = (*Quality.FACTORS, "domain")

    def __init__(
        self,
        features: TextFeatures,
        quality: Quality,
        domain: Domain,
        costs: Tensor,
        by: str,
        wrong_words: WrongWords | None = None,
    ) -> None:
        self.features, self.quality, self.domain = features, quality, domain
        self.costs, self.by, self.wrong_words = costs, by, wrong_words

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
        text = ParallelText.gathered(train, spread(len(train), _LEARNT))
        known = ParallelText.of(trusted)
        # A pair that is there ten times says no more than once.
        known = known.take(distinct(known))
        messages.of_trusted(text, known, len(trusted))
        own, theirs = (JudgedPairs.of(x, dictionaries.numerals) for x in (text, known))
        if len(own) < len(train):
            logger.info(f"initial weights: learnt from {len(own):,} of {len(train):,} pairs")
        messages.of_repeats(own.repeats)
        model, features, odds = cls._learn(own, theirs, dictionaries, options)
        factors = model._factors(features, odds)
        messages.of_weights(model.weights(factors), factors, model.FACTORS, model.by)
        return model

    @classmethod
    def _learn(
        cls,
        train: JudgedPairs,
        trusted: JudgedPairs,
        dictionaries: Dictionaries,
        options: InitialOptions,
    ) -> tuple["InitialWeightModel", Tensor, Tensor]:
        """From N training and M trusted pairs; with the former's features and odds, (N, 8)."""
        dictionaries = dictionaries.of_targets(train.text.tgt)
        features = TextFeatures.learn(train, trusted, dictionaries)
        texts = features(train), features(trusted)
        relevance = [log_odds[0].exp() for log_odds in features.log_odds]
        quality, odds = Quality.learn(train, trusted, dictionaries, texts, relevance)
        domain = Domain.learn(*texts, options.sharpness, options.tolerance)
        highest = torch.tensor([_COSTS.get(name, _COST) for name in Quality.FACTORS]).double()
        costs = affordable_costs(quality.odds(trusted, texts[1]), highest)
        wrong_words = None
        if options.unit == "token":
            # What is known of the pair without its worst word, which is the one in question.
            by_words = [x for x in Correspondence.FACTORS if x != _BY_WORST_WORD]
            good = worth(odds[:, [cls.FACTORS.index(x) for x in by_words]], 1.0).prod(1)
            lexicon = quality.correspondence.lexicon
            wrong_words = WrongWords.learn(lexicon, train, trusted, dictionaries, good)
        model = cls(features, quality, domain, costs, options.by, wrong_words)
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
            some = self._judged(block)
            features = self.features(some)
            found.append(self._factors(features, self.quality.odds(some, features)))
        return torch.cat(found)

    def weigh(self, pairs: Pairs) -> Tensor:
        """Initial weights of N pairs, in [0, 1].

        Returns:
            Of sentences, shape (N,), or, where tokens have weights, of all target tokens, flat.
        """
        factors = self.factors(pairs)
        if self.wrong_words is None:
            return self.weights(factors)
        return self.token_weights(pairs, factors)

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
        some, by_word = self._judged(ParallelText.of(pairs)), self.wrong_words
        assert by_word is not None
        of_sentences = factors.clone()
        of_sentences[:, self.FACTORS.index(_BY_WORST_WORD)] = 1
        sizes = torch.tensor(some.text.tgt.sizes)
        found = self._counted(of_sentences).prod(1).repeat_interleave(sizes)
        if self.by != "domain":
            lexicon = self.quality.correspondence.lexicon
            found = found * by_word.weights(some, lexicon, self.features.dictionaries.boundaries)
        return found.float()

    def _judged(self, text: ParallelText) -> JudgedPairs:
        return JudgedPairs.of(text, self.features.dictionaries.numerals)

    def _counted(self, factors: Tensor) -> Tensor:
        """The factors that the options name, (N, 8), (N, 1) or (N, 9), out of all (N, 9)."""
        return {"quality": factors[:, :-1], "domain": factors[:, -1:], "both": factors}[self.by]

    def state_dict(self) -> dict[str, Any]:
        """All that ``factors`` needs, in types that torch's safe loader takes."""
        return {
            "version": VERSION,
            "dictionaries": self.features.dictionaries.digest,
            "boundaries": self.features.dictionaries.boundaries,
            "log_odds": self.features.log_odds,
            "trusted": self.features.trusted,
            **self.quality.state_dict(),
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
        dictionaries = replace(dictionaries, boundaries=state["boundaries"])
        return cls(
            TextFeatures(dictionaries, state["log_odds"], state["trusted"]),
            Quality.from_state(state, dictionaries),
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
