"""Forward mode: one pass with dual parameters gives every inner product, and no graph is kept."""

import torch
from torch import Tensor
from torch.autograd import forward_ad

from fairseq_l2rw.metagradient.attention import differentiable_attention
from fairseq_l2rw.metagradient.gradients import gradients
from fairseq_l2rw.metagradient.signature import Curvature, Losses, Parameters


def products(losses: Losses, parameters: Parameters, direction: Parameters) -> Tensor:
    """Inner products of ``direction`` with the gradient of every loss.

    The directional derivative of the loss vector along ``direction`` *is* the vector of inner
    products: J p has (J p)_i = <grad l_i, p>. A name that ``direction`` leaves out costs nothing,
    since nothing below it carries a tangent (docs/mathematics.md, "One step back").

    Args:
        losses: maps parameters to a vector of losses, shape (N,) (or any shape).
        parameters: every parameter that ``losses`` needs, by name.
        direction: tensors by parameter name, of the parameters' shapes.

    Returns:
        The products, of the losses' shape.

    Raises:
        RuntimeError: when an operation of the model has no forward mode (see ``.reverse``).
    """
    with torch.no_grad(), forward_ad.dual_level(), differentiable_attention():
        values, tangents = forward_ad.unpack_dual(losses(_duals(_detached(parameters), direction)))
    return torch.zeros_like(values) if tangents is None else tangents


def curvature(
    losses: Losses, parameters: Parameters, direction: Parameters, weights: Tensor
) -> Curvature:
    """Products, and the Hessian of sum_i weights_i l_i times ``direction``.

    Forward over reverse: the gradient, computed by backpropagation from a dual loss, carries the
    Hessian-vector product as its tangent (Pearlmutter, 1994, "Fast Exact Multiplication by the
    Hessian", Neural Computation 6).

    Args:
        losses: as for ``products``.
        parameters: as for ``products``.
        direction: as for ``products``.
        weights: w_i, of the losses' shape.

    Raises:
        RuntimeError: as ``products``.
    """
    names = list(direction)
    with torch.enable_grad(), forward_ad.dual_level(), differentiable_attention():
        leaves = {
            name: value.requires_grad_(name in direction)
            for name, value in _detached(parameters).items()
        }
        for name in names:  # as they come in, so that their primals are never there all at once
            leaves[name].register_hook(_tangent)
        values = losses(_duals(leaves, direction))
        hessian = gradients([(weights * values).sum()], [leaves[n] for n in names])
        tangents = forward_ad.unpack_dual(values).tangent
    pairs = zip(names, hessian, strict=True)
    return Curvature(
        torch.zeros_like(values.detach()) if tangents is None else tangents.detach(),
        {n: torch.zeros_like(direction[n]) if t is None else t.detach() for n, t in pairs},
    )


def _tangent(gradient: Tensor) -> Tensor:
    tangent = forward_ad.unpack_dual(gradient).tangent
    return torch.zeros_like(gradient) if tangent is None else tangent


def _detached(parameters: Parameters) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in parameters.items()}


def _duals(values: Parameters, direction: Parameters) -> dict[str, Tensor]:
    return {
        name: forward_ad.make_dual(value, direction[name]) if name in direction else value
        for name, value in values.items()
    }
