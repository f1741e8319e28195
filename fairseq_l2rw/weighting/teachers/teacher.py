"""What the teachers have in common: a head that maps the features they read to a weight."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, ClassVar

from torch import Tensor

from fairseq_l2rw.features.columns import SENTENCE, SURFACE
from fairseq_l2rw.features.features import Features
from fairseq_l2rw.initial_weights.options import InitialOptions
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.utils.reduction import Total
from fairseq_l2rw.weighting.base import Signal, Weighting
from fairseq_l2rw.weighting.teachers.head import Head
from fairseq_l2rw.weighting.teachers.heads import HEADS
from fairseq_l2rw.weighting.teachers.options import TeacherOptions, check, reads_of


class Teacher(Weighting):
    """A head (``--weighting-options head=...``) on the parts that ``reads=...`` names.

    Parts are ``surface`` (surface information), ``encoder`` and ``decoder`` (the student's internal
    states), and of the least-squares head ``likeness`` (the density ratio of trusted to training
    pairs, of each part) and ``initial`` (the weights before training).
    """

    units = ("sentence", "token")
    learns = True
    samples_by_weight = True
    #: What may be named in ``reads``.
    parts: ClassVar[tuple[str, ...]] = ()
    Options = TeacherOptions

    def __init__(self, cfg: Any) -> None:
        super().__init__(cfg)
        options: TeacherOptions = self.options
        check(options, HEADS, self.parts)
        chosen = reads_of(options)
        if not {"surface", "encoder", "decoder"} & {*chosen}:
            raise InputError("--weighting-options reads: of what? add surface, encoder or decoder")
        head = HEADS[options.head]
        if "surface" in chosen:
            self.reads = SURFACE if head.reads_all else SENTENCE
        self.reads_states = tuple(part for part in ("encoder", "decoder") if part in chosen)
        self.states_depth = getattr(options, "depth", 1)
        self.head: Head = head(options, chosen, cfg.seed, self.inputs)
        self.learns_from_trusted = head.learns_from_trusted
        by_rate = options.spacing == "rate"
        self.spaced_by_learning_rate = by_rate and head.spaced_by_learning_rate
        self.reads_initial_weights = "initial" in chosen and "initial" in head.own_parts
        self.initial_options = InitialOptions(
            options.by, options.sharpness, options.tolerance, self.unit
        )
        known = ("initial",) if self.reads_initial_weights else ()
        self.factors = (*known, *self.head.factors)

    @property
    def unread_options(self) -> dict[str, Any]:
        """Those of another head, and of a part that is not read."""
        others = [head for head in HEADS.values() if not isinstance(self.head, head)]
        unread = {name for head in others for name in head.own_options}
        unread |= set() if self.reads_states else {"depth"}
        options = ((x, getattr(self.options, x.name)) for x in fields(self.options))
        found = {x.name: value for x, value in options if x.name in unread and value != x.default}
        theirs = {part for head in others for part in head.own_parts}
        parts = "+".join(part for part in reads_of(self.options) if part in theirs)
        return found | ({"reads": parts} if parts else {})

    def inputs(self, features: Features) -> list[Tensor]:
        """What is read: surface information, internal states; shapes (N, F)."""
        found = [features.matrix(self.reads)] if self.reads else []
        reads_states = self.reads_states and features.states is not None
        return [*found, features.states] if reads_states else found  # type: ignore[list-item]

    def forward(self, features: Features) -> Tensor:
        """Weights, shape (N,); the initial ones until the teacher has learnt something."""
        return self.explained(features)[0]

    def explained(self, features: Features) -> tuple[Tensor, dict[str, Tensor]]:
        """Weights, and their factors: the initial weight, if it is read, and those of the head.

        All are of shape (N,).
        """
        initial = self.warmup_weights(features)
        weights, factors = self.head.explained(self.head.inputs(features))
        known = {"initial": initial} if self.reads_initial_weights else {}
        return initial * weights, known | factors

    def learn(self, signals: Sequence[Signal], total: Total) -> dict[str, float]:
        """One step of the head on the meta-gradient."""
        return self.head.learn(signals, total)

    def learn_from_trusted(self, features: Features) -> dict[str, float]:
        """What the head takes from seeing trusted pairs."""
        return self.head.learn_from_trusted(features)
