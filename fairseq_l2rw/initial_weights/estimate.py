"""Initial weights: how much pairs look like trusted ones before any training.

Tokens, copying and lengths tell gross noise (another language, nothing translated, cut targets),
and which words go together tells misaligned pairs, before the student can tell anything, and so
before they have done harm.
"""

import logging

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.pairs import Dictionaries, Pairs, shared
from fairseq_l2rw.initial_weights.lexicon import associations
from fairseq_l2rw.initial_weights.text_features import text_features
from fairseq_l2rw.scoring.acceptance import (
    acceptance,
    distance,
    rejection_precision,
    sampling_variance,
)
from fairseq_l2rw.scoring.likeness import TOLERANCE, Likeness
from fairseq_l2rw.utils.reduction import local_only

logger = logging.getLogger(__name__)

# With fewer trusted pairs than this, good pairs' weights vary by chance (docs/results.md).
_FEW = 60
# Share of the training pairs that are rejected from where on something is likely to be wrong.
_NEARLY_ALL = 0.9


def estimate_initial_weights(
    train: Pairs,
    trusted: Pairs,
    dictionaries: Dictionaries,
    sharpness: float,
    tolerance: float,
    matches: np.ndarray | None = None,
) -> Tensor:
    """How far each training pair is accepted beside the trusted ones, before any training.

    By two scores, both of which must accept it. One is of its text
    (``fairseq_l2rw.initial_weights.text_features``): the log density ratio of trusted to
    training pairs (``fairseq_l2rw.scoring.likeness``). The other is how well its words go
    together (``fairseq_l2rw.initial_weights.lexicon``), in the worse of both directions.

    Args:
        train: N pairs.
        trusted: M pairs.
        dictionaries: of their languages.
        sharpness: see ``fairseq_l2rw.scoring.acceptance.acceptance``.
        tolerance: likewise; of the likeness twice as much, as of every one.
        matches: what ``fairseq_l2rw.data.pairs.shared`` says of the pairs, if it is known.

    Returns:
        Weights in [0, 1], shape (N,).
    """
    if len(trusted) < _FEW:
        logger.warning(
            f"only {len(trusted)} trusted pairs: good pairs may lose initial weight by chance; "
            f"{_FEW} or more tell reliably"
        )
    matches = shared(train, trusted) if matches is None else matches
    scores = _scores(train, trusted, dictionaries, matches)
    tolerances = scores[0].new_tensor([TOLERANCE * tolerance, tolerance])
    accepted, expected = (
        acceptance(distances, sharpness, tolerances).clamp(max=1).prod(1)
        for distances in _distances(*scores)
    )
    rejected, falsely = (1 - accepted).mean(), (1 - expected).mean()
    variance = sampling_variance(rejected, len(train)) + sampling_variance(falsely, len(trusted))
    weights = (accepted ** rejection_precision(rejected, falsely, variance)).float()
    _report(weights)
    return weights


def _scores(
    train: Pairs, trusted: Pairs, dictionaries: Dictionaries, matches: np.ndarray
) -> tuple[Tensor, Tensor]:
    """Likeness and word association of all pairs, shapes (N, 2) and (M, 2)."""
    features = text_features(train, trusted, dictionaries, matches)
    x, y = features
    likeness = Likeness(memory=float("inf"))
    likeness.begin(x, [x.shape[1]])
    likeness.add(x, torch.ones(len(x), dtype=x.dtype), local_only)
    likeness.add_trusted(y, torch.ones(len(y), dtype=y.dtype))
    likeness.solve()
    words = _distances(*associations(train, trusted, dictionaries, matches))
    of_train, of_trusted = (
        torch.cat([likeness(rows), both_ways.amin(1, keepdim=True)], 1)
        for rows, both_ways in zip(features, words, strict=True)
    )
    return of_train, of_trusted


def _distances(train: Tensor, trusted: Tensor) -> list[Tensor]:
    """Distances of scores (N, K) and (M, K) from those of the trusted pairs."""
    mean, variance = trusted.mean(0), trusted.var(0, correction=0)
    return [distance(scores, mean, variance) for scores in (train, trusted)]


def _report(weights: Tensor) -> None:
    few = float((weights < 0.3).float().mean())
    logger.info(f"initial weights: mean {float(weights.mean()):.2f}, {few:.0%} of pairs below 0.3")
    if few > _NEARLY_ALL:
        logger.warning(
            f"{few:.0%} of the training pairs are unlike the trusted pairs and hardly count: check "
            "that source and target of the trusted pairs are not swapped, that both texts have the "
            "same tokenisation and casing, and that they are of the same domain"
        )
