"""Initial weights: what a pair is worth before any training.

Two questions are kept apart. Is it a translation at all: do its words correspond and its numbers,
is it copied, in another language, of odd lengths (*quality*)? And is it the kind of text that the
trusted pairs are (*domain*)? Both are answered before the student can tell anything, so before bad
pairs do harm.
"""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.pairs import Pairs, lengths, shared
from fairseq_l2rw.initial_weights.correspondence import (
    Correspondence,
    evidence,
    mismatched_evidence,
)
from fairseq_l2rw.initial_weights.domain import Domain
from fairseq_l2rw.initial_weights.lexicon import (
    Lexicon,
    associations,
    fingerprints,
    halves,
    learn_lexicon,
)
from fairseq_l2rw.initial_weights.numerals import Numerals
from fairseq_l2rw.initial_weights.outliers import RESPECTS, Outliers
from fairseq_l2rw.initial_weights.text_features import TextFeatures
from fairseq_l2rw.scoring.initial_options import InitialOptions
from fairseq_l2rw.utils.errors import InputError

logger = logging.getLogger(__name__)

# With fewer trusted pairs than this, good pairs' weights vary by chance (docs/results.md).
_FEW = 60
# Share of the training pairs that are rejected from where on something is likely to be wrong.
_NEARLY_ALL = 0.9
_VERSION = 4  # of what state_dict() gives


