"""Initial weights: how much pairs look like trusted ones before any training.

Tokens, copying and lengths tell gross noise (another language, nothing translated, cut targets),
and which words go together tells misaligned pairs, before the student can tell anything, and so
before they have done harm.
"""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.pairs import Dictionaries, Pairs, shared
from fairseq_l2rw.initial_weights.lexicon import Lexicon, associations, learn_lexicon
from fairseq_l2rw.initial_weights.text_features import TextFeatures
from fairseq_l2rw.scoring.acceptance import (
    acceptance,
    distance,
    rejection_precision,
    sampling_variance,
)
from fairseq_l2rw.scoring.likeness import TOLERANCE, Likeness
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.utils.reduction import local_only

logger = logging.getLogger(__name__)

# With fewer trusted pairs than this, good pairs' weights vary by chance (docs/results.md).
_FEW = 60
# Share of the training pairs that are rejected from where on something is likely to be wrong.
_NEARLY_ALL = 0.9
_VERSION = 2  # of what state_dict() gives


class InitialWeightModel:
    """What gives a pair its initial weight: how far it is accepted beside the trusted pairs.

    By two scores, both of which must accept it. One is of its text
    (``fairseq_l2rw.initial_weights.text_features``): the log density ratio of trusted to
    training pairs (``fairseq_l2rw.scoring.likeness``). The other is how well its words go
    together (``fairseq_l2rw.initial_weights.lexicon``), in the worse of both directions.

    Args:
        features: of the text.
        likeness: of these features.
        lexicon: of the words.
        numbers: the rest that was learnt: ``words``, mean and variance of the trusted pairs' word
            association in both directions, shape (2, 2); ``scores``, those of their two scores,
            likewise; ``tolerances`` of the two scores, shape (2,); ``sharpness``, a scalar;
            ``exponent``, the precision of rejection, a scalar.
    """

    #: What the two scores are of.
    SCORES = ("text", "words")

    def __init__(
        self,
        features: TextFeatures,
        likeness: Likeness,
        lexicon: Lexicon,
        numbers: dict[str, Tensor],
    ) -> None:
        self.features, self.likeness, self.lexicon = features, likeness, lexicon
        self.numbers = numbers

    @classmethod
    def learn(
        cls,
        train: Pairs,
        trusted: Pairs,
        dictionaries: Dictionaries,
        sharpness: float,
        tolerance: float,
        matches: np.ndarray | None = None,
    ) -> tuple["InitialWeightModel", Tensor]:
        """From training pairs and trusted pairs.

        Args:
            train: N pairs.
            trusted: M pairs.
            dictionaries: of their languages.
            sharpness: see ``fairseq_l2rw.scoring.acceptance.acceptance``.
            tolerance: likewise; of the likeness twice as much, as of every one.
            matches: what ``fairseq_l2rw.data.pairs.shared`` says of the pairs, if it is known.

        Returns:
            The model, and how far both scores accept the training pairs, shape (N, 2): see
            ``accepted``.
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
        likeness = _likeness(*texts)
        lexicon, words = learn_lexicon(train, trusted, dictionaries, matches)
        numbers = {
            "words": _moments(words[1]),
            "tolerances": words[0].new_tensor([TOLERANCE * tolerance, tolerance]),
            "sharpness": torch.tensor(float(sharpness)),
        }
        model = cls(features, likeness, lexicon, numbers)
        scores = [model._scores(*found) for found in zip(texts, words, strict=True)]
        numbers["scores"] = _moments(scores[1])
        accepted, expected = map(model._accepted, scores)
        rejected, falsely = (1 - accepted.prod(1)).mean(), (1 - expected.prod(1)).mean()
        variance = sampling_variance(rejected, len(train))
        variance = variance + sampling_variance(falsely, len(trusted))
        numbers["exponent"] = rejection_precision(rejected, falsely, variance)
        _report(model.weights(accepted))
        return model, accepted

    def accepted(self, pairs: Pairs) -> Tensor:
        """How far both scores accept other pairs, by their text and by their words.

        Args:
            pairs: N pairs; one that was a training pair does not speak for itself.

        Returns:
            In [0, 1], shape (N, 2), float64.
        """
        words = associations(self.lexicon, pairs, self.features.dictionaries)
        return self._accepted(self._scores(self.features(pairs), words))

    def weights(self, accepted: Tensor) -> Tensor:
        """Initial weights, in [0, 1], shape (N,), from what ``accepted`` gives."""
        return (accepted.prod(1) ** self.numbers["exponent"]).float()

    def factors(self, accepted: Tensor) -> Tensor:
        """Both factors of the weights, in [0, 1], shape (N, 2)."""
        return (accepted ** self.numbers["exponent"]).float()

    def state_dict(self) -> dict[str, Any]:
        """All that ``accepted`` needs, in types that torch's safe loader takes."""
        return {
            "version": _VERSION,
            "log_odds": self.features.log_odds,
            "likeness": self.likeness.state_dict(),
            "lexicon": self.lexicon.state_dict(),
            "numbers": self.numbers,
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
        likeness = Likeness(memory=float("inf"))
        likeness.load_state_dict(state["likeness"])
        features = TextFeatures(dictionaries, state["log_odds"])
        return cls(features, likeness, Lexicon.from_state(state["lexicon"]), state["numbers"])

    def _scores(self, texts: Tensor, words: Tensor) -> Tensor:
        """Likeness and word association, shape (N, 2)."""
        both_ways = distance(words, *self.numbers["words"])
        return torch.cat([self.likeness(texts), both_ways.amin(1, keepdim=True)], 1)

    def _accepted(self, scores: Tensor) -> Tensor:
        """How far each of two scores accepts, in [0, 1], shape (N, 2)."""
        distances = distance(scores, *self.numbers["scores"])
        sharpness = float(self.numbers["sharpness"])
        return acceptance(distances, sharpness, self.numbers["tolerances"]).clamp(max=1)


def _likeness(train: Tensor, trusted: Tensor) -> Likeness:
    """Of trusted pairs of features (M, F), among training pairs (N, F)."""
    likeness = Likeness(memory=float("inf"))
    likeness.begin(train, [train.shape[1]])
    likeness.add(train, torch.ones(len(train), dtype=train.dtype), local_only)
    likeness.add_trusted(trusted, torch.ones(len(trusted), dtype=trusted.dtype))
    likeness.solve()
    return likeness


def _moments(scores: Tensor) -> Tensor:
    """Mean and variance of scores (M, K), shape (2, K)."""
    return torch.stack([scores.mean(0), scores.var(0, correction=0)])


def _report(weights: Tensor) -> None:
    few = float((weights < 0.3).float().mean())
    logger.info(f"initial weights: mean {float(weights.mean()):.2f}, {few:.0%} of pairs below 0.3")
    if few > _NEARLY_ALL:
        logger.warning(
            f"{few:.0%} of the training pairs are unlike the trusted pairs and hardly count: check "
            "that source and target of the trusted pairs are not swapped, that both texts have the "
            "same tokenisation and casing, and that they are of the same domain"
        )
