"""What the teachers that read features have in common: a head that maps them to a weight."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from fairseq_l2rw.observation import PAIR, SURFACE, Observation
from fairseq_l2rw.weighting.base import Signal, Total, Weighting
from fairseq_l2rw.weighting.head import Head
from fairseq_l2rw.weighting.heads import HEADS


class Teacher(Weighting):
    """A head (``--teacher-head``) on what the subclass reads.

    Args:
        cfg: the task's options.
        reads: of `surface` (surface information), `encoder` and `decoder` (internal states).
    """

    units = ("sentence", "token")
    learns = True
    draws = True

    def __init__(self, cfg: Any, reads: Sequence[str]) -> None:
        super().__init__(cfg)
        self.reads_surface = "surface" in reads
        self.reads_states = tuple(part for part in ("encoder", "decoder") if part in reads)
        self.head: Head = HEADS[cfg.teacher_head](cfg, self.parts)
        self.learns_from_dev = self.head.learns_from_dev
        self.counts_by_span = self.head.counts_by_span
        self.reads_prior = self.head.reads_prior

    def parts(self, seen: Observation) -> list[Tensor]:
        """What is read: surface information, internal states; shapes (N, F)."""
        width = len(SURFACE if self.head.reads_all else PAIR)
        parts = [seen.surface[:, :width]] if self.reads_surface else []
        return parts if seen.states is None else [*parts, seen.states]

    def forward(self, seen: Observation) -> Tensor:
        """Weights, shape (N,); the prior ones until the teacher has learnt something."""
        return self.early(seen) * self.head(self.head.features(seen))

    def learn(self, signals: Sequence[Signal], total: Total) -> dict[str, float]:
        """One step of the head on the meta-gradient."""
        return self.head.learn(signals, total)

    def learn_from_dev(self, seen: Observation) -> dict[str, float]:
        """What the head takes from seeing trusted pairs."""
        return self.head.learn_from_dev(seen)
