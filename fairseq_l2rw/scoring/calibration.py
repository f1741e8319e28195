"""Calibration: from the scores of pairs to weights, by the scores of trusted pairs."""

from dataclasses import dataclass

import torch
from torch import Tensor

from fairseq_l2rw.scoring.acceptance import (
    acceptance,
    deviation,
    precision_of_samples,
    tolerance_factor,
)
from fairseq_l2rw.scoring.likeness import TOLERANCE
from fairseq_l2rw.scoring.moments import LazyBuffers, SuffixAverage
from fairseq_l2rw.utils.reduction import Total, local_only

# Meta steps over which training pairs are compared with trusted ones: a batch has dozens of pairs.
# Not the first ones: few trusted pairs are known then, and no training pair looks like them.
_COMPARISONS = 40


@dataclass(frozen=True)
class _Scale:
    """What scores are measured by, from one change of it to the next.

    Attributes:
        of: moments of trusted pairs, and comparisons with them, that it is of.
        mean, deviation: of the trusted pairs' scores, shape (K,).
        offset: how far most training pairs are ahead of trusted ones, shape (K,); negative, if at
            all, of the first score.
        tolerances: of the scores, shape (K,).
        highest: see ``fairseq_l2rw.scoring.acceptance.acceptance``, shape (K,).
        exponent: a scalar.
    """

    of: tuple[Tensor, Tensor]
    mean: Tensor
    deviation: Tensor
    offset: Tensor
    tolerances: Tensor
    highest: Tensor
    exponent: Tensor


