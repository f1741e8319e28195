"""What a weighting learns from, row by row: what is not finite counts for nothing."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from fairseq_l2rw.observation import Observation
from fairseq_l2rw.weighting.base import Signal, Total

logger = logging.getLogger(__name__)

# What an observation says of a row in numbers.
_NUMBERS = (
    *("loss", "sizes", "p_reference", "p_best", "correct", "surface"),
    *("states", "stands_for", "prior", "alignment"),
)


@dataclass(frozen=True)
class Rows:
    """The rows of this worker's signals, for a regression; float64.

    A row that is not finite is 0 in everything, so it counts for nothing.

    Attributes:
        features: shape (N, F), also where N is 0.
        target: y = -dL_dev/dw_i per token, shape (N,).
        sizes: n_i, shape (N,); 0 also for a dummy batch.
        priors: prior weights, or 1 without, shape (N,).
        spans: how much of the training each speaks for, shape (N,).
        skipped: how many are not finite, of all workers.
        count: whether any row of any worker counts.
    """

    features: Tensor
    target: Tensor
    sizes: Tensor
    priors: Tensor
    spans: Tensor
    skipped: int
    count: bool

    @classmethod
    def of(
        cls,
        signals: Sequence[Signal],
        features: Callable[[Observation], Tensor],
        total: Total,
        device: torch.device,
    ) -> "Rows":
        """Take rows from signals; every worker must call it, also one that has none.

        Args:
            signals: of this worker.
            features: of what was seen, shape (N, F).
            total: sums a tensor over workers.
            device: where the rows are wanted if there are none.
        """
        parts = [torch.cat([features(s.seen).double(), _others(s)], 1) for s in signals]
        whole = torch.cat(parts) if parts else torch.zeros(0, 4, device=device).double()
        good = whole.isfinite().all(1)
        whole = torch.where(good.unsqueeze(1), whole, 0.0)
        width = whole.new_tensor([whole.shape[1], 1.0]) * bool(parts)
        sums = torch.stack([(~good).double().sum(), whole[:, -3].sum()])
        told = total(torch.cat([sums, width])).tolist()
        if not parts and told[3]:
            whole = whole.new_zeros(0, round(told[2] / told[3]))  # as of the other workers
        target, sizes, priors, spans = whole[:, -4:].unbind(1)
        skipped, count = round(told[0]), told[1] > 0
        if not count:
            logger.warning("no training pair has finite features: nothing learnt")
        return cls(whole[:, :-4], target, sizes, priors, spans, skipped, count)


def _others(signal: Signal) -> Tensor:
    """Target, size, prior weight and span of every row, shape (N, 4), float64."""
    seen, sizes = signal.seen, signal.seen.sizes.double()
    ones = torch.ones_like(sizes)
    prior = ones if seen.prior is None else seen.prior.double()
    # A sentence of size 0 is a dummy batch's: it takes part in sums over workers with nothing.
    target = -signal.gradient.double() / sizes.clamp(min=1)
    return torch.stack([target, sizes, prior, ones * signal.span], 1)


def finite(seen: Observation) -> Tensor:
    """Which rows of what was seen are finite in all numbers, shape (N,), bool."""
    found = (getattr(seen, name) for name in _NUMBERS)
    rows = [x.isfinite().view(len(x), -1).all(1) for x in found if x is not None]
    return torch.stack(rows).all(0)


def without(seen: Observation, good: Tensor) -> Observation:
    """The same with 0 for all numbers of the rows that are not ``good``, shape (N,), bool."""
    changes: dict[str, Any] = {}
    for name in _NUMBERS:
        numbers = getattr(seen, name)
        if numbers is not None:
            rows = good.view(-1, *[1] * (numbers.dim() - 1))
            changes[name] = torch.where(rows, numbers, 0)
    return replace(seen, **changes)
