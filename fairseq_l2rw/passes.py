"""The student's losses as a pure function of its parameters, dropout included."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from fairseq_l2rw.metagradient import Losses, functional
from fairseq_l2rw.randomness import RandomState


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Run a block without dropout."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


class Passes:
    """Makes functions from parameters to the losses of a batch's rows, shape (N,).

    Args:
        model: the student, unwrapped.
        row_losses: (model, its output, sample) to the losses of sentences or tokens.
        replay: whether a batch that the student trained on is passed with the same dropout again,
            or without any.
    """

    def __init__(self, model: nn.Module, row_losses: Callable[..., Tensor], replay: bool) -> None:
        self.model, self.row_losses, self.replay = model, row_losses, replay

    def training(self, sample: dict[str, Any], random: RandomState) -> Losses:
        """Losses of a batch that the student trained on; ``random`` from before its pass."""
        return self._function(sample, random.replayed if self.replay else self._evaluating)

    def evaluation(self, sample: dict[str, Any]) -> Losses:
        """Losses of a dev batch, without dropout."""
        return self._function(sample, self._evaluating)

    def _evaluating(self) -> Any:
        return evaluating(self.model)

    def _function(self, sample: dict[str, Any], around: Callable[[], Any]) -> Losses:
        def losses(parameters: Any) -> Tensor:
            with around():
                output = functional.call(self.model, parameters, **sample["net_input"])
                return self.row_losses(self.model, output, sample)

        return losses
