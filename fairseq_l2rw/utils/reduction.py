"""Sums over workers, as what learns from all of them is given them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

#: Sums a tensor over the workers; every worker must call it equally often.
Total = Callable[[Tensor], Tensor]

# Numbers that are exchanged at once: what is copied for it takes no memory to speak of.
_TOGETHER = 1 << 24


def local_only(value: Tensor) -> Tensor:
    """The sum over one worker."""
    return value


def summed(values: list[Tensor], total: Total) -> list[Tensor]:
    """Sums of many tensors over workers, in as few exchanges as memory allows.

    Args:
        values: of any shapes, the same on every worker; the list is emptied.
        total: see ``Total``.
    """
    found: list[Tensor] = []
    while values:
        sizes = torch.tensor([value.numel() for value in values]).cumsum(0)
        count = max(int((sizes <= _TOGETHER).sum()), 1)
        group, values[:count] = values[:count], []
        found += _summed(group, total)
    return found


def _summed(values: Sequence[Tensor], total: Total) -> list[Tensor]:
    """Sums of tensors in one exchange."""
    flat = total(torch.cat([value.flatten() for value in values]))
    parts = flat.split([value.numel() for value in values])
    return [part.view_as(value) for part, value in zip(parts, values, strict=True)]
