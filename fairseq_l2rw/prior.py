"""Weights to begin with: how much pairs look like trusted ones before any training.

Tokens, copying and lengths tell gross noise (another language, nothing translated, cut targets),
and which words go together tells misaligned pairs, before the student can tell anything, and so
before they have done harm.
"""

import logging

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.copying import copied
from fairseq_l2rw.correspondence import correspondence
from fairseq_l2rw.pairs import Language, Pairs, batches, shared
from fairseq_l2rw.weighting.likeness import TOLERANCE, Likeness
from fairseq_l2rw.weighting.passing import by_chance, distance, passed, true_alarms

logger = logging.getLogger(__name__)

# With fewer trusted pairs than this, good pairs' weights vary by chance (docs/results.md).
_FEW = 60
# Share of the training pairs that are turned away from where on something is likely to be wrong.
_NEARLY_ALL = 0.9
# Pseudo-counts of a type, so that one that was to be expected once or twice says little.
_PSEUDO = 5.0


def familiarity(train: Tensor, trusted: Tensor, own: int = 0) -> Tensor:
    """How much more often types come up in trusted text than in training text, in nats.

    Args:
        train: how often each type does, shape (V,).
        trusted: likewise.
        own: occurrences to leave out: 1 for a type in a trusted sentence that is judged itself.

    Returns:
        log((c + k) / (e + k)), shape (V,), with c its count in trusted text, e what one would
        expect by its frequency in training text, and k pseudo-counts.
    """
    expected = train * (trusted.sum() / train.sum())
    return ((trusted - own).clamp(min=0) + _PSEUDO).log() - (expected + _PSEUDO).log()


def prior_weights(
    train: Pairs,
    trusted: Pairs,
    language: Language,
    sharpness: float,
    tolerance: float,
    both: np.ndarray | None = None,
) -> Tensor:
    """How far each training pair passes beside the trusted ones, before any training.

    By two scores, of which it must pass both. One is of its looks: mean familiarity of source and
    of target tokens, the fraction of target tokens that the source has, too, log lengths, their
    difference and its square; the score is the log density ratio of trusted to training pairs
    (:mod:`fairseq_l2rw.weighting.likeness`). The other is how well its words correspond
    (:mod:`fairseq_l2rw.correspondence`), in the worse of both directions.

    Args:
        train: N pairs.
        trusted: M pairs.
        language: what the dictionaries say.
        sharpness: see :func:`fairseq_l2rw.weighting.passing.passed`.
        tolerance: likewise; of the likeness twice as much, as of every one.
        both: what :func:`fairseq_l2rw.pairs.shared` says of the pairs, if it is known.

    Returns:
        Weights in [0, 1], shape (N,).
    """
    if len(trusted) < _FEW:
        logger.warning(
            f"only {len(trusted)} trusted pairs: good pairs may lose prior weight by chance; "
            f"{_FEW} or more tell reliably"
        )
    both = shared(train, trusted) if both is None else both
    counts = [_counts(pairs, language) for pairs in (train, trusted)]
    familiar = [
        torch.stack([familiarity(a, b, own) for own in (0, 1)])
        for a, b in zip(*counts, strict=True)
    ]
    # A training pair that is a trusted pair, too, speaks for itself no more than that one does.
    own = torch.zeros(len(train), dtype=torch.long)
    own[both[:, 0]] = 1
    x = _looks(train, language, familiar, own)
    y = _looks(trusted, language, familiar, torch.ones(len(trusted), dtype=torch.long))
    likeness = Likeness(memory=float("inf"))
    likeness.begin(x, [x.shape[1]])
    likeness.add(x, torch.ones(len(x), dtype=x.dtype), lambda local: local)
    likeness.add_trusted(y, torch.ones(len(y), dtype=y.dtype))
    likeness.solve()
    words = _beside(*correspondence(train, trusted, language, both))
    scores = (
        torch.cat([likeness(rows), both_ways.amin(1, keepdim=True)], 1)
        for rows, both_ways in zip((x, y), words, strict=True)
    )
    tolerances = x.new_tensor([TOLERANCE * tolerance, tolerance])
    passes, expected = (
        passed(distances, sharpness, tolerances).clamp(max=1).prod(1)
        for distances in _beside(*scores)
    )
    turned_away, falsely = (1 - passes).mean(), (1 - expected).mean()
    variance = by_chance(turned_away, len(train)) + by_chance(falsely, len(trusted))
    weights = (passes ** true_alarms(turned_away, falsely, variance)).float()
    few = float((weights < 0.3).float().mean())
    logger.info(f"prior weights: mean {float(weights.mean()):.2f}, {few:.0%} of pairs below 0.3")
    if few > _NEARLY_ALL:
        logger.warning(
            f"{few:.0%} of the training pairs are unlike the trusted pairs and hardly count: check "
            "that source and target of the trusted pairs are not swapped, that both texts have the "
            "same tokenisation and casing, and that they are of the same domain"
        )
    return weights


def _beside(train: Tensor, trusted: Tensor) -> list[Tensor]:
    """Distances of scores (N, K) and (M, K) from those of the trusted pairs."""
    mean, variance = trusted.mean(0), trusted.var(0, correction=0)
    return [distance(scores, mean, variance) for scores in (train, trusted)]


def _counts(pairs: Pairs, language: Language) -> list[Tensor]:
    """How often types come up in sources and in targets, shapes (V,), float64."""
    found = [torch.zeros(size, dtype=torch.double) for size in language.types]
    for _, *sides in batches(pairs, language, "types"):
        for count, tokens in zip(found, sides, strict=True):
            count += torch.bincount(tokens[tokens.ne(language.padding)], minlength=len(count))
    return found


def _looks(pairs: Pairs, language: Language, familiar: list[Tensor], own: Tensor) -> Tensor:
    """What there is to see of every pair, shape (N, 7), float64.

    Args:
        pairs: N pairs.
        language: what the dictionaries say.
        familiar: of both languages the :func:`familiarity` of types for a pair that is not
            trusted, and for one that is, each of shape (2, V).
        own: whether a pair is trusted, 0 or 1, shape (N,).
    """
    rows = torch.empty(len(pairs), 7, dtype=torch.double)
    for numbers, source, target in batches(pairs, language, "looks"):
        real = [tokens.ne(language.padding).double() for tokens in (source, target)]
        lengths = [r.sum(1) for r in real]
        columns = [
            (known[own[numbers].unsqueeze(1), tokens] * r).sum(1) / n
            for known, tokens, r, n in zip(familiar, (source, target), real, lengths, strict=True)
        ]
        columns.append((copied(source, target, language.same) * real[1]).sum(1) / lengths[1])
        columns += [n.log() for n in lengths]
        columns.append(columns[-1] - columns[-2])
        columns.append(columns[-1].square())
        rows[numbers] = torch.stack(columns, 1)
    return rows
