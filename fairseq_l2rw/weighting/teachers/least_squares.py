"""The default teacher: a linear score, solved in closed form, calibrated on trusted pairs."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fairseq_l2rw.features.features import Features
from fairseq_l2rw.scoring.calibration import Calibration
from fairseq_l2rw.scoring.likeness import Likeness
from fairseq_l2rw.scoring.moments import LazyBuffers, Moments, RunningMean, weighted_mean
from fairseq_l2rw.utils.reduction import Total, summed
from fairseq_l2rw.weighting.base import Signal
from fairseq_l2rw.weighting.rows import Rows
from fairseq_l2rw.weighting.teachers.head import Head, Read
from fairseq_l2rw.weighting.teachers.options import TeacherOptions

logger = logging.getLogger(__name__)

# Meta steps that the mean of the inputs remembers: it moves with the student.
_CENTRE_MEMORY = 10
# Trusted pairs that are remembered, to compare others with. Of tokens there may be several times as
# many, as long as they are no more numbers than this: a thousand would be those of some 50 pairs,
# and whether a few are wrong could not be told from chance.
_TRUSTED, _NUMBERS = 1000, 2_000_000


class LeastSquaresHead(LazyBuffers, Head):
    """A linear score, solved in closed form from the meta-gradient.

    The meta-gradient of a linear teacher, sum_i (dL_dev/dw_i) x_i, is badly conditioned: pooled
    states are strongly correlated. Solving it against the inputs' covariance instead of stepping
    along it is one Newton step of the least-squares problem "predict -dL_dev/dw_i per token from
    x_i", with every sentence counted by its tokens and every meta step by the squared learning
    rates of the updates that it speaks for. So it counts as in least squares for what they did, and
    late ones, when good pairs are known by heart and no longer lower the dev loss, do not undo what
    was learnt.

    *Inputs* are what was read, minus its mean over recent training pairs, so that what the student
    learns in the meantime is not taken for a difference between pairs. One more for each part is
    its likeness, if it is read: the log density ratio of trusted to training pairs, a quadratic
    function of the part's inputs (``fairseq_l2rw.scoring.likeness``).

    *Ridge.* Inputs are standardised. In a part (surface information, internal states, likeness) of
    F inputs each is penalised by ridge * F^2, as if it had been divided by F before: hundreds of
    states would otherwise drown the few surface features, of which the surprisal residual alone
    says more than any state.

    *Weight.* The regression is one score, the likeness of each part another, twice as tolerant, and
    all must accept a pair, beside the trusted pairs (``fairseq_l2rw.scoring.calibration``). Hidden
    states say what kind of text a pair is more than whether it is a translation: their likeness is
    a score of its own only where weights go by the domain, too.

    *Why several.* A pair may deviate in either direction from what a good one looks like, which no
    linear score can say. Pairs that look like no trusted one are rejected by their looks, and count
    in the regression only as far as they are accepted: it is left to tell apart what looks cannot.

    Initial weights are a factor of the weight. So how strict the calibration must be is found out
    from pairs that count as far as their initial weights let them; others are rejected already.

    The equations are in docs/mathematics.md, "The teacher".

    Attributes:
        slope: phi of the score phi . x, shape (F,), float64; empty before the first solution.
        trusted: inputs of the M trusted pairs that are remembered, as they were last seen, centred,
            shape (M, F), float64.
        trusted_sizes: their target tokens, shape (M,), float64.
        trusted_ids: their numbers in the split, shape (M,).
    """

    learns_from_trusted = True
    spaced_by_learning_rate = True
    own_options = ("sharpness", "tolerance", "by", "ridge", "spacing")
    own_parts = ("likeness", "initial")
    slope: Tensor
    trusted: Tensor
    trusted_sizes: Tensor
    trusted_ids: Tensor

    def __init__(
        self, options: TeacherOptions, parts: Collection[str], seed: int, read: Read
    ) -> None:
        super().__init__(options, parts, seed, read)
        self.ridge = options.ridge
        self.moments = Moments(options.memory)  # of training pairs and their meta-gradients
        self.likeness = Likeness(options.memory) if "likeness" in parts else None
        self.centre = RunningMean(_CENTRE_MEMORY)  # of the inputs of training pairs
        # Initial weights keep out most of what is bad. If most others still fit worse than trusted
        # pairs do, they are of another kind of text, which counts only if the domain does.
        negative = "initial" in parts and options.by == "quality"
        self.calibration = Calibration(options.sharpness, options.tolerance, negative)
        # Parts whose likeness is a score of its own: the first ones.
        self._judged: list[str] = []
        if self.likeness is not None and "surface" in parts:
            self._judged.append("surface")
        if self.likeness is not None and {"encoder", "decoder"} & {*parts}:
            self._judged += ["states"] * (options.by != "quality")
        self.register_empty("slope", "trusted_sizes")
        self.register_empty("trusted", dims=2)
        self.register_empty("trusted_ids", dtype=torch.int64)
        self._trusted: _Trusted | None = None  # until learn()

    def forward(self, inputs: Tensor) -> Tensor:
        """Weights from 0 to a little above 1, shape (N,), from inputs of shape (N, F)."""
        return self.explained(inputs)[0]

    @property
    def factors(self) -> tuple[str, ...]:
        """The predicted usefulness, and the likeness of parts that is a score of its own."""
        return ("usefulness", *(f"likeness_{part}" for part in self._judged))

    def explained(self, inputs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Weights, shape (N,), and how far each score accepts, as it counts in them, likewise."""
        if not self.calibration.ready:
            ones = inputs.new_ones(len(inputs))
            return ones, dict.fromkeys(self.factors, ones)
        x = self._with_likeness(inputs.double() - self.centre.value)
        weights, factors = self.calibration.explained(self._scores(x))
        # A part that was never read has no likeness.
        by_name = zip(self.factors, factors.to(inputs).unbind(1), strict=False)
        return weights.to(inputs), dict(by_name)

    def learn_from_trusted(self, features: Features) -> dict[str, float]:
        """Keep trusted pairs for ``learn``, which comes next."""
        parts = [part.double() for part in self.read(features)]
        inputs, sizes = torch.cat(parts, 1), features.sizes.double()
        good = inputs.isfinite().all(1) & sizes.isfinite()
        widths = [part.shape[1] for part in parts]
        self._trusted = _Trusted(inputs[good], sizes[good], features.ids[good], widths)
        skipped = len(good) - len(self._trusted.sizes)
        if skipped == len(good):
            logger.warning("no trusted pair has finite features: nothing learnt")
        return {"teacher_skipped_trusted": float(skipped)}

    def learn(self, signals: Sequence[Signal], total: Total) -> dict[str, float]:
        """Add signals to the moments and solve again; ``learn_from_trusted`` comes first.

        Rows that are not finite count for nothing. Where there is no solution, the last one stays.
        """
        assert self._trusted is not None  # learn_from_trusted() comes first
        trusted, rows = self._trusted, Rows.of(signals, self.inputs, total, self.slope.device)
        log = {"teacher_skipped_rows": float(rows.skipped)}
        if not rows.count or not len(trusted.inputs):
            return log
        self.centre.update(weighted_mean(rows.inputs, rows.sizes, total))
        x, known = (pairs.inputs - self.centre.value for pairs in (rows, trusted))
        if self.likeness is not None:
            self.likeness.begin(x, trusted.widths)
        self._regress(self._with_likeness(x), rows, total, log)
        self._remember(known, trusted)
        if self.likeness is not None:
            self.likeness.add(x, rows.sizes, total)
            self.likeness.add_trusted(known, trusted.sizes)
        try:
            self._solve(trusted.widths)
        except torch.linalg.LinAlgError as error:
            logger.warning(f"the teacher keeps its last solution: {error}")
        return log

    def _regress(self, x: Tensor, rows: Rows, total: Total, log: dict[str, float]) -> None:
        """Compare rows of inputs x (N, F) with trusted pairs, and add them to the regression."""
        counts, scores = rows.sizes * _least(rows.masses), None
        if self.slope.numel() > 0:
            scores = self._scores(x)
            self.calibration.compare(scores, rows.sizes * _least(rows.initial), total)
            counts = counts * _least(self.calibration.acceptances(scores)[:, 1:].prod(1))
        y = _scaled(rows.target, counts, total)
        sums = [self.moments.sums(x, y, counts)]
        if scores is not None:
            sums.append(_sums_of_two(scores[:, 0], y, counts))
        moments, *of_two = summed(sums, total)
        self.moments.update(moments)
        if of_two:
            log["teacher_exponent"] = float(self.calibration.exponent())
            correlation = _correlation(of_two[0])
            log |= {} if correlation is None else {"teacher_correlation": correlation}

    def _with_likeness(self, x: Tensor) -> Tensor:
        """Inputs (N, F), and the likeness of each part as one more if it is read."""
        return x if self.likeness is None else torch.cat([x, self.likeness(x)], 1)

    def _scores(self, x: Tensor) -> Tensor:
        """What the regression predicts, and likenesses that are scores of their own: (N, K)."""
        predicted = (x @ self.slope).unsqueeze(1)
        if self.likeness is None:
            return predicted
        likeness = x[:, -self.likeness.parts.shape[1] :]
        return torch.cat([predicted, likeness[:, : len(self._judged)]], 1)

    def _remember(self, inputs: Tensor, new: "_Trusted") -> None:
        """Keep the latest trusted pairs, each once: seen again a pair says little more."""
        before = self.trusted if self.trusted.numel() else inputs[:0]
        rows = _TRUSTED * len(new.ids) // max(len(new.ids.unique()), 1)
        most = min(rows, max(_TRUSTED, _NUMBERS // inputs.shape[1]))
        others = ~torch.isin(self.trusted_ids.to(new.ids), new.ids)
        self.trusted = torch.cat([before[others], inputs])[-most:]
        self.trusted_sizes, self.trusted_ids = (
            torch.cat([old.to(added)[others], added])[-most:]
            for old, added in ((self.trusted_sizes, new.sizes), (self.trusted_ids, new.ids))
        )

    def _penalty(self, widths: Sequence[int], values: Tensor) -> Tensor:
        """What is added to the variances of F inputs, of the type of ``values``, shape (F,)."""
        return torch.cat([values.new_full((width,), self.ridge * width**2) for width in widths])

    def _solve(self, widths: Sequence[int]) -> None:
        """The likeness and the regression's slope, from the moments; and how trusted pairs score.

        Args:
            widths: numbers of inputs in the parts of what is read.

        Raises:
            LinAlgError: where there is no solution.
        """
        if self.likeness is not None:
            self.likeness.solve()
            widths = [*widths, *[1] * len(widths)]
        _, deviation, _ = self.moments.scale()
        correlation, target = self.moments.regression()
        correlation.diagonal().add_(self._penalty(widths, correlation))
        root = torch.linalg.cholesky(correlation)
        self.slope = torch.cholesky_solve(target.unsqueeze(1), root).squeeze(1) / deviation
        # Trusted pairs are scored by today's solution: its scale shrinks as noise is weighed down.
        x = self.trusted
        if self.likeness is not None:
            share = self.trusted_sizes / self.trusted_sizes.sum()
            x = torch.cat([x, self.likeness.of_trusted(x, share)], 1)
        self.calibration.set_trusted(self._scores(x), self.trusted_sizes)


@dataclass(frozen=True)
class _Trusted:
    """Trusted pairs as they were seen: those whose features are finite.

    Attributes:
        inputs: shape (M, F), float64.
        sizes: how often each counts, shape (M,).
        ids: numbers of the sentences, shape (M,).
        widths: numbers of inputs in the parts of what is read.
    """

    inputs: Tensor
    sizes: Tensor
    ids: Tensor
    widths: list[int]


def _scaled(y: Tensor, counts: Tensor, total: Total) -> Tensor:
    """Targets y (N,), each counted ``counts`` (N,) times, however large the dev gradient was.

    The few sentences far out would otherwise decide alone.
    """
    squares = weighted_mean(y.square().unsqueeze(1), counts, total)
    return (y / squares.sqrt().clamp(min=1e-30)).clamp(-3, 3)


def _least(counts: Tensor) -> Tensor:
    """Counts that are not 0, so that means are defined where nothing counts."""
    return counts.clamp(min=1e-24)


def _sums_of_two(a: Tensor, b: Tensor, sizes: Tensor) -> Tensor:
    """What the correlation of a and b, shape (N,) each, takes of these rows; shape (6,)."""
    return torch.stack([torch.ones_like(a), a, b, a * a, b * b, a * b]) @ sizes


def _correlation(sums: Tensor) -> float | None:
    """Token-weighted correlation, None where one side is constant.

    Args:
        sums: of ``_sums_of_two`` over all workers, shape (6,).
    """
    one, sa, sb, saa, sbb, sab = sums.tolist()
    va, vb = saa - sa * sa / one, sbb - sb * sb / one
    return None if va <= 0 or vb <= 0 else (sab - sa * sb / one) / (va * vb) ** 0.5