class InitialWeightModel:
    """What gives a pair its initial weight: the product of the factors that the options name.

    Args:
        features: of the text.
        lexicon: of the words.
        correspondence: of the words of both sides.
        numerals: of both sides.
        outliers: in copying, language and lengths.
        domain: of the text.
        by: see ``InitialOptions``.
    """

    #: The factors, in the order of columns.
    FACTORS = ("correspondence", "numerals", *RESPECTS, "domain")

    def __init__(
        self,
        features: TextFeatures,
        lexicon: Lexicon,
        correspondence: Correspondence,
        numerals: Numerals,
        outliers: Outliers,
        domain: Domain,
        by: str,
    ) -> None:
        self.features, self.lexicon = features, lexicon
        self.correspondence, self.numerals = correspondence, numerals
        self.outliers, self.domain, self.by = outliers, domain, by

    @classmethod
    def learn(
        cls,
        train: Pairs,
        trusted: Pairs,
        dictionaries: Dictionaries,
        options: InitialOptions,
        matches: np.ndarray | None = None,
    ) -> tuple["InitialWeightModel", Tensor]:
        """From training pairs and trusted pairs.

        Args:
            train: N pairs.
            trusted: M pairs.
            dictionaries: of their languages.
            options: what weights go by.
            matches: what ``fairseq_l2rw.data.pairs.shared`` says of the pairs, if it is known.

        Returns:
            The model, and the factors of the training pairs, shape (N, 6).
        """
        if len(trusted) < _FEW:
            logger.warning(
                f"only {len(trusted)} trusted pairs: good pairs may lose initial weight by chance; "
                f"{_FEW} or more tell reliably"
            )
        matches = shared(train, trusted) if matches is None else matches
        own = torch.zeros(len(train), dtype=torch.long)
        own[matches[:, 0]] = 1
        features = TextFeatures.learn(train, trusted, dictionaries)
        texts = features(train, own), features(trusted, torch.ones(len(trusted), dtype=torch.long))
        digests = fingerprints(train)
        lexicon = learn_lexicon(train, dictionaries, halves(digests))
        of_train = _evidence(lexicon, train, dictionaries, digests)
        of_trusted = _evidence(lexicon, trusted, dictionaries, fingerprints(trusted))
        made = mismatched_evidence(train, lexicon, dictionaries, digests)
        correspondence = Correspondence.learn(of_train, made, of_trusted)
        model = cls(
            features,
            lexicon,
            correspondence,
            Numerals.learn(*texts, correspondence.weights(of_train)),
            Outliers.learn(*texts),
            Domain.learn(*texts, options.sharpness, options.tolerance),
            options.by,
        )
        factors = model._factors(of_train, texts[0])
        _report(model, factors)
        return model, factors

    def factors(self, pairs: Pairs) -> Tensor:
        """All factors of other pairs, by column as ``FACTORS`` names them.

        Args:
            pairs: N pairs; one that was a training pair does not speak for itself.

        Returns:
            In [0, 1], shape (N, 6), float64.
        """
        found = _evidence(self.lexicon, pairs, self.features.dictionaries, fingerprints(pairs))
        return self._factors(found, self.features(pairs))

    def weights(self, factors: Tensor) -> Tensor:
        """Initial weights, in [0, 1], shape (N,), from what ``factors`` gives."""
        counted = {"quality": factors[:, :-1], "domain": factors[:, -1:], "both": factors}[self.by]
        return counted.prod(1).float()

    def state_dict(self) -> dict[str, Any]:
        """All that ``factors`` needs, in types that torch's safe loader takes."""
        return {
            "version": _VERSION,
            "log_odds": self.features.log_odds,
            "lexicon": self.lexicon.state_dict(),
            "correspondence": self.correspondence.numbers,
            "numerals": self.numerals.numbers,
            "outliers": self.outliers.numbers,
            "domain": self.domain.state_dict(),
            "by": self.by,
        }

    @classmethod
    def from_state(
        cls, state: Mapping[str, Any], dictionaries: Dictionaries
    ) -> "InitialWeightModel":
        """From what ``state_dict`` gave, with the dictionaries it was learnt with.

        Raises:
            InputError: for another version's, or other dictionaries.
        """
        if state.get("version") != _VERSION:
            raise InputError("its initial weights were saved by another version of this package")
        if tuple(state["lexicon"]["types"]) != tuple(dictionaries.types):
            raise InputError("its initial weights were learnt with other dictionaries")
        return cls(
            TextFeatures(dictionaries, state["log_odds"]),
            Lexicon.from_state(state["lexicon"]),
            Correspondence(state["correspondence"]),
            Numerals(state["numerals"]),
            Outliers(state["outliers"]),
            Domain.from_state(state["domain"]),
            state["by"],
        )

    def _factors(self, found: Tensor, texts: Tensor) -> Tensor:
        """From evidence of correspondence (N, 2) and text features (N, 10): (N, 6)."""
        columns = [
            self.correspondence.weights(found).unsqueeze(1),
            self.numerals.weights(texts).unsqueeze(1),
            self.outliers.weights(texts),
            self.domain.weights(texts).unsqueeze(1),
        ]
        return torch.cat(columns, 1)


def _evidence(
    lexicon: Lexicon, pairs: Pairs, dictionaries: Dictionaries, digests: np.ndarray
) -> Tensor:
    words = associations(lexicon, pairs, dictionaries, halves(digests))
    return evidence(words, lengths(pairs))


def _report(model: InitialWeightModel, factors: Tensor) -> None:
    weights = model.weights(factors)
    few = float((weights < 0.3).float().mean())
    logger.info(f"initial weights: mean {float(weights.mean()):.2f}, {few:.0%} of pairs below 0.3")
    means = factors.mean(0).tolist()
    said = ", ".join(f"{name} {mean:.2f}" for name, mean in zip(model.FACTORS, means, strict=True))
    counted = {"quality": "all but the last count", "domain": "the last one counts"}
    logger.info(f"initial weights, mean factors: {said} ({counted.get(model.by, 'all count')})")
    unlike = float((factors.prod(1) < 0.3).double().mean())  # whatever counts
    if unlike > _NEARLY_ALL:
        logger.warning(
            f"{unlike:.0%} of the training pairs are unlike the trusted pairs or bad: check "
            "that source and target of the trusted pairs are not swapped, that both texts have the "
            "same tokenisation and casing, and that they are of the same domain"
        )
