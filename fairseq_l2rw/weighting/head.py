"""The contract of a teacher's head: how features become a weight, and how that map learns."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fairseq_l2rw.observation import Observation
from fairseq_l2rw.weighting.base import Signal, Total

#: Gives the features of what was seen, part by part, shapes (N, F).
Read = Callable[[Observation], Sequence[Tensor]]


class Head(nn.Module):
    """The contract: features (N, F) to weights (N,), and steps along what the trusted pairs say.

    Args:
        cfg: the task's options.
        read: gives the features of what was seen, part by part.
    """

    learns_from_dev = False  # wants learn_from_dev()
    counts_by_span = False  # see Weighting
    reads_prior = False  # likewise
    reads_all = False  # wants all surface information, not only what a regression can use

    def __init__(self, cfg: Any, read: Read) -> None:
        super().__init__()
        self.read = read

    def forward(self, features: Tensor) -> Tensor:
        """Weights, shape (N,)."""
        raise NotImplementedError

    def learn(self, signals: Sequence[Signal], total: Total) -> dict[str, float]:
        """See :meth:`fairseq_l2rw.weighting.Weighting.learn`."""
        raise NotImplementedError

    def features(self, seen: Observation) -> Tensor:
        """All parts side by side, shape (N, F)."""
        return torch.cat(list(self.read(seen)), 1)

    def learn_from_dev(self, seen: Observation) -> dict[str, float]:
        """See :meth:`fairseq_l2rw.weighting.Weighting.learn_from_dev`."""
        raise NotImplementedError
