"""Inner products by double backward: for models that forward mode cannot differentiate."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from fairseq_l2rw.metagradient.attention import differentiable_attention


def products(
    losses: Callable[[Mapping[str, Tensor]], Tensor],
    parameters: Mapping[str, Tensor],
    direction: Mapping[str, Tensor],
) -> Tensor:
    """Inner products of ``direction`` with the gradient of every loss.

    Same signature and result as :func:`fairseq_l2rw.metagradient.forward.products`. With one
    dummy u_i a loss, G(u) = grad_theta sum_i u_i l_i is linear in u, so that the gradient of
    <G(u), p> by u is the vector of products <grad l_i, p>: two backward passes and their graph.
    """
    with torch.enable_grad(), differentiable_attention():
        leaves = {
            name: value.detach().requires_grad_(name in direction)
            for name, value in parameters.items()
        }
        values = losses(leaves)
        dummy = torch.ones_like(values, requires_grad=True)
        names = list(direction)
        gradients = torch.autograd.grad(
            values, [leaves[n] for n in names], dummy, create_graph=True, allow_unused=True
        )
        pairs = [(g, direction[n]) for g, n in zip(gradients, names, strict=True) if g is not None]
        inner = sum((torch.sum(g * p) for g, p in pairs), start=values.new_zeros(()))
        if not inner.requires_grad:
            return torch.zeros_like(values)
        (result,) = torch.autograd.grad(inner, dummy)
    return result
