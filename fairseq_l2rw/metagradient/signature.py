"""The one signature of all methods: losses as a function of parameters, and a direction."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from torch import Tensor

#: Tensors by parameter name, of the parameters' shapes: their values, or a direction among them.
Parameters = Mapping[str, Tensor]
#: Maps parameters to the losses of sentences or tokens, shape (N,), in nats.
Losses = Callable[[Parameters], Tensor]


class Curvature(NamedTuple):
    """What a second-order pass gives.

    Attributes:
        products: <direction, grad l_i>, of the losses' shape.
        hessian: the Hessian of sum_i weights_i l_i times the direction, by parameter name, for the
            names in the direction.
    """

    products: Tensor
    hessian: dict[str, Tensor]


class Method(Protocol):
    """A module with these two functions.

    ``losses`` maps parameters to a vector of losses, shape (N,), and is called with the same
    random numbers every time. ``parameters`` are all that it needs, by name. ``direction`` holds
    tensors of the parameters' shapes; a name left out counts as zero.
    """

    def products(self, losses: Losses, parameters: Parameters, direction: Parameters) -> Tensor:
        """Inner products of the direction with the gradient of every loss, shape (N,)."""

    def curvature(
        self, losses: Losses, parameters: Parameters, direction: Parameters, weights: Tensor
    ) -> Curvature:
        """The same products, and the weighted Hessian times the direction; weights: (N,)."""
