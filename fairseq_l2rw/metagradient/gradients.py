"""Reverse mode that takes "depends on none of them" for an answer."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def gradients(value: Tensor, leaves: Sequence[Tensor], **options: Any) -> list[Tensor | None]:
    """``torch.autograd.grad``, with None for every leaf that ``value`` does not depend on.

    Args:
        value: what is differentiated.
        leaves: by what.
        options: of ``torch.autograd.grad``.
    """
    if not value.requires_grad:
        return [None] * len(leaves)
    return list(torch.autograd.grad(value, list(leaves), allow_unused=True, **options))
