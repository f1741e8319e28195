"""The contract of a weighting: what it reads of a batch, and the weights that it gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from fairseq_l2rw.features.features import Features
from fairseq_l2rw.initial_weights.options import InitialOptions
from fairseq_l2rw.utils.reduction import Total
from fairseq_l2rw.weighting.options import parsed


@dataclass(frozen=True)
class Signal:
    """What a meta step says of the sentences (or tokens) of a sub-batch.

    Attributes:
        features: what the weighting read of them.
        usefulness: -dL_dev/dw_i, shape (N,), in nats: positive where more weight would lower the
            dev loss.
        mass: how much of the training they speak for: the sum of squared learning rates of the
            student's updates since the last meta step.
    """

    features: Features
    usefulness: Tensor
    mass: float = 1.0


class Weighting(nn.Module):
    """Turns a batch into weights; may learn from the trusted pairs.

    A weighting is a module so that all that it knows (parameters and buffers) is its
    ``state_dict``. It is built with the task's options and changes only in the ``learn`` methods.
    What it reads is said by the attributes below, of the class or set by ``__init__``: nothing
    else is computed.
    """

    #: What it can weigh; anything that only makes sense of whole sentences leaves it at this.
    units: ClassVar[tuple[str, ...]] = ("sentence",)
    #: Names of the features that it reads, see ``fairseq_l2rw.features.columns``.
    reads: tuple[str, ...] = ()
    reads_states: tuple[str, ...] = ()  # of "encoder", "decoder": reads them as Features.states
    states_depth: int = 1  # layers of them, from the top of either side
    reads_alignment: bool = False  # reads Features.alignment
    reads_initial_weights: bool = False  # reads Features.initial_weight, which then exists
    initial_options: InitialOptions = InitialOptions()  # what these weights go by
    learns: bool = False  # wants learn() to be called at meta steps
    # Wants learn_from_trusted() to be called with a trusted batch, as a training batch is seen.
    learns_from_trusted: bool = False
    spaced_by_learning_rate: bool = False  # wants meta steps of equal mass, see Signal.mass
    samples_by_weight: bool = False  # a sentence's weights may decide how often it comes up
    plain: bool = False  # weighs 1 whatever it reads: training stays bit for bit the same
    #: Whether a weight depends on nothing but the student and the pair: not on the update, on pairs
    #: around it, or on a gradient. Then any other text can be weighed, too.
    weighs_any_pair: bool = True
    #: Names of the factors that ``explained`` gives.
    factors: tuple[str, ...] = ()

    @dataclass
    class Options:
        """Options of its own, given by ``--weighting-options``; see ``.options.option``."""

    def __init__(self, cfg: Any) -> None:
        super().__init__()
        self.options: Any = parsed(type(self), getattr(cfg, "weighting_options", ""))
        #: ``sentence`` or ``token``: what has a weight.
        self.unit: str = getattr(cfg, "weight_unit", "sentence")

    @property
    def unread_options(self) -> dict[str, Any]:
        """Its options that were given though nothing reads them beside the others, by name."""
        return {}

    @property
    def needs_dev_gradient(self) -> bool:
        """Whether the gradient of the dev loss has to be known."""
        return self.learns or self.reads_alignment

    def forward(self, features: Features) -> Tensor:
        """Weights of a batch, shape (N,), not negative."""
        raise NotImplementedError

    def explained(self, features: Features) -> tuple[Tensor, dict[str, Tensor]]:
        """Weights of a batch, and the factors that they are the product of, if these are known.

        Returns:
            What ``forward`` gives, and factors by name (``factors``), all of shape (N,).
        """
        return self(features), {}

    def warmup_weights(self, features: Features) -> Tensor:
        """Weights while ``--weighting-warmup`` lasts, shape (N,): the initial ones, if read."""
        initial = features.initial_weight
        return torch.ones_like(features.sizes) if initial is None else initial

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

    def learn_from_trusted(self, features: Features) -> dict[str, float]:
        """Learn from what was read of a trusted batch, the same on every worker; before learn()."""
        raise NotImplementedError


# Weights up to this are 0: what they are multiplied with could not be represented any more.
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
    weights = _floating(weights)
    good = _good(weights)
    return kept(weights, instead, good), (~good).sum()


def kept(weights: Tensor, instead: Tensor | float = 1.0, good: Tensor | None = None) -> Tensor:
    """The weights that ``safe`` gives, shape (N,).

    Args:
        weights: shape (N,).
        instead: see ``safe``, a scalar or of shape (N,).
        good: which weights need not be replaced, if that is known, bool, shape (N,).
    """
    weights = _floating(weights)
    found = nn.functional.threshold(weights, _SMALLEST, 0.0)
    return torch.where(_good(weights) if good is None else good, found, instead).to(weights)


def _floating(weights: Tensor) -> Tensor:
    """Weights of whole numbers, or of yes and no, as others are, shape (N,)."""
    return weights if weights.is_floating_point() else weights.float()


def _good(weights: Tensor) -> Tensor:
    # Finite and not negative, in fewer operations than that takes.
    return weights == weights.clamp(0, torch.finfo(weights.dtype).max)
