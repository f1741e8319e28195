"""fairseq's optimizers: the adjoints of their updates, and how fairseq clipped the gradients."""

from typing import Any

import torch
from fairseq.optim.adam import Adam as FairseqAdam
from fairseq.optim.nag import NAG
from torch import Tensor

from fairseq_l2rw.errors import InputError
from fairseq_l2rw.metagradient import ADJOINTS, Adjoint, Clipping
from fairseq_l2rw.metagradient.updates import fairseq_adam, nag

#: fairseq's sgd is torch's own.
FAIRSEQ_ADJOINTS: dict[type[torch.optim.Optimizer], Adjoint] = {
    **ADJOINTS,
    FairseqAdam: fairseq_adam,
    NAG: nag,
}
_NAMES = ("adam", "nag", "sgd")


def check_optimizer(cfg: Any, looks_back: bool) -> None:
    """Refuse, before training begins, an optimizer through which there is no meta-gradient.

    Args:
        cfg: the task's options.
        looks_back: whether the weighting looks back through the optimizer's updates, or reads
            inner products of gradients only.

    Raises:
        InputError: naming the optimizers that work.
    """
    known = f"use --optimizer {', '.join(_NAMES)} in fp32, or a weighting that does not learn"
    if cfg.fp16 or cfg.bf16 or cfg.amp:
        raise InputError(
            f"meta-gradients in half precision (--fp16, --bf16, --amp) are not there yet; {known}"
        )
    if looks_back and cfg.optimizer not in _NAMES:
        raise InputError(f"no adjoint of --optimizer {cfg.optimizer} is known; {known}")
    if looks_back and cfg.meta_trajectory == "rewind" and cfg.optimizer != "sgd":
        raise InputError(
            f"--meta-trajectory rewind cannot run --optimizer {cfg.optimizer} backwards; use "
            "--optimizer sgd --momentum 0.9, or --meta-trajectory stored"
        )


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

    def clipping(self) -> Clipping:
        """How the gradients were clipped."""
        return Clipping(float(self.norm), float(self.max_norm))
