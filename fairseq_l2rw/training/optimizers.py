"""fairseq's optimizers: adjoints of their updates, clipping, and what half precision adds."""

from collections.abc import Callable
from typing import Any

import torch
from fairseq.optim.adam import Adam as FairseqAdam
from fairseq.optim.amp_optimizer import AMPOptimizer
from fairseq.optim.fp16_optimizer import FP16Optimizer
from fairseq.optim.nag import NAG
from torch import Tensor, nn

from fairseq_l2rw.metagradient import ADJOINTS, Adjoint, Clipping, Master
from fairseq_l2rw.metagradient.engine import MetaGradient
from fairseq_l2rw.metagradient.functional import trained_parameters
from fairseq_l2rw.metagradient.updates import fairseq_adam, nag
from fairseq_l2rw.training import workers
from fairseq_l2rw.utils.errors import InputError

#: fairseq's sgd is torch's own.
FAIRSEQ_ADJOINTS: dict[type[torch.optim.Optimizer], Adjoint] = {
    **ADJOINTS,
    FairseqAdam: fairseq_adam,
    NAG: nag,
}
_NAMES = ("adam", "nag", "sgd")


def check_optimizer(cfg: Any) -> None:
    """Refuse, before training begins, an optimizer through which there is no meta-gradient.

    Args:
        cfg: the task's options, with a weighting that looks back through the optimizer's updates.

    Raises:
        InputError: naming the optimizers that work.
    """
    known = f"use --optimizer {', '.join(_NAMES)}, or a weighting that does not learn"
    if cfg.meta_window > 1 and half_precision(cfg):
        raise InputError(
            f"--meta-window {cfg.meta_window} takes second derivatives, for which half precision "
            "is too coarse; use --meta-window 1, or leave out --fp16, --bf16 and --amp"
        )
    if cfg.optimizer not in _NAMES:
        raise InputError(f"no adjoint of --optimizer {cfg.optimizer} is known; {known}")
    if cfg.meta_trajectory == "rewind" and cfg.optimizer != "sgd":
        raise InputError(
            f"--meta-trajectory rewind cannot run --optimizer {cfg.optimizer} backwards; use "
            "--optimizer sgd --momentum 0.9, or --meta-trajectory stored"
        )
    if cfg.meta_trajectory == "rewind" and half_precision(cfg):
        raise InputError(
            "--meta-trajectory rewind runs updates backwards, for which half precision is too "
            "coarse; use --meta-trajectory stored, or leave out --fp16, --bf16 and --amp"
        )


def check_adjoint(meta: MetaGradient, optimizer: Any) -> None:
    """Refuse fairseq's optimizer as ``MetaGradient.check`` does, with what helps in fairseq."""
    try:
        meta.check(optimizer.optimizer)
    except InputError as error:
        if type(optimizer.optimizer).__name__.startswith("Fused"):  # where apex is installed
            raise InputError(f"{error}; --use-old-adam takes fairseq's own Adam") from None
        raise


def half_precision(cfg: Any) -> bool:
    """Whether the student's passes are in half precision."""
    return bool(cfg.fp16 or cfg.bf16 or cfg.amp)


def masters(optimizer: Any, model: nn.Module) -> dict[str, Master]:
    """What fairseq's optimizer steps, by name of every trained parameter.

    Args:
        optimizer: fairseq's.
        model: the student, unwrapped.
    """
    trained = trained_parameters(model)
    copies: dict[int, Master] = {}
    if isinstance(optimizer, FP16Optimizer):
        if optimizer.has_flat_params:
            (whole,) = optimizer.fp32_params.values()
            start = 0
            for p in optimizer.fp16_params:
                copies[id(p)] = Master(whole, p.shape, start)
                start += p.numel()
        else:
            pairs = zip(optimizer.fp16_params, optimizer.fp32_params, strict=True)
            copies = {id(p): Master(copy, p.shape) for p, copy in pairs}
    return {n: copies.get(id(p), Master(p, p.shape)) for n, p in trained.items()}


def loss_scale(optimizer: Any) -> float:
    """What fairseq's optimizer multiplies a loss with before its backward pass."""
    scaler = getattr(optimizer, "scaler", None)
    if scaler is None:
        return 1.0
    known = scaler.get_scale() if isinstance(optimizer, AMPOptimizer) else scaler.loss_scale
    return float(known)


class GradientWatch:
    """Stands between the trainer and the gradients of an update, before the task sees them.

    It remembers how they were clipped: the trainer keeps the norm to itself, and the adjoint of
    clipping needs it. And it says what they are divided by, where that is not the sum of the
    sub-batches' sample sizes.

    Args:
        optimizer: fairseq's.
        normaliser: gives S of the current update, a scalar; None leaves it to the trainer.
    """

    def __init__(self, optimizer: Any, normaliser: Callable[[], Tensor] | None = None) -> None:
        self.optimizer = optimizer
        if normaliser is not None:
            multiply = optimizer.multiply_grads
            # The trainer multiplies once an update, with the number of workers (each of which has
            # the mean of their gradients) divided by the sample size, in float32.
            optimizer.multiply_grads = lambda _factor: multiply(_reciprocal(normaliser()).float())
        self.norm: Any = 0.0
        self.max_norm, self._again = 0.0, 1.0
        self._clip = optimizer.clip_grad_norm
        optimizer.clip_grad_norm = self._watched

    def _watched(self, max_norm: float, *args: Any, **kwargs: Any) -> Tensor:
        norm = self._clip(max_norm, *args, **kwargs)
        self.norm, self.max_norm = norm, max_norm
        if isinstance(self.optimizer, AMPOptimizer):
            # fairseq tells torch's scaler of two optimizers, torch's and its own around it. So the
            # step divides by the scale once more.
            self._again = loss_scale(self.optimizer)
        return norm

    def is_finite(self) -> bool:
        """Whether the gradient is finite, so that the step is taken.

        fairseq's trainer has seen to it but under AMP, where it tries the update again.
        """
        mixed = isinstance(self.optimizer, AMPOptimizer)
        return not mixed or bool(torch.isfinite(torch.as_tensor(self.norm)).all())

    def clipping(self) -> Clipping:
        """How the gradients were clipped."""
        return Clipping(float(self.norm), float(self.max_norm), scale=self._again)


def _reciprocal(size: Tensor) -> Tensor:
    """How many workers there are, divided by S, a scalar."""
    return size.reciprocal() if workers.alone() else workers.count() / size
