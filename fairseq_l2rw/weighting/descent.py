"""Gradient descent of a weighting's own parameters along the meta-gradient."""

import logging
import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from fairseq_l2rw.features.features import Features
from fairseq_l2rw.utils.reduction import Total
from fairseq_l2rw.weighting.base import Signal
from fairseq_l2rw.weighting.rows import finite, masked

logger = logging.getLogger(__name__)


def adam(parameters: list[nn.Parameter], rate: float, decay: float = 0.0) -> torch.optim.Optimizer:
    """Adam as a meta-gradient needs it, whose scale is that of the student's tiny steps.

    Weight decay that is added to it would drown it, so it is decoupled, and so would the usual
    epsilon.
    """
    return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay, eps=1e-20)


class Descent(nn.Module):
    """Steps an optimizer on a module's parameters, and keeps the optimizer's state with its own.

    The optimizer is made when it is first needed: by then the module is on its device.

    Args:
        module: whose parameters are trained.
        optimizer: makes the optimizer from the parameters.
    """

    def __init__(
        self, module: nn.Module, optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer]
    ) -> None:
        super().__init__()
        self._parameters_of = module.parameters  # not the module: it may hold this one
        self._make = optimizer

    @cached_property
    def trained(self) -> list[nn.Parameter]:
        """The parameters that are trained."""
        return list(self._parameters_of())

    @cached_property
    def optimizer(self) -> torch.optim.Optimizer:
        """Steps them."""
        return self._make(self.trained)

    def along(
        self, weights: Callable[[Features], Tensor], signals: Sequence[Signal], total: Total
    ) -> dict[str, float]:
        """A step along dL_dev/dphi = sum_i (dL_dev/dw_i) dw_i/dphi, the sum taken over workers.

        Rows that are not finite count for nothing. If the sum is not finite, no step is taken.

        Returns:
            For the log: the norm of that gradient, and how many rows were not finite.
        """
        self.optimizer.zero_grad()
        skipped = torch.zeros_like(self.trained[0].detach().view(-1)[:1])
        for signal in signals:
            good = finite(signal.features) & signal.usefulness.isfinite()
            skipped += (~good).sum()
            with torch.enable_grad():
                found = weights(masked(signal.features, good))
            found.backward(torch.where(good, -signal.usefulness, 0.0).to(found))
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.trained]
        flat = total(torch.cat([parameters_to_vector(gradients), skipped]))
        norm, rows = torch.stack([flat[:-1].norm(), flat[-1]]).tolist()
        log = {"teacher_gnorm": norm, "teacher_skipped_rows": float(round(rows))}
        if not math.isfinite(norm):
            logger.warning("gradient of the weighting's parameters not finite, nothing learnt")
            return log
        vector_to_parameters(flat[:-1], gradients)
        for p, g in zip(self.trained, gradients, strict=True):
            p.grad = g
        self.optimizer.step()
        return log

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