class Calibration(LazyBuffers):
    """Weights by K scores, each of which must accept a pair.

    A score z says how a pair compares with the trusted pairs' own scores, of mean m and standard
    deviation d:

        w = (product over scores of sigmoid(sharpness ((z - m) / d - offset + tolerance))
        / sigmoid(sharpness tolerance))^a,

    so that 1 is the weight of an average good pair and any share of noise can be weighed down
    (docs/mathematics.md, "From scores to a weight").

    *Tolerance.* As given where half of the pairs are bad, up to twice that where hardly any is
    (``fairseq_l2rw.scoring.acceptance.tolerance_factor``, of recent meta steps): then most of
    what is rejected for a little less is good.

    *Offset.* Pairs that are trained on fit better than trusted ones, bad ones as well; the offset
    is by how much most good ones do: the difference of means of (z - m) / d of training and of
    trusted pairs, each counted as far as it would be accepted from either side. If most fit worse,
    they are bad, or good and of another kind of text than the trusted ones. Which of the two it is
    cannot be told from here, so it is the caller who says whether an offset may be negative. That
    of a likeness never is: to tell trusted pairs from most others is what a likeness is for.

    *Exponent.* The share of bad pairs among those that this rejects
    (``fairseq_l2rw.scoring.acceptance.rejection_precision``, of recent meta steps); 0, so that
    all weights are exactly 1, where no more are rejected than chance explains, as of clean data.

    Args:
        sharpness: see ``fairseq_l2rw.scoring.acceptance.acceptance``.
        tolerance: likewise, where half of the pairs are bad; of the first score, and of every other
            one, a likeness, ``fairseq_l2rw.scoring.likeness.TOLERANCE`` times as much.
        negative: let the offset of the first score be negative.

    Attributes:
        trusted_moments: mean and variance of the trusted pairs' scores, shape (2, K), float64.
        trusted_location: where most trusted pairs' scores are, in standard deviations, what share
            of the pairs is rejected, and 1 / their effective number, shape (K + 2,), float64.
    """

    trusted_moments: Tensor
    trusted_location: Tensor

    def __init__(self, sharpness: float, tolerance: float, negative: bool = False) -> None:
        super().__init__()
        self.negative = negative
        self.sharpness = sharpness
        self.tolerance = tolerance
        # Of training and of trusted pairs the share rejected, and 1 / the number it is from.
        self.rejections = SuffixAverage(_COMPARISONS)  # (2, 2): of either both
        self.offsets = SuffixAverage(_COMPARISONS)  # (K,), not cut off at 0
        self.register_empty("trusted_moments", "trusted_location")
        self._known: _Scale | None = None

    @property
    def ready(self) -> bool:
        """Whether training pairs have been compared with trusted ones."""
        return len(self.rejections) > 0

    def explained(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Weights of scores (N, K), and the factor of each score in them.

        Returns:
            Weights from 0 to a little above 1, shape (N,), and factors, shape (N, K).
        """
        accepted, exponent = self.acceptances(scores), self.exponent()
        return accepted.prod(1) ** exponent, accepted**exponent

    def exponent(self) -> Tensor:
        """a, a scalar; 0 until pairs were compared."""
        return self._scale().exponent

    def acceptances(self, scores: Tensor) -> Tensor:
        """How far each score accepts, shape (N, K): 1 for that of an average good pair."""
        return self._accepted(self._distances(scores) - self._scale().offset)

    def compare(self, scores: Tensor, sizes: Tensor, total: Total) -> None:
        """Add how far pairs are ahead of trusted ones, and how many are rejected.

        Args:
            scores: of pairs that were not learnt from yet, as trusted pairs never are; (N, K).
            sizes: how often each counts, shape (N,).
            total: sums over workers.
        """
        # The middle is never looked for below trusted pairs, or it could move down step by step.
        ahead, accepted = self._scale().offset.clamp(min=0), self.acceptances(scores)
        middle, rejected = self._locate(self._distances(scores) - ahead, accepted, sizes, total)
        self.offsets.add(middle + ahead - self.trusted_location[:-2])
        self.rejections.add(torch.stack([rejected, self.trusted_location[-2:]]))

    def set_trusted(self, scores: Tensor, sizes: Tensor) -> None:
        """Compare with trusted pairs from now on; they are alike on every worker.

        Args:
            scores: of the trusted pairs, shape (M, K).
            sizes: how often each counts, shape (M,).
        """
        mean = sizes @ scores / sizes.sum()
        self.trusted_moments = torch.stack([mean, sizes @ (scores - mean).square() / sizes.sum()])
        distances = self._distances(scores)
        middle, rejected = self._locate(distances, self._accepted(distances), sizes, local_only)
        self.trusted_location = torch.cat([middle, rejected])

    def _distances(self, scores: Tensor) -> Tensor:
        scale = self._scale()
        return (scores - scale.mean) / scale.deviation

    def _accepted(self, distances: Tensor) -> Tensor:
        scale = self._scale()
        return acceptance(distances, self.sharpness, scale.tolerances, scale.highest)

    def _scale(self) -> _Scale:
        """Computed where it changes and not once a batch; trusted pairs must be known."""
        of = self.trusted_moments, self.rejections.values
        known = self._known
        if known is None or known.of[0] is not of[0] or known.of[1] is not of[1]:
            mean, variance = of[0]
            offset, factor, exponent = self._strictness()
            tolerances = torch.full_like(mean, self.tolerance)
            tolerances[1:].mul_(TOLERANCE)
            tolerances = tolerances * factor
            highest = torch.sigmoid(self.sharpness * tolerances)
            known = self._known = _Scale(
                of, mean, deviation(variance), offset, tolerances, highest, exponent
            )
        return known

    def _strictness(self) -> tuple[Tensor, Tensor, Tensor]:
        """Offset (K,), tolerance factor and exponent; 0, 1 and 0 until pairs were compared."""
        if not self.ready:
            nothing = torch.zeros_like(self.trusted_moments[0])
            return nothing, nothing.new_ones(()), nothing.new_zeros(())
        rejections, offset = self.rejections.values, self.offsets.values.mean(0)
        train, trusted = rejections[:, :, 0].mean(0)
        n, m = 1 / rejections[:, :, 1].mean(0)
        ahead = offset.clamp(min=0)
        if self.negative:
            ahead = torch.cat([offset[:1], ahead[1:]])
        # Training pairs are others at every meta step, trusted ones are the same again.
        exponent = precision_of_samples(train, trusted, n * len(self.rejections), m)
        return ahead, tolerance_factor(train, trusted), exponent

    def _locate(
        self, distances: Tensor, accepted: Tensor, sizes: Tensor, total: Total
    ) -> tuple[Tensor, Tensor]:
        """Where most distances are, (K,), and what is rejected of acceptances, (2,); both (N, K).

        Of that the share, and 1 / the effective number of pairs: sum s^2 / (sum s)^2 of sizes s.
        """
        below, above = (self._accepted(x).prod(1) for x in (distances, -distances))
        # From both sides, so that the middle stays where most are, however many are far out.
        central = sizes * (below * above).clamp(min=1e-30)
        ones, rejected = torch.ones_like(sizes), 1 - accepted.prod(1).clamp(max=1)
        of_all = torch.stack([ones, sizes, rejected]) @ sizes
        sums = total(torch.cat([of_all, central.sum().view(1), central @ distances]))
        size, squares, rejected_size, central_size = sums[:4]
        return sums[4:] / central_size, torch.stack([rejected_size / size, squares / size.square()])
