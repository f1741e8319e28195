"""What an update came to: of each sub-batch what was read of it, and the weights that it got.

Workers tell each other once an update. What is kept from it (what features need, the sampler, the
log, the record) each of them computes from the summaries of all, in the same order as a single
worker would.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from fairseq_l2rw.features.columns import HISTORY
from fairseq_l2rw.features.features import ScoredTokens
from fairseq_l2rw.training.update_buffer import SubBatch
from fairseq_l2rw.training.workers import all_gather, alone


@dataclass(frozen=True)
class Summary:
    """A sub-batch of S sentences after its update, in N rows: sentences, or tokens with weights.

    Attributes:
        sentences: their numbers in the training split, shape (S,).
        lengths: target tokens with a loss, shape (S,).
        columns: features that are remembered or recorded, by name, each of shape (N,).
        sizes, importance_weight, tokens: see ``fairseq_l2rw.features.features.Features``.
        rule_weights: the weighting's own weights, shape (N,).
        applied_weights: the weights that trained the student, shape (N,).
        fallback: how many of the weighting's own weights were unusable, a scalar.
        usefulness: -dL_dev/dw_i, or <dev gradient, grad l_i>, shape (N,), where there was a meta
            step.
        factors: that the weighting's own weights are the product of, by name, each of shape (N,).
    """

    sentences: Tensor
    lengths: Tensor
    columns: dict[str, Tensor]
    sizes: Tensor
    importance_weight: Tensor
    tokens: ScoredTokens | None
    rule_weights: Tensor
    applied_weights: Tensor
    fallback: Tensor
    usefulness: Tensor | None
    factors: dict[str, Tensor]

    @classmethod
    def of(cls, batch: SubBatch) -> "Summary":
        """What a sub-batch came to, on the student's device."""
        features, importance = batch.features, batch.features.importance_weight
        return cls(
            sentences=batch.sample["id"],
            lengths=features.lengths,
            columns=features.only(HISTORY),
            sizes=features.sizes,
            importance_weight=torch.ones_like(features.sizes) if importance is None else importance,
            tokens=features.tokens,
            rule_weights=batch.rule_weights,
            applied_weights=batch.applied_weights,
            fallback=batch.fallback,
            usefulness=features.alignment if batch.usefulness is None else batch.usefulness,
            factors=batch.factors,
        )

    def by_sentence(self, rows: Tensor) -> Tensor:
        """The mean over each sentence's rows: (N,) to (S,)."""
        if len(rows) == len(self.sentences):
            return rows
        sentence = torch.arange(len(self.lengths), device=rows.device)
        place = sentence.repeat_interleave(self.lengths)
        sums = rows.new_zeros(len(self.lengths)).index_add_(0, place, rows)
        return sums / self.lengths.clamp(min=1)

    def to(self, device: torch.device | str) -> "Summary":
        """The same on another device."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return Summary(**{n: _mapped(v, lambda x: x.to(device)) for n, v in values.items()})


def _mapped(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """A function of every tensor in a value of ``Summary``."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, dict):
        return {name: function(x) for name, x in value.items()}
    return ScoredTokens(*map(function, value)) if isinstance(value, ScoredTokens) else value


def gathered(local: Sequence[Summary], device: torch.device) -> list[Summary]:
    """The summaries of an update's sub-batches; every worker must call it.

    Args:
        local: of this worker's sub-batches; none if its shard is empty.
        device: where they are wanted.
    """
    if alone():
        return list(local)
    return [summary.to(device) for summary in all_gather([x.to("cpu") for x in local])]
