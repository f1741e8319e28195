"""Heads of a teacher: how features become a weight, and how that map learns.

Both learn from the exact derivative of the dev loss by each weight; they differ in how they descend
along it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fairseq_l2rw.observation import Observation
from fairseq_l2rw.weighting.base import Signal, Total, listed
from fairseq_l2rw.weighting.descent import Descent, adam
from fairseq_l2rw.weighting.likeness import TOLERANCE, Likeness
from fairseq_l2rw.weighting.moments import Growing, Moments, Running
from fairseq_l2rw.weighting.passing import distance, passed, true_alarms
from fairseq_l2rw.weighting.seeded import seeded

#: Gives the features of what was seen, part by part, shapes (N, F).
Read = Callable[[Observation], Sequence[Tensor]]
# Meta-gradients that the mean of what is read remembers: it moves with the student.
_CENTRE_MEMORY = 10
# Trusted pairs that are remembered, to judge others by.
_TRUSTED = 1000
# Looks over which training pairs are compared with trusted ones: a batch has dozens of pairs.
_COMPARISONS = 20


class Head(nn.Module):
    """The contract: features (N, F) to weights (N,), and steps along what the trusted pairs say.

    Args:
        cfg: the task's options.
        read: gives the features of what was seen, part by part.
    """

    learns_from_dev = False  # wants learn_from_dev()
    counts_by_span = False  # see Weighting
    reads_prior = False  # likewise
    reads_all = False  # wants all surface information, not only what a regression can use

    def __init__(self, cfg: Any, read: Read) -> None:
        super().__init__()
        self.read = read

    def forward(self, features: Tensor) -> Tensor:
        """Weights, shape (N,)."""
        raise NotImplementedError

    def learn(self, signals: Sequence[Signal], total: Total) -> dict[str, float]:
        """See :meth:`fairseq_l2rw.weighting.Weighting.learn`."""
        raise NotImplementedError

    def features(self, seen: Observation) -> Tensor:
        """All parts side by side, shape (N, F)."""
        return torch.cat(list(self.read(seen)), 1)

    def _regression(self, signals: Sequence[Signal]) -> tuple[Tensor, Tensor, Tensor]:
        """Features (N, F), y = -dL_dev/dw_i per token (N,) and n_i (N,) of an update, float64."""
        x = torch.cat([self.features(s.seen) for s in signals]).double()
        sizes = torch.cat([s.seen.sizes for s in signals]).double()
        # A sentence of size 0 is a dummy batch's: it takes part in sums over workers with nothing.
        y = -torch.cat([s.gradient for s in signals]).double() / sizes.clamp(min=1)
        return x, y, sizes

    def learn_from_dev(self, seen: Observation) -> dict[str, float]:
        """See :meth:`fairseq_l2rw.weighting.Weighting.learn_from_dev`."""
        raise NotImplementedError


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
    student learns in the meantime is not taken for a difference between pairs. One more is the
    likeness, if it is read: the log density ratio of trusted to training pairs, a quadratic
    function of the others (:mod:`fairseq_l2rw.weighting.likeness`).

    *Ridge.* Features are standardised. In a part (surface information, internal states, likeness)
    of F features each is penalised by ridge * F^2, as if it had been divided by F before: hundreds
    of states would otherwise drown the few surface features, of which the excess alone says more
    than any state.

    *Weight.* A score z says how a pair compares with the trusted pairs' own scores, of mean m and
    standard deviation d. The regression is one score, the likeness another, twice as tolerant, and
    a pair must pass both:

        w = (product over scores of sigmoid(sharpness ((z - m) / d - lead + tolerance))
        / sigmoid(sharpness tolerance))^a,

    so that 1 is the weight of an average good pair and any share of noise can be weighed down.
    Pairs that are trained on fit better than trusted ones, bad ones as well; the lead is by how
    much, if at all, most good ones do: the difference of means of z / d of training and of trusted
    pairs, each counted as far as it would pass from either side.
    The exponent is the share of bad pairs among those that this turns away
    (:func:`fairseq_l2rw.weighting.passing.true_alarms`, of late). So clean data keeps nearly
    uniform weights.

    *Why two.* A pair may deviate in either direction from what a good one looks like, which no
    linear score can say. Pairs that look like no trusted one are judged by their looks, and count
    in the regression only as far as they pass: it is left to tell apart what looks cannot. For the
    same reason everything here is about pairs as far as their prior weights let them through.
    """

    learns_from_dev = True
    counts_by_span = True
    slope: Tensor
    anchor: Tensor
    stand: Tensor
    trusted: Tensor
    trusted_sizes: Tensor

    def __init__(self, cfg: Any, read: Read) -> None:
        super().__init__(cfg, read)
        self.ridge: float = cfg.teacher_ridge
        self.sharpness: float = cfg.teacher_sharpness
        self.tolerance: float = cfg.teacher_tolerance
        self.moments = Moments(cfg.teacher_memory)  # of training pairs and their meta-gradients
        self.reads_prior = "prior" in listed(cfg.teacher_reads)
        reads_likeness = "likeness" in listed(cfg.teacher_reads)
        self.likeness = Likeness(cfg.teacher_memory) if reads_likeness else None
        self.centre = Running(_CENTRE_MEMORY)  # mean of what was read of training pairs
        self.alarms = Running(_COMPARISONS)  # shares turned away: training, trusted
        self.leads = Running(_COMPARISONS)  # of good training pairs' scores, in deviations
        # The anchor is the mean and variance of trusted pairs' scores; see _stand().
        for name in ("slope", "anchor", "stand", "trusted_sizes"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.float64))
        # Trusted pairs seen of late, centred.
        self.register_buffer("trusted", torch.zeros(0, 0, dtype=torch.float64))
        self._seen: tuple[Tensor, Tensor] | None = None

    def forward(self, features: Tensor) -> Tensor:
        """Weights from 0 to a little above 1, shape (N,), from features of shape (N, F)."""
        if self.alarms.value.numel() == 0:  # from the second look on one can compare
            return features.new_ones(len(features))
        x = self._with_likeness(features.double() - self.centre.value)
        passes = self._passed(self._distances(self._scores(x)) - self._lead()).prod(1)
        return (passes ** true_alarms(*self.alarms.value)).to(features)

    def learn_from_dev(self, seen: Observation) -> dict[str, float]:
        """Keep trusted pairs for :meth:`learn`, which comes next."""
        self._seen = self.features(seen).double(), seen.sizes.double()
        return {}

    def learn(self, signals: Sequence[Signal], total: Total) -> dict[str, float]:
        """Add an update's signals to the moments and solve again; trusted pairs must be known."""
        assert self._seen is not None  # learn_from_dev() comes first
        x, y, sizes = self._regression(signals)
        sizes = sizes * _priors(signals)
        self.centre.update(_mean(x, sizes, total))
        x, trusted = x - self.centre.value, self._seen[0] - self.centre.value
        with_likeness, log = self._with_likeness(x), {}
        counts = sizes * _spans(signals)
        if self.slope.numel() > 0:
            scores = self._scores(with_likeness)
            self._compare(scores, sizes, total)
            passes = self._passed(self._distances(scores) - self._lead())
            counts = counts * passes[:, 1:].prod(1)
        # However large the dev gradient was; and the few sentences far out would otherwise decide
        # alone.
        scale = _mean(y.square().unsqueeze(1), counts, total).sqrt().clamp(min=1e-30)
        y = (y / scale).clamp(-3, 3)
        if self.slope.numel() > 0:
            correlation = _correlation(scores[:, 0], y, counts, total)
            log = {} if correlation is None else {"teacher_correlation": correlation}
        self.moments.add(with_likeness, y, counts, total)
        self._remember(trusted, self._seen[1])
        widths = [part.shape[1] for part in self.read(signals[0].seen)]
        if self.likeness is not None:
            self.likeness.add(x, sizes, total)
            self.likeness.add_trusted(trusted, self._seen[1])
            self.likeness.solve(widths)
            widths.append(1)
        penalty = [x.new_full((width,), self.ridge * width**2) for width in widths]
        self._solve(torch.cat(penalty))
        return log

    def _with_likeness(self, x: Tensor) -> Tensor:
        """Features (N, F), and the likeness as one more if it is read."""
        return x if self.likeness is None else torch.cat([x, self.likeness(x).unsqueeze(1)], 1)

    def _scores(self, x: Tensor) -> Tensor:
        """What the regression predicts, and the likeness if it is read: shape (N, 1 or 2)."""
        predicted = (x @ self.slope).unsqueeze(1)
        return predicted if self.likeness is None else torch.cat([predicted, x[:, -1:]], 1)

    def _distances(self, scores: Tensor) -> Tensor:
        """Of each score from the trusted pairs' own, in their standard deviations; (N, 1 or 2)."""
        return distance(scores, *self.anchor)

    def _lead(self) -> Tensor | float:
        """How far good training pairs' scores lie above trusted pairs', (1 or 2,); not below."""
        return self.leads.value.clamp(min=0) if self.leads.value.numel() else 0.0

    def _passed(self, distances: Tensor) -> Tensor:
        """How far each score passes, by its distance from good pairs': 1 for none; (N, 1 or 2)."""
        tolerance = self.tolerance * distances.new_tensor([1.0, TOLERANCE])[: distances.shape[1]]
        return passed(distances, self.sharpness, tolerance)

    def _compare(self, scores: Tensor, sizes: Tensor, total: Total) -> None:
        """Add how far pairs are ahead of trusted ones, and how many fail, by scores (N, 1 or 2).

        Of pairs that were not learnt from yet, as trusted pairs never are.
        """
        middle, failed = self._stand(self._distances(scores) - self._lead(), sizes, total)
        self.leads.update(middle + self._lead() - self.stand[:-1])
        self.alarms.update(torch.cat([failed, self.stand[-1:]]))

    def _stand(self, distances: Tensor, sizes: Tensor, total: Total) -> tuple[Tensor, Tensor]:
        """Where most are, (1 or 2,), and the share that fails, (1,), by distances (N, 1 or 2)."""
        below, above = (self._passed(side * distances).prod(1) for side in (1, -1))
        failed = _mean(1 - below.clamp(max=1).unsqueeze(1), sizes, total)
        # From both sides, so that the middle stays where most are, however many are far out.
        return _mean(distances, sizes * (below * above).clamp(min=1e-30), total), failed

    def _remember(self, trusted: Tensor, sizes: Tensor) -> None:
        """Keep the latest trusted pairs."""
        before = self.trusted if self.trusted.numel() else trusted[:0]
        self.trusted = torch.cat([before, trusted])[-_TRUSTED:]
        self.trusted_sizes = torch.cat([self.trusted_sizes.to(sizes), sizes])[-_TRUSTED:]

    def _solve(self, penalty: Tensor) -> None:
        """The regression's slope, from the moments, and how trusted pairs score by it."""
        _, deviation, _ = self.moments.scale()
        correlation, target = self.moments.regression()
        self.slope = torch.linalg.solve(correlation + penalty.diag(), target) / deviation
        # Trusted pairs are judged by today's solution: its scale shrinks as noise is weighed down.
        scores, sizes = self._scores(self._with_likeness(self.trusted)), self.trusted_sizes
        mean = sizes @ scores / sizes.sum()
        self.anchor = torch.stack([mean, sizes @ (scores - mean).square() / sizes.sum()])
        # They are alike on every worker.
        middle, failed = self._stand(self._distances(scores), sizes, lambda local: local)
        self.stand = torch.cat([middle, failed])


