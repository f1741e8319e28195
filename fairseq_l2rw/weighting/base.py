"""The contract of a weighting, and the registry that finds one by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from fairseq_l2rw.states import Observation

Total = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Signal:
    """What the dev batch says about sentences seen: the exact derivative by each weight.

    Attributes:
        seen: what the weighting read of them.
        gradient: dL_dev/dw_i, shape (N,); negative where more weight would lower the dev loss.
    """

    seen: Observation
    gradient: Tensor


class Weighting(nn.Module):
    """Turns a batch into weights; may learn from the derivative of the dev loss by them.

    A weighting is a module so that all that it knows (parameters and buffers) is its
    ``state_dict``. It is built with the task's options and changes only in :meth:`learn`.
    """

    reads_states: ClassVar[bool] = False  # wants Observation.states
    learns: ClassVar[bool] = False  # wants meta-gradients, hence a dev set
    plain: ClassVar[bool] = False  # weighs 1 whatever it sees: training stays bit for bit the same

    def __init__(self, cfg: Any) -> None:
        super().__init__()

    def forward(self, seen: Observation) -> Tensor:
        """Weights of a batch, shape (N,), not negative."""
        raise NotImplementedError

    def learn(self, signals: Sequence[Signal], total: Total) -> dict[str, float]:
        """Learn from one update's signals (none on a worker whose shard is empty).

        Args:
            signals: a signal for every sub-batch of the update, of this worker.
            total: sums a tensor over workers; every worker must call it equally often.

        Returns:
            Numbers for the log.
        """
        raise NotImplementedError


W = TypeVar("W", bound=type[Weighting])
_registry: dict[str, type[Weighting]] = {}


def register(name: str) -> Callable[[W], W]:
    """Class decorator: make a weighting available as ``--weighting NAME``.

    Raises:
        ValueError: when the name is taken by another class.
    """

    def add(cls: W) -> W:
        known = _registry.setdefault(name, cls)
        if known is not cls:
            raise ValueError(f"weighting {name!r} is already {known.__module__}.{known.__name__}")
        return cls

    return add


def names() -> list[str]:
    """Names of all registered weightings, sorted."""
    return sorted(_registry)


def build(cfg: Any) -> Weighting:
    """The weighting named by ``cfg.weighting``, built with ``cfg``."""
    return _registry[cfg.weighting](cfg)


def safe(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Weights that training survives, and whether they had to be replaced.

    Weights that are not finite, negative, or all zero become uniform. Decided without reading a
    value on the host, so that it costs no synchronisation on a GPU.

    Returns:
        Weights, shape (N,), and a boolean scalar tensor.
    """
    good = torch.isfinite(weights).all() & (weights >= 0).all() & (weights > 0).any()
    return torch.where(good, weights, torch.ones_like(weights)), ~good
