"""Finite differences: for models that neither mode can differentiate. Not exact.

In float32 the result is commonly wrong by some percent, and how much is measured at every call:
each quantity is computed with two step sizes, and their disagreement is the stated error.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from fairseq_l2rw.metagradient.gradients import gradients
from fairseq_l2rw.metagradient.signature import Curvature, Losses, Parameters


class Estimate(NamedTuple):
    """Inner products, and how far they may be off.

    Attributes:
        products: <direction, grad l_i>, of the losses' shape.
        error: bound of their absolute error, of the same shape.
    """

    products: Tensor
    error: Tensor


def products(losses: Losses, parameters: Parameters, direction: Parameters) -> Tensor:
    """Inner products of ``direction`` with the gradient of every loss, approximately.

    Arguments and result as for ``fairseq_l2rw.metagradient.forward.products``.
    """
    return estimate(losses, parameters, direction).products


def estimate(losses: Losses, parameters: Parameters, direction: Parameters) -> Estimate:
    """Inner products with their error.

    Central differences D(h) and D(2h) along ``direction``; the result is Richardson's
    (4 D(h) - D(2h)) / 3, whose truncation error is O(h^4), and the stated error is
    2 |D(h) - D(2h)|, which bounds truncation and, in low precision, shows the rounding. Four
    passes. Arguments as for ``products``.
    """
    step = _step(parameters, direction)

    @torch.no_grad()
    def slope(h: float) -> Tensor:
        up, down = (losses(_moved(parameters, direction, sign * h)) for sign in (1.0, -1.0))
        return (up - down) / (2 * h)

    once, twice = slope(step), slope(2 * step)
    return Estimate((4 * once - twice) / 3, 2 * (once - twice).abs())


def curvature(
    losses: Losses, parameters: Parameters, direction: Parameters, weights: Tensor
) -> Curvature:
    """Products, and the Hessian of sum_i weights_i l_i times ``direction``, approximately.

    The Hessian-vector product is a central difference of gradients, extrapolated likewise.
    Arguments as for ``fairseq_l2rw.metagradient.forward.curvature``.
    """
    step, names = _step(parameters, direction), list(direction)

    def gradient(h: float) -> tuple[Tensor, ...]:
        moved = _moved(parameters, direction, h)
        leaves = [moved[n].requires_grad_() for n in names]
        with torch.enable_grad():
            found = gradients([(weights * losses(moved)).sum()], leaves)
        zeros = (torch.zeros_like(x) for x in leaves)
        return tuple(z if g is None else g for g, z in zip(found, zeros, strict=True))

    def slope(h: float) -> list[Tensor]:
        return [(u - d) / (2 * h) for u, d in zip(gradient(h), gradient(-h), strict=True)]

    both = zip(slope(step), slope(2 * step), strict=True)
    hessian = {n: (4 * one - two) / 3 for n, (one, two) in zip(names, both, strict=True)}
    return Curvature(products(losses, parameters, direction), hessian)


def _step(parameters: Parameters, direction: Parameters) -> float:
    """A step that moves the parameters by a fourth root of the machine precision, relatively."""
    size, length = _norm({n: parameters[n] for n in direction}), _norm(direction)
    precision = max(torch.finfo(p.dtype).eps for p in direction.values())
    return precision**0.25 * (size or 1.0) / (length or 1.0)


def _norm(tensors: Parameters) -> float:
    return float(torch.stack([x.double().square().sum() for x in tensors.values()]).sum().sqrt())


def _moved(parameters: Parameters, direction: Parameters, h: float) -> dict[str, Tensor]:
    return {
        name: value.detach() + h * direction[name] if name in direction else value.detach()
        for name, value in parameters.items()
    }
