"""One exact meta-gradient step around the student's own update, in fairseq's terms.

The only place that knows both fairseq's optimizers and :mod:`fairseq_l2rw.metagradient`.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from fairseq.optim.adam import Adam as FairseqAdam
from fairseq.optim.nag import NAG
from torch import Tensor, nn

from fairseq_l2rw.errors import InputError
from fairseq_l2rw.metagradient import METHODS, Losses, updates
from fairseq_l2rw.metagradient.attention import differentiable_attention

logger = logging.getLogger(__name__)

ADJOINTS: dict[type[torch.optim.Optimizer], updates.Adjoint] = {
    torch.optim.SGD: updates.sgd,
    NAG: updates.nag,
    FairseqAdam: updates.adam,
}


class ClipWatch:
    """Remembers how fairseq clipped the gradients of the current update.

    The trainer clips before the task sees the gradients and keeps the norm to itself; the adjoint
    of clipping needs it.
    """

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer
        self.norm: Any = 0.0
        self.max_norm = 0.0
        self._clip = optimizer.clip_grad_norm
        optimizer.clip_grad_norm = self._watched

    def _watched(self, max_norm: float, *args: Any, **kwargs: Any) -> Tensor:
        norm = self._clip(max_norm, *args, **kwargs)
        self.norm, self.max_norm = norm, max_norm
        return norm


@dataclass
class RandomState:
    """Random number generators as they were before the student's pass, to replay its dropout."""

    cpu: Tensor
    device: Tensor | None

    @classmethod
    def now(cls, device: torch.device) -> "RandomState":
        """The state of the CPU's generator and, where there is one, of the device's."""
        on_gpu = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        return cls(torch.get_rng_state(), on_gpu)

    @contextmanager
    def replayed(self) -> Iterator[None]:
        """Run a block with these states, and put back what was there before."""
        devices = [] if self.device is None else [torch.cuda.current_device()]
        with torch.random.fork_rng(devices=devices):
            torch.set_rng_state(self.cpu)
            if self.device is not None:
                torch.cuda.set_rng_state(self.device)
            yield