class MLPHead(Head):
    """One hidden layer, trained by Adam on the exact meta-gradient: the published form.

    Features are standardised with running moments. The last layer starts at zero, so that every
    weight starts at 1: w = 2 sigmoid(MLP(x)).
    """

    reads_all = True

    def __init__(self, cfg: Any, read: Read) -> None:
        super().__init__(cfg, read)
        self.hidden: int = cfg.teacher_hidden_size
        self.rate: float = cfg.teacher_lr
        self.seed: int = cfg.seed
        self.moments = Moments(cfg.teacher_memory)
        self.net: nn.Sequential | None = None  # the width is known from the first batch on
        self.descent: Descent | None = None

    def forward(self, features: Tensor) -> Tensor:
        """Weights in (0, 2), shape (N,), from features of shape (N, F)."""
        if self.net is None:
            return features.new_ones(len(features))
        return 2 * torch.sigmoid(self.net(self._standardised(features))).squeeze(1)

    def learn(self, signals: Sequence[Signal], total: Total) -> dict[str, float]:
        """One Adam step along sum_i (dL_dev/dw_i) dw_i/dphi, the sum taken over workers."""
        x, y, sizes = self._regression(signals)
        self.moments.add(x, y, sizes, total)
        if self.net is None:
            self._build(self.moments.width, self.moments.value.device)
        assert self.descent is not None
        norm = self.descent.along(lambda seen: self(self.features(seen)), signals, total)
        return {"teacher_gnorm": norm}

    def _standardised(self, features: Tensor) -> Tensor:
        mean, deviation, _ = self.moments.scale()
        scaled = (features.double() - mean) / deviation
        return scaled.clamp(-5, 5).float()

    def _build(self, width: int, device: torch.device) -> None:
        with seeded(self.seed), torch.no_grad():
            first, last = nn.Linear(width, self.hidden), nn.Linear(self.hidden, 1)
            first.weight.normal_(0.0, width**-0.5)
            for value in (first.bias, last.weight, last.bias):
                value.zero_()
        self.net = nn.Sequential(first, nn.Tanh(), last).to(device)
        self.descent = Descent(self.net, lambda p: adam(p, self.rate))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        first = state_dict.get(prefix + "net.0.weight")
        if first is not None:
            self._build(first.shape[1], first.device)  # torch goes on to fill it
        super()._load_from_state_dict(state_dict, prefix, *args)


