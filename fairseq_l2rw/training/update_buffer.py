"""The student's update in progress: what is kept of its sub-batches."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from fairseq_l2rw.features.features import Features
from fairseq_l2rw.metagradient import Batch
from fairseq_l2rw.training.replay import Replay
from fairseq_l2rw.utils.rng import RandomState


@dataclass
class SubBatch(Batch):
    """What is kept of a sub-batch until its update, or its window, is done.

    Attributes:
        sample: fairseq's batch.
        features: what the weighting read of it, in N rows.
        rule_weights: the weighting's own weights, also while warm-up applies others, (N,).
        rule_bound: what ``bound`` is with these.
        fallback: how many of the weighting's own weights were unusable, a scalar.
        random: from before the student's pass.
        dummy: whether it fills up an uneven shard, and counts for nothing.
        usefulness: -dL_dev/dw_i, (N,), once there was a meta step.
        factors: that the weighting's own weights are the product of, by name, each of shape (N,).
    """

    sample: dict[str, Any]
    features: Features
    rule_weights: Tensor
    rule_bound: Tensor | float
    fallback: Tensor
    random: RandomState
    dummy: bool
    usefulness: Tensor | None = None
    factors: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, replay: Replay, weights: Tensor, features: Features, **kept: Any) -> "SubBatch":
        """From the weights that trained the student, (N,), and what else was kept."""
        losses = replay.training(kept["sample"], kept["random"])
        if kept["dummy"]:  # counts for nothing
            kept["bound"] = kept["rule_bound"] = 0.0
            weights = torch.zeros_like(weights)
            features = replace(features, sizes=torch.zeros_like(features.sizes))
        return cls(losses, weights, features.sizes, features=features, **kept)


@dataclass
class UpdateBuffer:
    """The sub-batches of one update of the student, so far.

    Attributes:
        number: of the update, from 0.
        most: how many of its sub-batches the teacher learns from, None for all.
        batches: all of them.
        step_share: the share of a full step that it is, a scalar; None where all are full ones.
        told_numbers: ``told`` as the workers exchanged it, shape (workers, K), until it is read.
        told: of several workers, what each told the others of the update once its gradient was
            there (``own_numbers``); None where nothing was told.
    """

    number: int
    most: int | None
    batches: list[SubBatch] = field(default_factory=list)
    step_share: Tensor | None = None
    told_numbers: Tensor | None = None
    told: list[list[int]] | None = None

    @property
    def real(self) -> list[SubBatch]:
        """The sub-batches that do not only fill up an uneven shard."""
        return [batch for batch in self.batches if not batch.dummy]

    @property
    def teaching(self) -> list[SubBatch]:
        """The sub-batches that the teacher learns from."""
        return self.batches[: self.most]

    def own_numbers(self) -> list[int]:
        """What this worker has: sentences, rows, tokens, and sub-batches that the teacher gets."""
        features = [batch.features for batch in self.real]
        tokens = [len(f.tokens.nll) for f in features if f.tokens is not None]
        sentences = sum(len(f.lengths) for f in features)
        return [sentences, sum(map(len, features)), sum(tokens), len(self.teaching)]

    def read_told(self) -> None:
        """Know what was told; waits for the device."""
        if self.told_numbers is not None:
            self.told = [[int(n) for n in numbers] for numbers in self.told_numbers.tolist()]
            self.told_numbers = None

    @property
    def complete(self) -> bool:
        """Whether the teacher gets sub-batches of every worker: none ran out of memory."""
        return all(numbers[-1] for numbers in self.told) if self.told else bool(self.teaching)

    @property
    def teaches(self) -> bool:
        """Whether the next sub-batch will be one of them."""
        return self.most is None or len(self.batches) < self.most


def sub_batches(batches: Iterable[Batch]) -> list[SubBatch]:
    """The batches of a step of a trajectory, which are all sub-batches of training."""
    return [b for b in batches if isinstance(b, SubBatch)]