class MetaGradient:
    """The meta-gradient's state and the three passes of one step.

    Args:
        model: the student, unwrapped.
        pattern: regular expression searched in names; the parameters looked back through.
        method: ``forward``, ``reverse`` or ``auto``.
        average: decay of the running mean of dev gradients, 0 for none.

    Raises:
        InputError: when no trained parameter matches ``pattern``.
    """

    def __init__(self, model: nn.Module, pattern: str, method: str, average: float) -> None:
        self.model = model
        trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.parameters = {n: p for n, p in trained.items() if re.search(pattern, n)}
        if not self.parameters:
            examples = ", ".join(list(trained)[:: max(1, len(trained) // 5)])
            raise InputError(
                f"--meta-params {pattern!r} matches no trained parameter; names are like {examples}"
            )
        count = sum(p.numel() for p in self.parameters.values())
        whole = sum(p.numel() for p in trained.values())
        logger.info(f"meta-gradient through {count:,} of {whole:,} parameters ({pattern!r})")
        self.method = method
        self.average = average
        self.mean: dict[str, Tensor] = {}
        self.count = 0

    def snapshot(self) -> dict[str, Tensor]:
        """A copy of all parameters: theta_t, taken before the optimizer's step."""
        return {n: p.detach().clone() for n, p in self.model.named_parameters()}

    def dev_gradient(self, loss: Callable[[dict[str, Tensor]], Tensor]) -> Tensor:
        """Gradient of the dev loss at the current parameters, put into the running mean if finite.

        Returns:
            The dev loss, detached.
        """
        values = {n: p.detach() for n, p in self.model.named_parameters()}
        leaves = {n: values[n].requires_grad_() for n in self.parameters}
        with torch.enable_grad(), differentiable_attention():
            value = loss(values)
            gradients = torch.autograd.grad(value, list(leaves.values()), allow_unused=True)
        if not all(bool(torch.isfinite(g).all()) for g in gradients if g is not None):
            return value.detach()  # one bad batch must not spoil the running mean for good
        self.count += 1
        for (name, leaf), new in zip(leaves.items(), gradients, strict=True):
            new = torch.zeros_like(leaf) if new is None else new
            old = self.mean.get(name, torch.zeros_like(new))
            self.mean[name] = self.average * old + (1 - self.average) * new
        return value.detach()

    def direction(self, optimizer: Any, clip: ClipWatch) -> dict[str, Tensor]:
        """p: the adjoint of clipping and of the optimizer's update applied to the dev gradient.

        Called after the optimizer's step.

        Raises:
            InputError: for an optimizer whose adjoint is not known.
        """
        adjoint = adjoint_of(optimizer)
        groups = {id(p): group for group in optimizer.param_groups for p in group["params"]}
        unbias = 1 / (1 - self.average**self.count)
        result, clipped = {}, {}
        for name, p in self.parameters.items():
            if p.grad is None:  # not used in this update, so not stepped
                continue
            state = optimizer.optimizer.state[p]
            result[name] = adjoint(groups[id(p)], state, p.grad) * self.mean[name] * unbias
            clipped[name] = p.grad
        return updates.clipping(result, clipped, float(clip.norm), float(clip.max_norm))

    def products(
        self, losses: Losses, snapshot: dict[str, Tensor], direction: dict[str, Tensor]
    ) -> Tensor:
        """Inner products <p, grad l_i> at theta_t, by the chosen method."""
        if self.method == "auto":
            return self._choose(losses, snapshot, direction)
        return METHODS[self.method](losses, snapshot, direction)

    def _choose(self, losses: Losses, snapshot: Any, direction: Any) -> Tensor:
        """Products by forward mode if the model allows it, else by reverse; keeps the choice."""
        try:
            # The trial must not use up the random numbers that replay the student's dropout.
            with RandomState.now(next(iter(snapshot.values())).device).replayed():
                result = METHODS["forward"](losses, snapshot, direction)
        except (RuntimeError, NotImplementedError) as error:
            if "out of memory" in str(error):
                raise
            reason = str(error).splitlines()[0]
            logger.info(f"meta-gradient method: reverse (no forward mode for this model: {reason})")
            self.method = "reverse"
            return METHODS["reverse"](losses, snapshot, direction)
        logger.info("meta-gradient method: forward")
        self.method = "forward"
        return result

    def state_dict(self) -> dict[str, Any]:
        """The running mean of dev gradients."""
        return {"mean": {n: v.cpu() for n, v in self.mean.items()}, "count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore :meth:`state_dict`."""
        unknown = sorted(set(state["mean"]) ^ set(self.parameters)) if state["mean"] else []
        if unknown:
            raise InputError(
                f"the checkpoint looked back through other parameters (such as {unknown[0]}); "
                "resume with the same --meta-params or use --reset-dataloader"
            )
        self.mean = {n: v.to(self.parameters[n]) for n, v in state["mean"].items()}
        self.count = state["count"]


def adjoint_of(optimizer: Any) -> updates.Adjoint:
    """The adjoint of a fairseq optimizer's update.

    Raises:
        InputError: naming the optimizers that work, for any other.
    """
    inner = type(getattr(optimizer, "_optimizer", None))
    if inner not in ADJOINTS:
        raise InputError(_no_adjoint(f"{type(optimizer).__name__} ({inner.__name__})"))
    return ADJOINTS[inner]


def check_optimizer(name: str, half_precision: bool) -> None:
    """Refuse, before training begins, an optimizer through which there is no meta-gradient.

    Raises:
        InputError: naming the optimizers that work.
    """
    if name not in ("adam", "nag", "sgd"):
        raise InputError(_no_adjoint(f"--optimizer {name}"))
    if half_precision:
        raise InputError(_no_adjoint("the wrapped optimizer of --fp16, --bf16 and --amp"))


def _no_adjoint(what: str) -> str:
    return (
        f"no adjoint of {what} is known, so no exact meta-gradient; use --optimizer adam (with "
        "--use-old-adam where apex is installed), nag or sgd in fp32, or a weighting without a "
        "teacher"
    )
