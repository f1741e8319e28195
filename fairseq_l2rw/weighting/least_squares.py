"""The default teacher: a linear score, solved in closed form, judged beside trusted pairs."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fairseq_l2rw.observation import Observation
from fairseq_l2rw.weighting.base import Signal, Total, listed
from fairseq_l2rw.weighting.head import Head, Read
from fairseq_l2rw.weighting.judge import Judge
from fairseq_l2rw.weighting.likeness import Likeness
from fairseq_l2rw.weighting.moments import Growing, Moments, Running, mean_of
from fairseq_l2rw.weighting.rows import Rows

logger = logging.getLogger(__name__)

# Meta-gradients that the mean of what is read remembers: it moves with the student.
_CENTRE_MEMORY = 10
# Trusted pairs that are remembered, to judge others by.
_TRUSTED = 1000


class LeastSquaresHead(Growing, Head):
    """A linear score, solved in closed form from the meta-gradient.

    The meta-gradient of a linear teacher, sum_i (dL_dev/dw_i) x_i, is badly conditioned: pooled
    states are strongly correlated. Solving it against the features' covariance instead of stepping
    along it is one Newton step of the least-squares problem "predict -dL_dev/dw_i per token from
    x_i", with every sentence counted by its tokens and every meta-gradient by the squared learning
    rates of the updates that it speaks for. So it counts as in least squares for what they did, and
    late ones, when good pairs are known by heart and no longer lower the dev loss, do not undo what
    was learnt.

    *Features* are what was read, minus its mean over recent training pairs, so that what the
    student learns in the meantime is not taken for a difference between pairs. One more for each
    part is its likeness, if it is read: the log density ratio of trusted to training pairs, a
    quadratic function of the part's features (:mod:`fairseq_l2rw.weighting.likeness`).

    *Ridge.* Features are standardised. In a part (surface information, internal states, likeness)
    of F features each is penalised by ridge * F^2, as if it had been divided by F before: hundreds
    of states would otherwise drown the few surface features, of which the excess alone says more
    than any state.

    *Weight.* The regression is one score, the likeness of each part another, twice as tolerant, and
    a pair must pass all, beside the trusted pairs (:mod:`fairseq_l2rw.weighting.judge`).

    *Why several.* A pair may deviate in either direction from what a good one looks like, which no
    linear score can say. Pairs that look like no trusted one are judged by their looks, and count
    in the regression only as far as they pass: it is left to tell apart what looks cannot.

    Prior weights are a factor of the weight. So how strict the judge must be is found out from
    pairs that count as far as their prior weights let them through; others are told already.
    """

    learns_from_dev = True
    counts_by_span = True
    slope: Tensor
    trusted: Tensor
    trusted_sizes: Tensor
    trusted_ids: Tensor

    def __init__(self, cfg: Any, read: Read) -> None:
        super().__init__(cfg, read)
        self.ridge: float = cfg.teacher_ridge
        self.moments = Moments(cfg.teacher_memory)  # of training pairs and their meta-gradients
        self.reads_prior = "prior" in listed(cfg.teacher_reads)
        reads_likeness = "likeness" in listed(cfg.teacher_reads)
        self.likeness = Likeness(cfg.teacher_memory) if reads_likeness else None
        self.centre = Running(_CENTRE_MEMORY)  # mean of what was read of training pairs
        self.judge = Judge(cfg.teacher_sharpness, cfg.teacher_tolerance)
        for name in ("slope", "trusted_sizes"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.float64))
        # Trusted pairs as they were last seen, centred.
        self.register_buffer("trusted", torch.zeros(0, 0, dtype=torch.float64))
        self.register_buffer("trusted_ids", torch.zeros(0, dtype=torch.int64))
        self._trusted: _Trusted | None = None  # until learn()

    def forward(self, features: Tensor) -> Tensor:
        """Weights from 0 to a little above 1, shape (N,), from features of shape (N, F)."""
        if not self.judge.ready:
            return features.new_ones(len(features))
        x = self._with_likeness(features.double() - self.centre.value)
        return self.judge.weights(self._scores(x)).to(features)

    def learn_from_dev(self, seen: Observation) -> dict[str, float]:
        """Keep trusted pairs for :meth:`learn`, which comes next."""
        parts = [part.double() for part in self.read(seen)]
        features, sizes = torch.cat(parts, 1), seen.sizes.double()
        good = features.isfinite().all(1) & sizes.isfinite()
        widths = [part.shape[1] for part in parts]
        self._trusted = _Trusted(features[good], sizes[good], seen.ids[good], widths)
        skipped = len(good) - len(self._trusted.sizes)
        if skipped == len(good):
            logger.warning("no trusted pair has finite features: nothing learnt")
        return {"teacher_skipped_trusted": float(skipped)}

    def learn(self, signals: Sequence[Signal], total: Total) -> dict[str, float]:
        """Add an update's signals to the moments and solve again; trusted pairs must be known."""
        assert self._trusted is not None  # learn_from_dev() comes first
        trusted, rows = self._trusted, Rows.of(signals, self.features, total, self.slope.device)
        log = {"teacher_skipped_rows": float(rows.skipped)}
        if not rows.count or not len(trusted.features):
            return log
        self.centre.update(mean_of(rows.features, rows.sizes, total))
        x, known = (pairs.features - self.centre.value for pairs in (rows, trusted))
        if self.likeness is not None:
            self.likeness.begin(x, trusted.widths)
        counts = rows.sizes * _least(rows.spans)
        with_likeness, scores = self._with_likeness(x), None
        if self.slope.numel() > 0:
            scores = self._scores(with_likeness)
            self.judge.compare(scores, rows.sizes * _least(rows.priors), total)
            counts = counts * _least(self.judge.passes(scores)[:, 1:].prod(1))
        y = _scaled(rows.target, counts, total)
        if scores is not None:
            log["teacher_exponent"] = float(self.judge.exponent())
            correlation = _correlation(scores[:, 0], y, counts, total)
            log |= {} if correlation is None else {"teacher_correlation": correlation}
        self.moments.add(with_likeness, y, counts, total)
        self._remember(known, trusted.sizes, trusted.ids)
        if self.likeness is not None:
            self.likeness.add(x, rows.sizes, total)
            self.likeness.add_trusted(known, trusted.sizes)
        try:
            self._solve(trusted.widths)
        except torch.linalg.LinAlgError as error:
            logger.warning(f"the teacher keeps its last solution: {error}")
        return log

    def _with_likeness(self, x: Tensor) -> Tensor:
        """Features (N, F), and the likeness of each part as one more if it is read."""
        return x if self.likeness is None else torch.cat([x, self.likeness(x)], 1)

    def _scores(self, x: Tensor) -> Tensor:
        """What the regression predicts, and the likeness of each part if it is read: (N, K)."""
        predicted = (x @ self.slope).unsqueeze(1)
        if self.likeness is None:
            return predicted
        return torch.cat([predicted, x[:, -self.likeness.parts.shape[1] :]], 1)

    def _remember(self, trusted: Tensor, sizes: Tensor, ids: Tensor) -> None:
        """Keep the latest trusted pairs, each once: seen again a pair says little more."""
        before = self.trusted if self.trusted.numel() else trusted[:0]
        others = ~torch.isin(self.trusted_ids.to(ids), ids)
        self.trusted = torch.cat([before[others], trusted])[-_TRUSTED:]
        self.trusted_sizes, self.trusted_ids = (
            torch.cat([known.to(new)[others], new])[-_TRUSTED:]
            for known, new in ((self.trusted_sizes, sizes), (self.trusted_ids, ids))
        )

    def _solve(self, widths: Sequence[int]) -> None:
        """The likeness and the regression's slope, from the moments; and how trusted pairs score.

        Args:
            widths: numbers of features in the parts of what is read.

        Raises:
            LinAlgError: where there is no solution.
        """
        if self.likeness is not None:
            self.likeness.solve()
            widths = [*widths, *[1] * len(widths)]
        penalty = [self.ridge * width**2 for width in widths for _ in range(width)]
        _, deviation, _ = self.moments.scale()
        correlation, target = self.moments.regression()
        root = torch.linalg.cholesky(correlation + correlation.new_tensor(penalty).diag())
        self.slope = torch.cholesky_solve(target.unsqueeze(1), root).squeeze(1) / deviation
        # Trusted pairs are judged by today's solution: its scale shrinks as noise is weighed down.
        scores = self._scores(self._with_likeness(self.trusted))
        self.judge.remember(scores, self.trusted_sizes)


