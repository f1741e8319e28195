"""The contract of a weighting, and the registry that finds one by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar

import torch
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import Tensor, nn

from fairseq_l2rw.errors import InputError
from fairseq_l2rw.observation import Observation

Total = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Signal:
    """What the dev batch says about sentences (or tokens) seen: the derivative by each weight.

    Attributes:
        seen: what the weighting read of them.
        gradient: dL_dev/dw_i, shape (N,); negative where more weight would lower the dev loss.
        span: how much of the training they speak for: the sum of squared learning rates of the
            student's updates since it was last asked.
    """

    seen: Observation
    gradient: Tensor
    span: float = 1.0


class Weighting(nn.Module):
    """Turns a batch into weights; may learn from the dev set.

    A weighting is a module so that all that it knows (parameters and buffers) is its
    ``state_dict``. It is built with the task's options and changes only in the ``learn`` methods.
    What it wants is said by the attributes below, of the class or set by ``__init__``.
    """

    #: What it can weigh; anything that only makes sense of whole sentences leaves it at this.
    units: ClassVar[tuple[str, ...]] = ("sentence",)
    reads_states: tuple[str, ...] = ()  # of "encoder", "decoder": wants them as Observation.states
    reads_alignment: bool = False  # wants Observation.alignment
    learns: bool = False  # wants learn() to be called with meta-gradients
    counts_by_span: bool = False  # of a smaller learning rate it wants fewer: see Signal.span
    # Wants learn_from_dev() to be called with the dev batch, seen as a training batch is.
    learns_from_dev: bool = False
    reads_prior: bool = False  # wants Observation.prior
    draws: bool = False  # a sentence's weights may decide how often it comes up
    plain: bool = False  # weighs 1 whatever it sees: training stays bit for bit the same

    @dataclass
    class Options:
        """Options of its own, given by ``--weighting-options``; see :func:`option`."""

    def __init__(self, cfg: Any) -> None:
        super().__init__()
        self.options: Any = parsed(type(self), getattr(cfg, "weighting_options", ""))

    def forward(self, seen: Observation) -> Tensor:
        """Weights of a batch, shape (N,), not negative."""
        raise NotImplementedError

    def early(self, seen: Observation) -> Tensor:
        """Weights while ``--weighting-warmup`` lasts, shape (N,): the prior ones if there are."""
        return torch.ones_like(seen.loss) if seen.prior is None else seen.prior

    def learn(self, signals: Sequence[Signal], total: Total) -> dict[str, float]:
        """Learn from the signals of the updates looked back through.

        Args:
            signals: a signal for every sub-batch of them, of this worker; none if its shard is
                empty.
            total: sums a tensor over workers; every worker must call it equally often.

        Returns:
            Numbers for the log.
        """
        raise NotImplementedError

    def learn_from_dev(self, seen: Observation) -> dict[str, float]:
        """Learn from what was seen of a dev batch, the same one on every worker; before learn()."""
        raise NotImplementedError


def option(default: Any, text: str) -> Any:
    """A field of :class:`Weighting.Options`: its default, which gives its type, and its help."""
    return field(default=default, metadata={"help": text})


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


def find(name: str) -> type[Weighting]:
    """The class of a registered weighting."""
    return _registry[name]


def build(cfg: Any) -> Weighting:
    """The weighting named by ``cfg.weighting``, built with ``cfg``."""
    return find(cfg.weighting)(cfg)


def listed(text: str) -> list[str]:
    """The parts of an option that holds several, separated by commas or spaces."""
    return text.replace(",", " ").split()


def parsed(cls: type[Weighting], text: str) -> Any:
    """The options of ``--weighting-options`` for a weighting, each of its type.

    Args:
        cls: the weighting.
        text: ``NAME=VALUE`` one or several times, separated by commas or spaces.

    Raises:
        InputError: for an option that the weighting does not have or a value of another type.
    """
    given = listed(text)
    try:
        if any("=" not in part for part in given):
            raise InputError(f"--weighting-options {text!r} is not of the form NAME=VALUE")
        found = OmegaConf.merge(OmegaConf.structured(cls.Options), OmegaConf.from_dotlist(given))
    except OmegaConfBaseException as error:
        known = ", ".join(f"{f.name} ({f.default})" for f in fields(cls.Options)) or "none"
        reason = str(error).splitlines()[0]
        raise InputError(
            f"--weighting-options {text!r}: {reason}; the options of {cls.__name__.lower()} and "
            f"their defaults: {known}"
        ) from None
    return OmegaConf.to_object(found)


# Smaller weights are 0: what they are multiplied with could not be represented any more.
_SMALLEST = 1e-30


def safe(weights: Tensor, instead: Tensor | float = 1.0) -> tuple[Tensor, Tensor]:
    """Weights that training survives, and how many had to be replaced.

    Decided without reading a value on the host, so that it costs no synchronisation on a GPU.

    Args:
        weights: shape (N,).
        instead: what a weight becomes that is not finite or negative, a scalar or of shape (N,).

    Returns:
        Weights, shape (N,), and a count, a scalar tensor.
    """
    bad = ~torch.isfinite(weights) | (weights < 0)
    kept = torch.where(weights < _SMALLEST, 0.0, weights)
    return torch.where(bad, instead, kept).to(weights), bad.sum()
