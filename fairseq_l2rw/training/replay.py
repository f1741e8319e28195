"""Replay: the student's losses as a pure function of its parameters, dropout included."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from fairseq_l2rw.metagradient import Losses, functional
from fairseq_l2rw.utils.rng import RandomState


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Run a block without dropout."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


class BatchLosses(Protocol):
    """The losses of a batch, from (model, its output, sample)."""

    def row_losses(self, model: nn.Module, net_output: Any, sample: dict[str, Any], /) -> Tensor:
        """Losses of the sentences or tokens that the student trains on, shape (N,)."""

    def dev_losses(self, model: nn.Module, net_output: Any, sample: dict[str, Any], /) -> Tensor:
        """Losses of sentences that judge it, shape (N,)."""


class Replay:
    """Makes functions from parameters to the losses of a batch, shape (N,).

    Args:
        model: the student, unwrapped.
        criterion: says what losses are.
        replay: whether a batch that the student trained on is passed with the same dropout again,
            or without any.
        mixed: whether CUDA casts to half precision where that is good enough, as in the student's
            own pass.
    """

    def __init__(
        self, model: nn.Module, criterion: BatchLosses, replay: bool, mixed: bool = False
    ) -> None:
        self.model, self.criterion, self.replay, self.mixed = model, criterion, replay, mixed

    def training(self, sample: dict[str, Any], random: RandomState) -> Losses:
        """Losses of a batch that the student trained on; ``random`` from before its pass."""
        around = random.replayed if self.replay else self._evaluating
        return self._function(sample, around, self.criterion.row_losses)

    def evaluation(self, sample: dict[str, Any]) -> Losses:
        """Losses of a trusted batch, without dropout."""
        return self._function(sample, self._evaluating, self.criterion.dev_losses)

    def _evaluating(self) -> Any:
        return evaluating(self.model)

    def precision(self) -> AbstractContextManager[Any]:
        """What fairseq makes the student's own pass in."""
        return torch.autocast("cuda", torch.float16) if self.mixed else nullcontext()

    def output(self, parameters: Any, sample: dict[str, Any]) -> Any:
        """What the student with these parameters gives out for a batch."""
        return functional.call(self.model, parameters, **sample["net_input"])

    def _function(
        self, sample: dict[str, Any], around: Callable[[], Any], of: Callable[..., Tensor]
    ) -> Losses:
        def losses(parameters: Any) -> Tensor:
            with around(), self.precision():
                return of(self.model, self.output(parameters, sample), sample)

        return losses
