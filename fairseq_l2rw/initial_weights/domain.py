"""Domain: how far a pair is the kind of text that the trusted pairs are, by words and lengths."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from fairseq_l2rw.initial_weights.text_features import columns
from fairseq_l2rw.scoring.acceptance import acceptance, distance, precision_of_samples
from fairseq_l2rw.scoring.likeness import TOLERANCE, Likeness
from fairseq_l2rw.utils.reduction import local_only

# Of the text features: domain log-odds and log lengths of both sides. The others say whether it is
# a translation.
_READ = ("source_log_odds", "target_log_odds", "source_log_length", "target_log_length")


@dataclass(frozen=True)
class Domain:
    """How far a pair is accepted by its text features beside the trusted pairs.

    By the log density ratio of trusted to training pairs (``fairseq_l2rw.scoring.likeness``).

    Attributes:
        likeness: of the features.
        scores: mean and variance of the trusted pairs' ratios, shape (2, 1).
        tolerance, sharpness: scalars.
        exponent: the precision of rejection, a scalar.
    """

    likeness: Likeness
    scores: Tensor
    tolerance: Tensor
    sharpness: Tensor
    exponent: Tensor

    @classmethod
    def learn(cls, train: Tensor, trusted: Tensor, sharpness: float, tolerance: float) -> "Domain":
        """From text features of N training and M trusted pairs.

        Args:
            train: of training pairs, shape (N, 8).
            trusted: of trusted pairs, shape (M, 8).
            sharpness: see ``fairseq_l2rw.scoring.acceptance.acceptance``.
            tolerance: likewise; twice as much is granted, as of every likeness.
        """
        own, known = columns(train, *_READ), columns(trusted, *_READ)
        likeness = Likeness(memory=float("inf"))
        likeness.begin(own, [len(_READ)])
        likeness.add(own, torch.ones(len(own)).to(own), local_only)
        likeness.add_trusted(known, torch.ones(len(known)).to(known))
        likeness.solve()
        # A score learnt from trusted pairs would flatter them.
        scores = likeness.of_trusted(known, torch.full((len(known),), 1 / len(known)).to(known))
        model = cls(
            likeness,
            scores=torch.stack([scores.mean(0), scores.var(0, correction=0)]),
            tolerance=torch.tensor(TOLERANCE * tolerance),
            sharpness=torch.tensor(float(sharpness)),
            exponent=torch.ones((), dtype=torch.double),
        )
        rejected, falsely = (1 - model._accepted(x).mean() for x in (likeness(own), scores))
        precision = precision_of_samples(rejected, falsely, len(train), len(trusted))
        return replace(model, exponent=precision)

    def weights(self, features: Tensor) -> Tensor:
        """From 0 to 1, shape (N,), by text features, shape (N, 8)."""
        return self._accepted(self.likeness(columns(features, *_READ)))

    def _accepted(self, scores: Tensor) -> Tensor:
        """From 0 to 1, shape (N,), by log density ratios, shape (N, 1)."""
        far = distance(scores, *self.scores)
        found = acceptance(far, float(self.sharpness), float(self.tolerance))
        return found.clamp(max=1).squeeze(1) ** self.exponent

    def state_dict(self) -> dict[str, Any]:
        """All that ``weights`` needs, in types that torch's safe loader takes."""
        numbers = {name: x for name, x in vars(self).items() if name != "likeness"}
        return {"likeness": self.likeness.state_dict(), "numbers": numbers}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Domain":
        """From what ``state_dict`` gave."""
        likeness = Likeness(memory=float("inf"))
        likeness.load_state_dict(state["likeness"])
        return cls(likeness, **state["numbers"])
