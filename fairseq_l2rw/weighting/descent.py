"""Gradient descent of a weighting's own parameters along the meta-gradient."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from fairseq_l2rw.observation import Observation
from fairseq_l2rw.weighting.base import Signal, Total


def adam(parameters: list[nn.Parameter], rate: float, decay: float = 0.0) -> torch.optim.Optimizer:
    """Adam as a meta-gradient needs it, whose scale is that of the student's tiny steps.

    Weight decay that is added to it would drown it, so it is decoupled, and so would the usual
    epsilon.
    """
    return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay, eps=1e-20)


class Descent(nn.Module):
    """Steps an optimizer on a module's parameters, and keeps the optimizer's state with its own.

    Args:
        module: whose parameters are trained.
        optimizer: makes the optimizer from the parameters.
    """

    def __init__(
        self, module: nn.Module, optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer]
    ) -> None:
        super().__init__()
        self.trained = list(module.parameters())
        self.optimizer = optimizer(self.trained)

    def along(
        self, weights: Callable[[Observation], Tensor], signals: Sequence[Signal], total: Total
    ) -> float:
        """A step along dL_dev/dphi = sum_i (dL_dev/dw_i) dw_i/dphi, the sum taken over workers.

        Returns:
            The norm of that gradient.
        """
        self.optimizer.zero_grad()
        for signal in signals:
            with torch.enable_grad():
                given = weights(signal.seen)
            given.backward(signal.gradient.to(given))
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.trained]
        flat = total(parameters_to_vector(gradients))
        vector_to_parameters(flat, gradients)
        for p, g in zip(self.trained, gradients, strict=True):
            p.grad = g
        self.optimizer.step()
        return float(flat.norm())

    def down(self, loss: Callable[[], Tensor]) -> None:
        """A step down a loss that every worker computes alike."""
        self.optimizer.zero_grad()
        with torch.enable_grad():
            loss().backward()
        self.optimizer.step()

    def get_extra_state(self) -> Any:
        """The optimizer's state, for the checkpoint."""
        return self.optimizer.state_dict()

    def set_extra_state(self, state: Any) -> None:
        """Restore the optimizer's state."""
        self.optimizer.load_state_dict(state)
