"""Reverse mode that takes "depends on none of them" for an answer."""

from collections.abc import Sequence

import torch
from torch import Tensor


def gradients(
    values: Sequence[Tensor],
    leaves: Sequence[Tensor],
    cotangents: Sequence[Tensor] | None = None,
    create_graph: bool = False,
) -> list[Tensor | None]:
    """``torch.autograd.grad``, with None for every leaf that no value depends on.

    Args:
        values: what is differentiated; scalars where there are no ``cotangents``.
        leaves: by what.
        cotangents: a factor for every value, of its shape.
        create_graph: whether the result is to be differentiated again.
    """
    given = list(cotangents) if cotangents is not None else [None] * len(values)
    pairs = [(v, c) for v, c in zip(values, given, strict=True) if v.requires_grad]
    if not pairs:
        return [None] * len(leaves)
    outputs, factors = zip(*pairs, strict=True)
    return list(
        torch.autograd.grad(
            outputs, list(leaves), factors, create_graph=create_graph, allow_unused=True
        )
    )
