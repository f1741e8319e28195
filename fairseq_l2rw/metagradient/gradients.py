"""Reverse mode that takes "depends on none of them" for an answer."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from fairseq_l2rw.metagradient.masters import upcast


def gradients(
    values: Sequence[Tensor | GradientEdge],
    leaves: Sequence[Tensor],
    cotangents: Sequence[Tensor] | None = None,
    create_graph: bool = False,
) -> list[Tensor | None]:
    """``torch.autograd.grad``, with None for every leaf that no value depends on.

    Args:
        values: what is differentiated, or where it is in a graph; scalars where there are no
            ``cotangents``.
        leaves: by what, of any shape.
        cotangents: a factor for every value, of its shape.
        create_graph: whether the result is to be differentiated again.

    Returns:
        A gradient for every leaf, of its shape.
    """
    given = list(cotangents) if cotangents is not None else [None] * len(values)
    pairs = [
        (value, cotangent)
        for value, cotangent in zip(values, given, strict=True)
        if isinstance(value, GradientEdge) or value.requires_grad
    ]
    if not pairs:
        return [None] * len(leaves)
    outputs, factors = zip(*pairs, strict=True)
    return list(
        torch.autograd.grad(
            outputs, list(leaves), factors, create_graph=create_graph, allow_unused=True
        )
    )


def sizes(gradient: Iterable[Tensor], loss: Tensor) -> tuple[float, float]:
    """The largest absolute value of a gradient, 0 if it is empty, and the loss.

    A GPU is asked for both at once. The largest value cannot overflow or vanish as a sum of squares
    can.

    Args:
        gradient: tensors of any shape.
        loss: a scalar.
    """
    filled = [g for g in gradient if g.numel()]
    value = upcast(loss.detach())
    largest = torch.nn.utils.get_total_norm(filled, math.inf).to(value)
    first, second = torch.stack([largest, value]).tolist()
    return first, second
