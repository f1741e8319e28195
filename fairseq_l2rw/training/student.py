"""The student as reweighting sees it: a model, its states, and its losses as a function."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch import nn

from fairseq_l2rw.features.student_states import Reader, States
from fairseq_l2rw.training.optimizers import half_precision
from fairseq_l2rw.training.replay import Replay
from fairseq_l2rw.weighting import Weighting


class Student:
    """The model that is trained, unwrapped.

    Args:
        cfg: the task's options.
        model: the model.
        criterion: gives per-token losses.
        weighting: says which states are read.
        vocabulary: size of the target dictionary.

    Attributes:
        device: where it is.
        half: whether its passes are in half precision.
        replay: its losses as a function of its parameters.
    """

    def __init__(
        self, cfg: Any, model: nn.Module, criterion: Any, weighting: Weighting, vocabulary: int
    ) -> None:
        self.model, self.criterion = model, criterion
        # Asking the model at every update takes longer than going through them.
        self._parameters = list(model.parameters())
        self.device = self._parameters[0].device
        self.half = half_precision(cfg)
        mixed = cfg.amp and self.device.type == "cuda"  # fairseq's AMP does nothing on a CPU
        self.replay = Replay(model, criterion, cfg.meta_dropout == "replay", mixed)
        self.attention_dropout = cfg.meta_dropout == "replay" and any(map(_draws, model.modules()))
        sides = weighting.reads_states
        self._reader = Reader(model, vocabulary, weighting.states_depth, sides) if sides else None

    def reading(self) -> AbstractContextManager[States | None]:
        """Collect the states of a pass inside the ``with`` block, if they are read."""
        return self._reader.reading() if self._reader else nullcontext()

    @property
    def without_gradient(self) -> bool:
        """Whether no parameter has one: fairseq drops them before an update, also a second try."""
        return all(p.grad is None for p in self._parameters)


def _draws(module: nn.Module) -> bool:
    """Whether a module may leave dropout to a kernel: attention, and recurrent cells in layers."""
    if isinstance(module, nn.RNNBase):
        return module.dropout > 0 and module.num_layers > 1
    dropout = getattr(module, "dropout_module", getattr(module, "dropout", None))
    share = getattr(dropout, "p", dropout)  # fairseq's and torch's
    return "Attention" in type(module).__name__ and isinstance(share, float) and share > 0
