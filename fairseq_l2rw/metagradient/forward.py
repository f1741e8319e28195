"""Inner products by forward mode: one pass with dual parameters, no graph kept."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.autograd import forward_ad

from fairseq_l2rw.metagradient.attention import differentiable_attention


def products(
    losses: Callable[[Mapping[str, Tensor]], Tensor],
    parameters: Mapping[str, Tensor],
    direction: Mapping[str, Tensor],
) -> Tensor:
    """Inner products of ``direction`` with the gradient of every loss.

    Args:
        losses: maps parameters to a vector of losses, shape (N,) (or any shape).
        parameters: every parameter that ``losses`` needs, by name.
        direction: tensors by parameter name, of the parameters' shapes; a name left out counts
            as zero and costs nothing, since nothing below it carries a tangent.

    Returns:
        The products, of the losses' shape. The directional derivative of the loss vector along
        ``direction`` *is* the vector of inner products: J p has (J p)_i = <grad l_i, p>.

    Raises:
        RuntimeError: when an operation of the model has no forward mode (see :mod:`.reverse`).
    """
    with torch.no_grad(), forward_ad.dual_level(), differentiable_attention():
        duals = {
            name: forward_ad.make_dual(value, direction[name]) if name in direction else value
            for name, value in ((n, v.detach()) for n, v in parameters.items())
        }
        values, tangents = forward_ad.unpack_dual(losses(duals))
    return torch.zeros_like(values) if tangents is None else tangents
