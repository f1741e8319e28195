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
from fairseq_l2rw.weighting.likeness import Gaussian, compressed, log_ratio
from fairseq_l2rw.weighting.moments import Growing, Moments, Running
from fairseq_l2rw.weighting.seeded import seeded

#: Gives the features of what was seen, part by part, shapes (N, F).
Read = Callable[[Observation], Sequence[Tensor]]
# Meta-gradients that running means remember: of what training pairs look like, and of the trusted
# pairs' own scores. Both move with the student, and pairs are judged as it sees them today.
_CENTRE_MEMORY = 10
_ANCHOR_MEMORY = 30


class Head(nn.Module):
    """The contract: features (N, F) to weights (N,), and steps along what the trusted pairs say.

    Args:
        cfg: the task's options.
        read: gives the features of what was seen, part by part.
    """

    learns_from_dev = False  # wants learn_from_dev()
    reads_course = False  # wants the surface information that all pairs of an update share

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
    x_i", with every sentence counted by its tokens and earlier meta-gradients forgotten
    exponentially.

    *Features* are what was read, minus its mean over recent training pairs, so that what the
    student learns in the meantime is not taken for a difference between pairs. One more is the
    likeness, if it is read: the log density ratio of trusted to training pairs, a quadratic
    function of the others (:mod:`fairseq_l2rw.weighting.likeness`).

    *Ridge.* Features are standardised. A part (surface information, internal states) of F features
    is penalised by ridge * F each, so that every part is expected to explain equally much, however
    many numbers it has: hundreds of states would otherwise drown the dozen surface features, of
    which the loss alone says more than any state.

    *Weight.* A score z says how a pair compares with the trusted pairs' own scores of late, of
    mean m and standard deviation d. The regression is one score, the likeness another, and a pair
    must pass both: the gradient also praises bad pairs that the student has stopped fitting, as
    little as they look like trusted ones.

        w = product over scores of sigmoid(sharpness ((z - m) / d + tolerance)) / sigmoid(sharpness
        tolerance),

    so that 1 is the weight of an average trusted pair, clean data keeps nearly uniform weights,
    and any share of noise can be weighed down.
    """

    learns_from_dev = True

    def __init__(self, cfg: Any, read: Read) -> None:
        super().__init__(cfg, read)
        self.ridge: float = cfg.teacher_ridge
        self.sharpness: float = cfg.teacher_sharpness
        self.tolerance: float = cfg.teacher_tolerance
        self.reads_likeness = "likeness" in listed(cfg.teacher_reads)
        self.moments = Moments(cfg.teacher_memory)  # of training pairs and their meta-gradients
        self.trusted = Moments(cfg.teacher_memory)
        self.centre = Running(_CENTRE_MEMORY)  # mean of what was read of training pairs
        self.anchor = Running(_ANCHOR_MEMORY)  # mean and variance of trusted pairs' scores
        self.register_buffer("slope", torch.zeros(0, dtype=torch.float64))
        self.register_buffer("curvature", torch.zeros(0, 0, dtype=torch.float64))
        self.register_buffer("tilt", torch.zeros(0, dtype=torch.float64))
        self._trusted_seen: tuple[Tensor, Tensor] | None = None

    def forward(self, features: Tensor) -> Tensor:
        """Weights from 0 to a little above 1, shape (N,), from features of shape (N, F)."""
        if self.anchor.count == 0:
            return features.new_ones(len(features))
        scores = self._scores(features.double() - self.centre.value)
        mean, variance = self.anchor.value
        # Nothing learnt (a constant signal) leaves every weight at 1.
        distance = torch.where(variance > 0, (scores - mean) / variance.sqrt(), 0.0)
        top = torch.sigmoid(scores.new_tensor(self.sharpness * self.tolerance))
        passed = torch.sigmoid(self.sharpness * (distance + self.tolerance)) / top
        return passed.prod(1).to(features)

    def learn_from_dev(self, seen: Observation) -> dict[str, float]:
        """Keep trusted pairs for :meth:`learn`, which comes next."""
        self._trusted_seen = self.features(seen).double(), seen.sizes.double()
        return {}

    def learn(self, signals: Sequence[Signal], total: Total) -> dict[str, float]:
        """Add an update's signals to the moments and solve again; trusted pairs must be known."""
        assert self._trusted_seen is not None  # learn_from_dev() comes first
        trusted, counts = self._trusted_seen
        if self.slope.numel() > 0:
            # Judged as training pairs are, before anything is learnt from them: a solution that
            # knows them would praise them.
            found = self._scores(trusted - self.centre.value)
            self.anchor.add(_mean_and_variance(found, counts))
        x, y, sizes = self._regression(signals)
        sums = total(torch.cat([sizes @ x, (sizes @ y.square()).view(1), sizes.sum().view(1)]))
        self.centre.add(sums[:-2] / sums[-1])
        x = x - self.centre.value
        # Every meta-gradient counts alike, however large the dev gradient was; the few sentences
        # far out would otherwise decide alone.
        y = (y / (sums[-2] / sums[-1]).sqrt().clamp(min=1e-30)).clamp(-3, 3)
        trusted = trusted - self.centre.value
        log = {}
        if self.slope.numel() > 0:
            correlation = _correlation(self._scores(x)[:, 0], y, sizes, total)
            log = {} if correlation is None else {"teacher_correlation": correlation}
        self.moments.add(self._with_likeness(x), y, sizes, total)
        self.trusted.add(trusted, torch.zeros_like(counts), counts, lambda local: local)
        self._solve([part.shape[1] for part in self.read(signals[0].seen)])
        return log

    def _with_likeness(self, x: Tensor) -> Tensor:
        """Features (N, F), and the likeness as one more if it is read."""
        if not self.reads_likeness:
            return x
        if self.tilt.numel() == 0:
            return torch.cat([x, x.new_zeros(len(x), 1)], 1)
        ratio = ((x @ self.curvature) * x).sum(1) + x @ self.tilt
        return torch.cat([x, compressed(ratio).unsqueeze(1)], 1)

    def _scores(self, x: Tensor) -> Tensor:
        """What the regression predicts, and the likeness if it is read: shape (N, 1 or 2)."""
        x = self._with_likeness(x)
        predicted = (x @ self.slope).unsqueeze(1)
        return torch.cat([predicted, x[:, -1:]], 1) if self.reads_likeness else predicted

    def _solve(self, widths: Sequence[int]) -> None:
        """The regression's slope and the density ratio, from the moments."""
        _, deviation, _ = self.moments.scale()
        correlation, target = self.moments.regression()
        penalty = torch.cat([target.new_full((width,), self.ridge * width) for width in widths])
        of_all = torch.cat([penalty, penalty.new_full((len(target) - len(penalty),), self.ridge)])
        self.slope = torch.linalg.solve(correlation + of_all.diag(), target) / deviation
        if self.reads_likeness:
            scale = deviation[: len(penalty)]
            trusted = Gaussian.of(*self.trusted.centre(), scale)
            train = Gaussian.of(*self.moments.centre(), scale)
            curvature, tilt = log_ratio(trusted, train, penalty)
            self.curvature = curvature / torch.outer(scale, scale)
            self.tilt = tilt / scale


class MLPHead(Head):
    """One hidden layer, trained by Adam on the exact meta-gradient: the published form.

    Features are standardised with running moments. The last layer starts at zero, so that every
    weight starts at 1: w = 2 sigmoid(MLP(x)).
    """

    reads_course = True

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
            self._build(self.moments.width, self.moments.matrix.device)
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


def _mean_and_variance(values: Tensor, sizes: Tensor) -> Tensor:
    """Of values (N, K), each row counted ``sizes`` (N,) times; shape (2, K)."""
    mean = sizes @ values / sizes.sum()
    return torch.stack([mean, sizes @ (values - mean).square() / sizes.sum()])


def _correlation(a: Tensor, b: Tensor, sizes: Tensor, total: Total) -> float | None:
    """Token-weighted correlation over all workers, None where one side is constant."""
    rows = torch.stack([torch.ones_like(a), a, b, a * a, b * b, a * b])
    one, sa, sb, saa, sbb, sab = total(rows @ sizes).tolist()
    va, vb = saa - sa * sa / one, sbb - sb * sb / one
    return None if va <= 0 or vb <= 0 else (sab - sa * sb / one) / (va * vb) ** 0.5