HEADS: dict[str, Callable[[Any, Read], Head]] = {
    "least-squares": LeastSquaresHead,
    "mlp": MLPHead,
}


def _priors(signals: Sequence[Signal]) -> Tensor:
    """Prior weights of every row, (N,), else 1; not 0, so that means are defined."""
    seen = [s.seen for s in signals]
    priors = [torch.ones_like(s.loss) if s.prior is None else s.prior for s in seen]
    return torch.cat(priors).double().clamp(min=1e-12)


def _spans(signals: Sequence[Signal]) -> Tensor:
    """What every row speaks for, (N,); not 0, so that means are defined."""
    spans = [s.gradient.new_full((len(s.gradient),), s.span, dtype=torch.double) for s in signals]
    return torch.cat(spans).clamp(min=1e-24)


def _mean(values: Tensor, counts: Tensor, total: Total) -> Tensor:
    """Over the rows of all workers, values (N, K), each row counted ``counts`` (N,) times; (K,)."""
    sums = total(torch.cat([counts @ values, counts.sum().view(1)]))
    return sums[:-1] / sums[-1]


def _correlation(a: Tensor, b: Tensor, sizes: Tensor, total: Total) -> float | None:
    """Token-weighted correlation over all workers, None where one side is constant."""
    rows = torch.stack([torch.ones_like(a), a, b, a * a, b * b, a * b])
    one, sa, sb, saa, sbb, sab = total(rows @ sizes).tolist()
    va, vb = saa - sa * sa / one, sbb - sb * sb / one
    return None if va <= 0 or vb <= 0 else (sab - sa * sb / one) / (va * vb) ** 0.5
