"""Double backward: for models that forward mode cannot differentiate."""

import torch
from torch import Tensor
from torch.autograd.graph import get_gradient_edge

from fairseq_l2rw.metagradient.attention import differentiable_attention
from fairseq_l2rw.metagradient.gradients import gradients
from fairseq_l2rw.metagradient.signature import Curvature, Losses, Parameters


def products(losses: Losses, parameters: Parameters, direction: Parameters) -> Tensor:
    """Inner products of ``direction`` with the gradient of every loss.

    Arguments and result as for ``fairseq_l2rw.metagradient.forward.products``. With one dummy
    u_i a loss, G(u) = grad_theta sum_i u_i l_i is linear in u, so that the gradient of
    <G(u), p> by u is the vector of products <grad l_i, p>: two backward passes and their graph
    (docs/mathematics.md, "One step back").
    """
    return _twice(losses, parameters, direction, None).products


def curvature(
    losses: Losses, parameters: Parameters, direction: Parameters, weights: Tensor
) -> Curvature:
    """Products, and the Hessian of sum_i weights_i l_i times ``direction``.

    The same second backward pass gives both: with u = weights, the gradient of <G(u), p> by the
    parameters is the Hessian-vector product. Arguments as for
    ``fairseq_l2rw.metagradient.forward.curvature``.
    """
    return _twice(losses, parameters, direction, weights)


def _twice(
    losses: Losses, parameters: Parameters, direction: Parameters, weights: Tensor | None
) -> Curvature:
    with torch.enable_grad(), differentiable_attention():
        leaves = {
            name: value.detach().requires_grad_(name in direction)
            for name, value in parameters.items()
        }
        values = losses(leaves)
        start = torch.ones_like(values) if weights is None else weights.detach().to(values)
        dummy = start.clone().requires_grad_()
        names = list(direction)
        first = gradients([values], [leaves[n] for n in names], [dummy], create_graph=True)
        # Cotangents instead of the inner product itself, which would hold a copy of them; and
        # where the gradients are in the graph instead of themselves, which are a copy, too.
        pairs = [
            (get_gradient_edge(g), direction[n])
            for g, n in zip(first, names, strict=True)
            if g is not None and g.requires_grad
        ]
        del first
        wanted = [dummy] if weights is None else [dummy, *(leaves[n] for n in names)]
        by_dummy, *by_parameters = gradients([g for g, _ in pairs], wanted, [p for _, p in pairs])
    hessian = {
        n: torch.zeros_like(direction[n]) if h is None else h
        for n, h in zip(names, by_parameters, strict=False)
    }
    return Curvature(torch.zeros_like(start) if by_dummy is None else by_dummy, hessian)
