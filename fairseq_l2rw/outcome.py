"""What an update came to: of each sub-batch what was seen of it and what it was given.

Workers tell each other once an update. What is kept from it (history, costs, draws, log, record)
each of them computes from the outcomes of all, in the same order as a single worker would.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from fairseq_l2rw.update import SubBatch
from fairseq_l2rw.workers import alone, everywhere


@dataclass(frozen=True)
class Outcome:
    """A sub-batch of S sentences after its update, in N rows: sentences, or tokens with weights.

    Attributes:
        sentences: their numbers in the training split, shape (S,).
        lengths: target tokens with a loss, shape (S,).
        loss, sizes, correct, stands_for: see :class:`fairseq_l2rw.observation.Observation`, each
            of shape (N,).
        bigrams, nll, real: likewise, shapes (M, 2), (M,) and (M,).
        proposed: the weighting's own weights, shape (N,).
        given: the weights that trained the student, shape (N,).
        fallback: how many of the weighting's own weights were unusable, a scalar.
        signal: -dL_dev/dw_i or <dev gradient, grad l_i>, shape (N,), where it was asked.
    """

    sentences: Tensor
    lengths: Tensor
    loss: Tensor
    sizes: Tensor
    correct: Tensor
    stands_for: Tensor
    bigrams: Tensor | None
    nll: Tensor | None
    real: Tensor | None
    proposed: Tensor
    given: Tensor
    fallback: Tensor
    signal: Tensor | None

    @classmethod
    def of(cls, batch: SubBatch) -> "Outcome":
        """What a sub-batch came to, on the student's device."""
        sample, seen = batch.sample, batch.seen
        assert seen.real is not None  # of a batch that was trained on
        lengths = seen.real.view(len(sample["target"]), -1).sum(1)
        return cls(
            sentences=sample["id"],
            lengths=lengths,
            loss=seen.loss,
            sizes=seen.sizes,
            correct=seen.correct,
            stands_for=torch.ones_like(seen.loss) if seen.stands_for is None else seen.stands_for,
            bigrams=seen.bigrams,
            nll=seen.nll,
            real=seen.real,
            proposed=batch.proposed,
            given=batch.given,
            fallback=batch.fallback,
            signal=seen.alignment if batch.signal is None else batch.signal,
        )

    def by_sentence(self, rows: Tensor) -> Tensor:
        """The mean over each sentence's rows: (N,) to (S,)."""
        if len(rows) == len(self.sentences):
            return rows
        sentence = torch.arange(len(self.lengths), device=rows.device)
        place = sentence.repeat_interleave(self.lengths)
        return rows.new_zeros(len(self.lengths)).index_add_(0, place, rows) / self.lengths.clamp(
            min=1
        )

    def to(self, device: torch.device | str) -> "Outcome":
        """The same on another device."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        moved = {n: v.to(device) if isinstance(v, Tensor) else v for n, v in values.items()}
        return Outcome(**moved)


def of_all_workers(local: Sequence[Outcome], device: torch.device) -> list[Outcome]:
    """The outcomes of an update's sub-batches; every worker must call it.

    Args:
        local: of this worker's sub-batches; none if its shard is empty.
        device: where they are wanted.
    """
    if alone():
        return list(local)
    return [outcome.to(device) for outcome in everywhere([x.to("cpu") for x in local])]