@dataclass(frozen=True)
class _Trusted:
    """Trusted pairs as they were seen: those whose features are finite.

    Attributes:
        features: shape (M, F), float64.
        sizes: how often each counts, shape (M,).
        ids: numbers of the sentences, shape (M,).
        widths: numbers of features in the parts of what is read.
    """

    features: Tensor
    sizes: Tensor
    ids: Tensor
    widths: list[int]


def _scaled(y: Tensor, counts: Tensor, total: Total) -> Tensor:
    """Targets y (N,), each counted ``counts`` (N,) times, however large the dev gradient was.

    The few sentences far out would otherwise decide alone.
    """
    squares = mean_of(y.square().unsqueeze(1), counts, total)
    return (y / squares.sqrt().clamp(min=1e-30)).clamp(-3, 3)


def _least(counts: Tensor) -> Tensor:
    """Counts that are not 0, so that means are defined where nothing counts."""
    return counts.clamp(min=1e-24)


def _correlation(a: Tensor, b: Tensor, sizes: Tensor, total: Total) -> float | None:
    """Token-weighted correlation over all workers, None where one side is constant."""
    rows = torch.stack([torch.ones_like(a), a, b, a * a, b * b, a * b])
    one, sa, sb, saa, sbb, sab = total(rows @ sizes).tolist()
    va, vb = saa - sa * sa / one, sbb - sb * sb / one
    return None if va <= 0 or vb <= 0 else (sab - sa * sb / one) / (va * vb) ** 0.5
