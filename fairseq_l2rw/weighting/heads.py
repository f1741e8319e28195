"""Heads of a teacher: how features become a weight, and how that map learns.

Both learn from the exact derivative of the dev loss by each weight; they differ in how they descend
along it, and in what else they take from the trusted pairs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fairseq_l2rw.observation import Observation
from fairseq_l2rw.weighting.base import Signal, Total
from fairseq_l2rw.weighting.descent import Descent, adam
from fairseq_l2rw.weighting.moments import Moments
from fairseq_l2rw.weighting.seeded import seeded

#: Gives the features of what was seen, part by part, shapes (N, F).
Read = Callable[[Observation], Sequence[Tensor]]
#: What a teacher can learn from: the meta-gradient, and what trusted pairs look like.
SOURCES = ("gradient", "looks")
#: Meta-gradients after which the trusted pairs' own scores are mostly forgotten. Scores move with
#: the student, and pairs are compared with the trusted pairs as the student of today sees them.
_ANCHOR_MEMORY = 30


class Head(nn.Module):
    """The contract: features (N, F) to weights (N,), and steps along what the trusted pairs say.

    Args:
        cfg: the task's options.
        read: gives the features of what was seen, part by part.
    """

    learns_from_dev = False  # wants learn_from_dev()

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


class LeastSquaresHead(Head):
    """Linear scores, solved in closed form from two things that the trusted pairs say.

    *Their gradient.* The meta-gradient of a linear teacher, sum_i (dL_dev/dw_i) x_i, is badly
    conditioned: pooled states are strongly correlated. Solving it against the features' covariance
    C instead of stepping along it is one Newton step of the least-squares problem "predict
    -dL_dev/dw_i per token from x_i", with every sentence counted by its tokens and earlier
    meta-gradients forgotten exponentially.

    *Their looks.* The density ratio of trusted to training pairs, the weight under which training
    pairs would be distributed like trusted ones, is estimated by least squares on the same
    features (unconstrained least-squares importance fitting): the target is E_trusted[x] -
    E_train[x]. It tells bad pairs while the student is so new that any gradient helps, and does not
    fade once the student has stopped fitting them.

    *Ridge.* Features are standardised. A part (surface information, internal states) of F features
    is penalised by ridge * F each, so that every part is expected to explain equally much, however
    many numbers it has: hundreds of states would otherwise drown the dozen surface features, of
    which the loss alone says more than any state.

    *Weight.* Either score z says how a pair compares with the trusted pairs' own scores of late,
    of mean m and standard deviation d, and a pair must pass both to count:

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
        self.sources = [
            s for s in SOURCES if s in cfg.teacher_learns_from.replace(",", " ").split()
        ]
        decay = 1.0 - 1.0 / cfg.teacher_memory
        self.moments = Moments(decay)  # of training pairs and what the gradient says of them
        self.trusted = Moments(decay)
        self.anchor = Moments(decay=1.0 - 1.0 / _ANCHOR_MEMORY)  # of trusted pairs of late
        self.register_buffer("slope", torch.zeros(0, len(self.sources), dtype=torch.float64))
        self.register_buffer("offset", torch.zeros(len(self.sources), dtype=torch.float64))

    def forward(self, features: Tensor) -> Tensor:
        """Weights from 0 to a little above 1, shape (N,), from features of shape (N, F)."""
        if self.slope.numel() == 0:
            return features.new_ones(len(features))
        scores = self._scores(features.double())
        top = torch.sigmoid(scores.new_tensor(self.sharpness * self.tolerance))
        passed = torch.sigmoid(self.sharpness * (scores + self.tolerance)) / top
        return passed.prod(1).to(features)

    def learn_from_dev(self, seen: Observation) -> dict[str, float]:
        """Add trusted pairs to their moments; :meth:`learn` uses them."""
        x, sizes = self.features(seen).double(), seen.sizes.double()
        for moments in (self.trusted, self.anchor):
            moments.add(x, torch.zeros_like(sizes), sizes, lambda local: local)
        return {}

    def learn(self, signals: Sequence[Signal], total: Total) -> dict[str, float]:
        """Add an update's signals to the moments and solve again."""
        x, y, sizes = self._regression(signals)
        squared = total(torch.stack([sizes @ y.square(), sizes.sum()]))
        # Every meta-gradient counts alike, however large the dev gradient was; the few sentences
        # far out would otherwise decide alone.
        y = (y / (squared[0] / squared[1]).sqrt().clamp(min=1e-30)).clamp(-3, 3)
        scores = self._scores(x)
        self.moments.add(x, y, sizes, total)
        self._solve([part.shape[1] for part in self.read(signals[0].seen)])
        found = {
            f"teacher_{source}": _correlation(score, y, sizes, total)
            for source, score in zip(self.sources, scores.T, strict=True)
        }
        return {name: value for name, value in found.items() if value is not None}

    def _scores(self, x: Tensor) -> Tensor:
        """How many standard deviations of trusted pairs above their mean, shape (N, sources)."""
        if self.slope.numel() == 0:
            return x.new_zeros(len(x), len(self.sources))
        return x @ self.slope + self.offset

    def _solve(self, widths: Sequence[int]) -> None:
        mean, deviation, varies = self.moments.scale()
        correlation, gradient = self.moments.regression()
        # Without trusted pairs, training pairs are compared with each other.
        there = self.trusted.width > 0
        theirs, _ = (self.trusted if there else self.moments).centre()
        targets = {"gradient": gradient, "looks": (theirs - mean) / deviation * varies}
        target = torch.stack([targets[source] for source in self.sources], dim=1)
        penalty = torch.cat([mean.new_full((width,), self.ridge * width) for width in widths])
        slope = torch.linalg.solve(correlation + penalty.diag(), target) / deviation.unsqueeze(1)
        centre, covariance = (self.anchor if there else self.moments).centre()
        spread = torch.einsum("fk,fg,gk->k", slope, covariance, slope).clamp(min=0).sqrt()
        # Nothing learnt (a constant signal) leaves every weight at 1.
        self.slope = torch.where(spread > 0, slope / spread, 0.0)
        self.offset = -(centre @ self.slope)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        # The width is known from the first batch on, or from the state of an earlier run.
        self.slope = torch.zeros_like(state_dict[prefix + "slope"])
        super()._load_from_state_dict(state_dict, prefix, *args)


class MLPHead(Head):
    """One hidden layer, trained by Adam on the exact meta-gradient: the published form.

    Features are standardised with running moments. The last layer starts at zero, so that every
    weight starts at 1: w = 2 sigmoid(MLP(x)).
    """

    def __init__(self, cfg: Any, read: Read) -> None:
        super().__init__(cfg, read)
        self.hidden: int = cfg.teacher_hidden_size
        self.rate: float = cfg.teacher_lr
        self.seed: int = cfg.seed
        self.moments = Moments(decay=1.0 - 1.0 / cfg.teacher_memory)
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


def _correlation(a: Tensor, b: Tensor, sizes: Tensor, total: Total) -> float | None:
    """Token-weighted correlation over all workers, None where one side is constant."""
    rows = torch.stack([torch.ones_like(a), a, b, a * a, b * b, a * b])
    one, sa, sb, saa, sbb, sab = total(rows @ sizes).tolist()
    va, vb = saa - sa * sa / one, sbb - sb * sb / one
    return None if va <= 0 or vb <= 0 else (sab - sa * sb / one) / (va * vb) ** 0.5
