"""The running mean of dev gradients: what the dev loss says of the parameters."""

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from fairseq_l2rw.metagradient.attention import differentiable_once
from fairseq_l2rw.metagradient.gradients import gradients, sizes
from fairseq_l2rw.metagradient.masters import upcast
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.utils.reduction import Total, local_only, summed

logger = logging.getLogger(__name__)


class DevGradient:
    """An exponential mean of gradients of the dev loss, one a meta step.

    Args:
        model: the student, unwrapped.
        parameters: by which the loss is differentiated, by name.
        pattern: how they were chosen, for errors.
        average: decay of the mean, 0 for none.
        half: whether passes are in half precision.

    Attributes:
        mean: by parameter name, of the parameters' shapes, in float32 or wider; it begins with 0.
        count: how many gradients it has taken in.
    """

    def __init__(
        self,
        model: nn.Module,
        parameters: Mapping[str, nn.Parameter],
        pattern: str,
        average: float,
        half: bool,
    ) -> None:
        self.model, self.parameters = model, parameters
        self.pattern, self.average, self.half = pattern, average, half
        self.mean: dict[str, Tensor] = {}
        self.count = 0
        chosen = {id(p) for p in parameters.values()}
        self._others = [p for p in model.parameters() if id(p) not in chosen]
        # fairseq's lists of layers that leave out some of them, each with a probability.
        self._drops_layers = any(
            type(m).__name__ == "LayerDropModuleList" and getattr(m, "p", 0) > 0
            for m in model.modules()
        )

    def take(
        self,
        loss: Callable[[dict[str, Tensor]], Tensor],
        scale: float = 1.0,
        total: Total = local_only,
    ) -> Tensor:
        """Put the gradient at the current parameters into the mean, if it is finite.

        Args:
            loss: maps parameters by name to the dev loss, a scalar, in nats per token; it is given
                none, and takes the model's own.
            scale: what it is multiplied with before its backward pass, and the gradient divided by
                afterwards, so that half precision holds it.
            total: sums a tensor over the workers among which the dev loss is split; the gradient
                is that of the sum.

        Returns:
            The dev loss, a scalar, detached.

        Raises:
            InputError: when the gradient is exactly 0 at a loss that is not, so that nothing can
                be learnt.
        """
        leaves = self.parameters
        with torch.enable_grad(), differentiable_once(), self._no_others():
            value = loss({})
            found = gradients([value * scale], list(leaves.values()))
        new = {n: upcast(g) for n, g in zip(leaves, found, strict=True) if g is not None}
        value = value.detach()
        if total is not local_only:
            new, value = self._summed(new, value, total)
        if not self._tells(new, value):
            return value
        self.count += 1
        # Not where the pass put it: what stays of a pass breaks up the heap.
        self.mean = self.mean or {
            n: torch.zeros_like(upcast(p.detach())) for n, p in leaves.items()
        }
        torch._foreach_mul_(list(self.mean.values()), self.average)
        if new:
            means = [self.mean[name] for name in new]
            torch._foreach_add_(means, list(new.values()), alpha=(1 - self.average) / scale)
        return value

    def _summed(
        self, gradient: dict[str, Tensor], loss: Tensor, total: Total
    ) -> tuple[dict[str, Tensor], Tensor]:
        """A gradient by name and its loss, a scalar, of all workers; what is given goes."""
        numbers = [upcast(loss)]
        for name, parameter in self.parameters.items():
            known = gradient.pop(name, None)
            numbers.append(torch.zeros_like(upcast(parameter.detach())) if known is None else known)
        whole, *found = summed(numbers, total)
        return dict(zip(self.parameters, found, strict=True)), whole

    @contextmanager
    def _no_others(self) -> Iterator[None]:
        """Run a block whose graph is of the chosen parameters alone: others would take memory."""
        others = [p for p in self._others if p.requires_grad]
        for parameter in others:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in others:
                parameter.requires_grad_()

    def _tells(self, gradient: dict[str, Tensor], loss: Tensor) -> bool:
        """Whether a gradient is of use: one bad batch must not spoil the running mean for good.

        Raises:
            InputError: when it is 0, so that nothing can be learnt.
        """
        largest, value = sizes(gradient.values(), loss)
        if not (math.isfinite(largest) and math.isfinite(value)):
            logger.warning("the dev loss or its gradient is not finite, and is left out")
            return False
        # Where the loss is 0, so is its gradient: nothing is left to gain.
        if largest != 0 or value == 0:
            return True
        if self.half and self.count > 0:  # there was one before
            logger.warning("the dev gradient is too small for half precision and is left out")
            return False
        if self._drops_layers:
            logger.warning("a pass dropped all layers looked back through (layerdrop): left out")
            return False
        raise InputError(
            f"the dev loss does not depend on the parameters of --meta-params {self.pattern} (such "
            f"as {next(iter(self.parameters))}): its gradient is exactly 0 and teaches nothing; "
            "choose others, --meta-params . for all, or leave out what detaches them"
            + (", or half precision if it is lost in that" if self.half else "")
        )

    @property
    def bias_correction(self) -> float:
        """1 / (1 - average^count), which makes up for the 0 that the mean begins with.

        As in Adam (Kingma and Ba, 2015, section 3, arXiv 1412.6980). Products are linear in
        the mean: they are multiplied with it, not a copy of the parameters.
        """
        return 1 / (1 - self.average**self.count)

    def state_dict(self) -> dict[str, Any]:
        """The mean, on the CPU, and how many gradients it is of."""
        return {"mean": {n: v.cpu() for n, v in self.mean.items()}, "count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore ``state_dict``.

        Raises:
            InputError: when its mean is of other parameters.
        """
        unknown = sorted(set(state["mean"]) ^ set(self.parameters)) if state["mean"] else []
        if unknown:
            raise InputError(
                f"the checkpoint looked back through other parameters (such as {unknown[0]}); "
                "resume with the same --meta-params or use --reset-dataloader"
            )
        self.mean = {n: v.to(self.parameters[n].device) for n, v in state["mean"].items()}
        self.count = state["count"]
