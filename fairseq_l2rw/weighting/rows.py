"""What a weighting learns from, row by row: what is not finite counts for nothing."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fairseq_l2rw.features.features import Features
from fairseq_l2rw.features.sample import MOST_SENTENCES
from fairseq_l2rw.utils.reduction import Total
from fairseq_l2rw.weighting.base import Signal

logger = logging.getLogger(__name__)

# What says something of a row in numbers, beside the columns.
_NUMBERS = ("sizes", "states", "importance_weight", "initial_weight", "alignment")


@dataclass(frozen=True)
class Rows:
    """The rows of this worker's signals, for a regression; float64.

    A row that is not finite is 0 in everything, so it counts for nothing.

    Attributes:
        inputs: what the teacher reads, shape (N, F), also where N is 0.
        target: y = -dL_dev/dw_i per token, shape (N,).
        sizes: n_i, shape (N,); 0 also for a dummy batch.
        initial: initial weights, or 1 without, shape (N,).
        masses: how much of the training each speaks for, shape (N,); one that was sampled against
            the odds counts for no more than two, as in the student's own update.
        skipped: how many are not finite, of all workers.
        count: whether any row of any worker counts.
    """

    inputs: Tensor
    target: Tensor
    sizes: Tensor
    initial: Tensor
    masses: Tensor
    skipped: int
    count: bool

    @classmethod
    def of(
        cls,
        signals: Sequence[Signal],
        inputs: Callable[[Features], Tensor],
        total: Total,
        device: torch.device,
    ) -> "Rows":
        """Take rows from signals; every worker must call it, also one that has none.

        Args:
            signals: of this worker.
            inputs: what the teacher reads of features, shape (N, F).
            total: sums a tensor over workers.
            device: where the rows are wanted if there are none.
        """
        parts = [torch.cat([inputs(s.features).double(), _others(s)], 1) for s in signals]
        whole = torch.cat(parts) if parts else torch.zeros(0, 4, device=device).double()
        good = whole.isfinite().all(1)
        whole = torch.where(good.unsqueeze(1), whole, 0.0)
        width = whole.new_tensor([whole.shape[1], 1.0]) * bool(parts)
        sums = torch.stack([(~good).double().sum(), whole[:, -3].sum()])
        found = total(torch.cat([sums, width])).tolist()
        if not parts and found[3]:
            whole = whole.new_zeros(0, round(found[2] / found[3]))  # as of the other workers
        target, sizes, initial, masses = whole[:, -4:].unbind(1)
        skipped, count = round(found[0]), found[1] > 0
        if not count:
            logger.warning("no training pair has finite features: nothing learnt")
        return cls(whole[:, :-4], target, sizes, initial, masses, skipped, count)


def _others(signal: Signal) -> Tensor:
    """Target, size, initial weight and mass of every row, shape (N, 4), float64."""
    features, sizes = signal.features, signal.features.sizes.double()
    ones = torch.ones_like(sizes)
    initial = features.initial_weight
    # A sentence of size 0 is a dummy batch's: it takes part in sums over workers with nothing.
    target = signal.usefulness.double() / sizes.where(sizes > 0, 1.0)
    initial = ones if initial is None else initial.double()
    stands_for = ones if features.importance_weight is None else features.importance_weight.double()
    masses = signal.mass * (MOST_SENTENCES / stands_for).clamp(max=1)
    return torch.stack([target, sizes, initial, masses], 1)


def _numbers(features: Features) -> Iterator[Tensor]:
    found = (getattr(features, name) for name in _NUMBERS)
    return (x for x in (*features.columns.values(), *found) if x is not None)


def finite(features: Features) -> Tensor:
    """Which rows are finite in all numbers, shape (N,), bool."""
    rows = [x.isfinite().view(len(x), -1).all(1) for x in _numbers(features)]
    return torch.stack(rows).all(0)


def masked(features: Features, good: Tensor) -> Features:
    """The same with 0 for all numbers of the rows that are not ``good``, shape (N,), bool."""

    def kept(numbers: Tensor | None) -> Tensor | None:
        if numbers is None:
            return None
        rows = good.view(-1, *[1] * (numbers.dim() - 1))
        return torch.where(rows, numbers, 0)

    columns = {name: torch.where(good, column, 0) for name, column in features.columns.items()}
    others = {name: kept(getattr(features, name)) for name in _NUMBERS}
    return replace(features, columns=columns, **others)  # type: ignore[arg-type]
