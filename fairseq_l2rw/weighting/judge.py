"""From the scores of pairs to their weights: by comparison with the scores of trusted pairs."""

import torch
from torch import Tensor

from fairseq_l2rw.weighting.base import Total
from fairseq_l2rw.weighting.likeness import TOLERANCE
from fairseq_l2rw.weighting.moments import Growing, Recent, mean_of
from fairseq_l2rw.weighting.passing import by_chance, distance, leniency, passed, true_alarms

# Looks over which training pairs are compared with trusted ones: a batch has dozens of pairs.
# Not the first looks: few trusted pairs are known then, and no training pair looks like them.
_COMPARISONS = 40


class Judge(Growing):
    """Weights by K scores, of which a pair must pass every one.

    A score z says how a pair compares with the trusted pairs' own scores, of mean m and standard
    deviation d:

        w = (product over scores of sigmoid(sharpness ((z - m) / d - lead + tolerance))
        / sigmoid(sharpness tolerance))^a,

    so that 1 is the weight of an average good pair and any share of noise can be weighed down.

    *Tolerance.* As given where half of the pairs are bad, up to twice that where hardly any is
    (:func:`fairseq_l2rw.weighting.passing.leniency`, of late): then most of what is turned away for
    a little less is good.

    *Lead.* Pairs that are trained on fit better than trusted ones, bad ones as well; the lead is by
    how much, if at all, most good ones do: the difference of means of (z - m) / d of training and
    of trusted pairs, each counted as far as it would pass from either side.

    *Exponent.* The share of bad pairs among those that this turns away
    (:func:`fairseq_l2rw.weighting.passing.true_alarms`, of late); 0, so that all weights are
    exactly 1, where no more are turned away than chance explains, as of clean data.

    Args:
        sharpness: see :func:`fairseq_l2rw.weighting.passing.passed`.
        tolerance: likewise, where half of the pairs are bad; of the first score, and of every other
            one, a likeness, :data:`fairseq_l2rw.weighting.likeness.TOLERANCE` times as much.
    """

    anchor: Tensor
    stand: Tensor

    def __init__(self, sharpness: float, tolerance: float) -> None:
        super().__init__()
        self.sharpness = sharpness
        self.tolerance = tolerance
        # Of training and of trusted pairs the share turned away, and 1 / the number it is from.
        self.alarms = Recent(_COMPARISONS)  # (2, 2): of either both
        self.leads = Recent(_COMPARISONS)  # (K,), not cut off at 0
        # Mean and variance of the trusted pairs' scores, (2, K), and what _stand() says of them.
        for name in ("anchor", "stand"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.float64))

    @property
    def ready(self) -> bool:
        """Whether training pairs were compared with trusted ones yet."""
        return len(self.alarms) > 0

    def weights(self, scores: Tensor) -> Tensor:
        """From 0 to a little above 1, shape (N,), of scores (N, K)."""
        return self.passes(scores).prod(1) ** self.exponent()

    def exponent(self) -> Tensor:
        """a, a scalar; pairs must have been compared."""
        train, trusted = self._shares()
        n, m = 1 / self.alarms.values[:, :, 1].mean(0)
        # Training pairs are others at every look, trusted ones are the same again.
        variance = by_chance(train, n * len(self.alarms)) + by_chance(trusted, m)
        return true_alarms(train, trusted, variance)

    def _shares(self) -> Tensor:
        """Shares of training and of trusted pairs that are turned away, (2,)."""
        return self.alarms.values[:, :, 0].mean(0)

    def passes(self, scores: Tensor) -> Tensor:
        """How far each score passes, shape (N, K): 1 for that of an average good pair."""
        return self._passed(self._distances(scores) - self._lead())

    def compare(self, scores: Tensor, sizes: Tensor, total: Total) -> None:
        """Add how far pairs are ahead of trusted ones, and how many fail.

        Args:
            scores: of pairs that were not learnt from yet, as trusted pairs never are; (N, K).
            sizes: how often each counts, shape (N,).
            total: sums over workers.
        """
        lead = self._lead()
        middle, failed = self._stand(self._distances(scores) - lead, sizes, total)
        self.leads.add(middle + lead - self.stand[:-2])
        self.alarms.add(torch.stack([failed, self.stand[-2:]]))

    def remember(self, scores: Tensor, sizes: Tensor) -> None:
        """Judge by trusted pairs with these scores, (M, K), counted ``sizes`` (M,) times.

        They are alike on every worker.
        """
        mean = sizes @ scores / sizes.sum()
        self.anchor = torch.stack([mean, sizes @ (scores - mean).square() / sizes.sum()])
        middle, failed = self._stand(self._distances(scores), sizes, lambda local: local)
        self.stand = torch.cat([middle, failed])

    def _distances(self, scores: Tensor) -> Tensor:
        return distance(scores, *self.anchor)

    def _lead(self) -> Tensor | float:
        return self.leads.values.mean(0).clamp(min=0) if self.ready else 0.0

    def _passed(self, distances: Tensor) -> Tensor:
        tolerances = distances.new_full(distances.shape[1:], self.tolerance)
        tolerances[1:].mul_(TOLERANCE)
        if self.ready:
            tolerances = tolerances * leniency(*self._shares())
        return passed(distances, self.sharpness, tolerances)

    def _stand(self, distances: Tensor, sizes: Tensor, total: Total) -> tuple[Tensor, Tensor]:
        """By distances (N, K) where most are, (K,), and what fails, (2,).

        Of that the share, and 1 / the effective number of pairs: sum s^2 / (sum s)^2 of sizes s.
        """
        below, above = (self._passed(side * distances).prod(1) for side in (1, -1))
        share = mean_of(1 - below.clamp(max=1).unsqueeze(1), sizes, total)
        fewness = mean_of(sizes.unsqueeze(1), sizes, total) / total(sizes.sum())
        # From both sides, so that the middle stays where most are, however many are far out.
        middle = mean_of(distances, sizes * (below * above).clamp(min=1e-30), total)
        return middle, torch.cat([share, fewness])
