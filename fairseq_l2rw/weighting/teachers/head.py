"""The contract of a teacher's head: how what it reads becomes a weight, and how that map learns."""

from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor, nn

from fairseq_l2rw.features.features import Features
from fairseq_l2rw.utils.reduction import Total
from fairseq_l2rw.weighting.base import Signal
from fairseq_l2rw.weighting.teachers.options import TeacherOptions

#: Gives what is read of a batch, part by part, shapes (N, F).
Read = Callable[[Features], Sequence[Tensor]]


class Head(nn.Module):
    """The contract: inputs (N, F) to weights (N,), and steps along what the trusted pairs say.

    Args:
        options: of the teacher.
        parts: named in its ``reads``.
        seed: of what is random.
        read: gives what is read of a batch, part by part.
    """

    learns_from_trusted = False  # wants learn_from_trusted()
    spaced_by_learning_rate = False  # see Weighting
    own_options: tuple[str, ...] = ()  # that no other head reads
    own_parts: tuple[str, ...] = ()  # likewise, of ``reads``
    reads_all = False  # wants all surface information, not only what a regression can use

    def __init__(
        self, options: TeacherOptions, parts: Collection[str], seed: int, read: Read
    ) -> None:
        super().__init__()
        self.read = read

    def forward(self, inputs: Tensor) -> Tensor:
        """Weights, shape (N,)."""
        raise NotImplementedError

    @property
    def factors(self) -> tuple[str, ...]:
        """Names of the factors that ``explained`` gives."""
        return ("teacher",)

    def explained(self, inputs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Weights, shape (N,), and the factors that they are the product of, likewise."""
        weights = self(inputs)
        return weights, {"teacher": weights}

    def learn(self, signals: Sequence[Signal], total: Total) -> dict[str, float]:
        """See ``fairseq_l2rw.weighting.Weighting.learn``."""
        raise NotImplementedError

    def inputs(self, features: Features) -> Tensor:
        """All parts side by side, shape (N, F)."""
        return torch.cat(list(self.read(features)), 1)

    def learn_from_trusted(self, features: Features) -> dict[str, float]:
        """See ``fairseq_l2rw.weighting.Weighting.learn_from_trusted``."""
        raise NotImplementedError
