"""Copying: how likely a pair is bad whose target is a copy of the source.

How much of a target is copied is told in standard deviations of the trusted pairs. Some good pairs
are copied, too: how many, the trusted pairs say. Where many more training pairs are copied as far
as that, most of these are bad. That is the local false discovery rate (Efron et al., 2001,
"Empirical Bayes Analysis of a Microarray Experiment"; docs/mathematics.md, "Initial weights"). So
each pair is decided about for itself, however few are bad.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from fairseq_l2rw.initial_weights.cost import odds_of
from fairseq_l2rw.initial_weights.text_features import columns
from fairseq_l2rw.scoring.acceptance import local_precision

# Standard deviations from where on a pair is odd, and bounds of how odd it is.
_BOUNDS = (2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 10.0)
# Good pairs are not normally distributed: degrees of freedom of a t-distribution.
_FREEDOM = 5
# Of a target's tokens so many are copied where nothing was translated.
_NEARLY_ALL = 0.8
# Standard deviations at least: among trusted pairs there may be no copies.
_SPREAD = 0.05


@dataclass(frozen=True)
class Copying:
    """Odds that a pair is bad, by the fraction of target tokens that the source has, too.

    Only nearly all are odd: names, numbers and code are copied, in some kinds of text more than in
    others.

    Attributes:
        mean, deviation: of the trusted pairs' fractions, scalars.
        odds_by_place: that a pair is bad, by oddness, shape (bounds + 1,), never falling.
    """

    mean: Tensor
    deviation: Tensor
    odds_by_place: Tensor

    @classmethod
    def learn(cls, train: Tensor, trusted: Tensor) -> "Copying":
        """From text features of N training and M trusted pairs, shapes (N, 8) and (M, 8)."""
        deviation, mean = torch.std_mean(_copied(trusted), correction=0)
        deviation = deviation.clamp(min=_SPREAD)
        own, known = (_places(x, mean, deviation) for x in (train, trusted))
        return cls(mean, deviation, odds_of(_bad(own, known)))

    def odds(self, features: Tensor) -> Tensor:
        """The odds that pairs are bad, shape (N,), by text features of shape (N, 8)."""
        return self.odds_by_place[_places(features, self.mean, self.deviation)]

    def state_dict(self) -> dict[str, Tensor]:
        """All numbers by name."""
        return {"mean": self.mean, "deviation": self.deviation, "odds": self.odds_by_place}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> "Copying":
        """From what ``state_dict`` gave: numbers by name."""
        return cls(state["mean"], state["deviation"], state["odds"])


def nearly_copied(features: Tensor) -> Tensor:
    """Which pairs have a target nearly all of which the source has, too, bool, shape (N,).

    Args:
        features: text features of pairs, shape (N, 8).
    """
    tokens = columns(features, "target_log_length").squeeze(1).exp()
    copied = _copied(features) * tokens / (tokens - 1).clamp(min=1)  # but for the end
    return copied >= _NEARLY_ALL


def _places(features: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """How odd pairs are: the number of bounds that are passed, (N,)."""
    far = (_copied(features) - mean) / deviation
    far = far * nearly_copied(features)
    return torch.bucketize(far, torch.tensor(_BOUNDS).to(far))


def _copied(features: Tensor) -> Tensor:
    """The fraction of target tokens that the source has, too, shape (N,)."""
    return columns(features, "copied").squeeze(1)


def _bad(train: Tensor, trusted: Tensor) -> Tensor:
    """The share of bad pairs by oddness, shape (bounds + 1,), never falling.

    Args:
        train: how odd the training pairs are, shape (N,).
        trusted: likewise, shape (M,).
    """
    known = [
        torch.bincount(places, minlength=len(_BOUNDS) + 1).double() / len(places)
        for places in (train, trusted)
    ]
    scale = ((_FREEDOM - 2) / _FREEDOM) ** 0.5  # of a variance of 1
    tails = torch.tensor(stats.t.sf(np.array(_BOUNDS) / scale, _FREEDOM))
    tails = tails - torch.cat([tails[1:], tails.new_zeros(1)])
    bad = [tails.new_zeros(())]
    for share, falsely in zip(known[0][1:], torch.maximum(tails, known[1][1:]), strict=True):
        bad.append(local_precision(share, falsely, len(train), len(trusted)))
    return torch.stack(bad).cummax(0).values
