"""What an update came to: what was read of its sub-batches, and the weights that they got.

Workers tell each other once an update. What is kept from it (what features need, the sampler, the
log, the record) each of them computes from the summary of all, in the same order as a single
worker would. However many workers and sub-batches there are, it is one summary, so that this takes
as many operations as for one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from fairseq_l2rw.features.columns import HISTORY
from fairseq_l2rw.features.features import ScoredTokens, by_sentence
from fairseq_l2rw.training.update_buffer import SubBatch, UpdateBuffer
from fairseq_l2rw.training.workers import all_rows, alone


class SummaryNames(NamedTuple):
    """What a summary holds: a worker without any sub-batch has to know it of the others.

    Attributes:
        columns: names of the features.
        factors: names of the factors.
    """

    columns: Sequence[str]
    factors: Sequence[str]


@dataclass(frozen=True)
class Summary:
    """The S sentences of an update, in N rows: sentences, or tokens with weights.

    Attributes:
        sentences: their numbers in the training split, shape (S,).
        lengths: target tokens with a loss, shape (S,).
        columns: features that are remembered or recorded, by name, each of shape (N,).
        sizes, importance_weight, tokens: see ``fairseq_l2rw.features.features.Features``.
        rule_weights: the weighting's own weights, shape (N,).
        applied_weights: the weights that trained the student, shape (N,).
        fallback: how many of the weighting's own weights were unusable, a scalar.
        usefulness: -dL_dev/dw_i, or <dev gradient, grad l_i>, shape (N,); NaN where there was no
            meta step, None where there was none at all.
        factors: that the weighting's own weights are the product of, by name, each of shape (N,).
    """

    sentences: Tensor
    lengths: Tensor
    columns: Mapping[str, Tensor]
    sizes: Tensor
    importance_weight: Tensor
    tokens: ScoredTokens | None
    rule_weights: Tensor
    applied_weights: Tensor
    fallback: Tensor
    usefulness: Tensor | None
    factors: Mapping[str, Tensor]

    @classmethod
    def of(cls, batches: Sequence[SubBatch]) -> "Summary":
        """What real sub-batches of an update came to, at least one, on the student's device."""
        features = [batch.features for batch in batches]
        tokens = [f.tokens for f in features if f.tokens is not None]
        return cls(
            sentences=_joined([batch.sample["id"] for batch in batches]),
            lengths=_joined([f.lengths for f in features]),
            columns=_by_name([f.only(HISTORY) for f in features]),
            sizes=_joined([f.sizes for f in features]),
            importance_weight=_joined(
                [
                    torch.ones_like(f.sizes) if f.importance_weight is None else f.importance_weight
                    for f in features
                ]
            ),
            tokens=ScoredTokens(*map(_joined, zip(*tokens, strict=True))) if tokens else None,
            rule_weights=_joined([batch.rule_weights for batch in batches]),
            applied_weights=_joined([batch.weights for batch in batches]),
            fallback=torch.stack([batch.fallback for batch in batches]).sum(),
            usefulness=_usefulness(batches),
            factors=_by_name([batch.factors for batch in batches]),
        )

    def by_sentence(self, rows: Tensor, unit: str) -> Tensor:
        """The mean over each sentence's rows: (N,) to (S,); 0 for a sentence without tokens.

        Args:
            rows: shape (N,).
            unit: ``sentence`` or ``token``: what a row is.
        """
        return by_sentence(rows, self.lengths, unit)


def gathered(update: UpdateBuffer, names: SummaryNames, device: torch.device) -> Summary | None:
    """The summary of an update on all workers, every one of which must call it.

    Args:
        update: of this worker; without sub-batches if its shard is empty.
        names: of what a summary holds, the same on every worker.
        device: where they are.

    Returns:
        The summary; None where no worker has a sub-batch.
    """
    own = Summary.of(update.real) if update.real else None
    if alone():
        return own
    # What was told, and a row for what there is one of.
    lengths = update.told and [[*numbers[:3], 1] for numbers in update.told]
    found = _summary(all_rows(_tables(own, names, device), lengths), names)
    return found if len(found.sentences) else None


# What a row has before columns and factors.
_NUMBERS = ("sizes", "importance_weight", "rule_weights", "applied_weights")


def _tables(own: Summary | None, names: SummaryNames, device: torch.device) -> list[Tensor]:
    """A summary as tables of sentences (S, 2), rows (N, K), tokens (M, 4), and fallback (1, 1)."""
    width = len(_NUMBERS) + 1 + len(names.columns) + len(names.factors)
    empty = [torch.empty(0, k, dtype=torch.float64, device=device) for k in (2, width, 4)]
    if own is None:
        return [*empty, torch.zeros(1, 1, dtype=torch.float64, device=device)]
    nan = torch.full_like(own.sizes, torch.nan)
    rows = [getattr(own, name) for name in _NUMBERS]
    rows.append(nan if own.usefulness is None else own.usefulness)
    rows += [own.columns[name] for name in names.columns]
    rows += [own.factors[name] for name in names.factors]
    tokens = empty[2]
    if own.tokens is not None:
        # Before they stand side by side: half precision does not hold the numbers of types.
        places, nll, real = (part.double() for part in own.tokens)
        tokens = torch.cat([places, nll.unsqueeze(1), real.unsqueeze(1)], 1)
    sentences = torch.stack([own.sentences, own.lengths], 1)
    tables = [sentences, torch.stack([r.double() for r in rows], 1), tokens]
    return [*(table.double() for table in tables), own.fallback.double().view(1, 1)]


def _summary(tables: Sequence[Tensor], names: SummaryNames) -> Summary:
    """The opposite of ``_tables``, whose shapes it takes; what are no whole numbers is float64."""
    sentences, rows, tokens, fallback = tables
    numbers, others = rows.unbind(1)[: len(_NUMBERS) + 1], rows.unbind(1)[len(_NUMBERS) + 1 :]
    columns, factors = others[: len(names.columns)], others[len(names.columns) :]
    scored = ScoredTokens(tokens[:, :2].long(), tokens[:, 2], tokens[:, 3] != 0)
    return Summary(
        sentences=sentences[:, 0].long(),
        lengths=sentences[:, 1].long(),
        columns=dict(zip(names.columns, columns, strict=True)),
        tokens=scored if len(tokens) else None,
        fallback=fallback.sum(),
        usefulness=numbers[-1],
        factors=dict(zip(names.factors, factors, strict=True)),
        **dict(zip(_NUMBERS, numbers, strict=False)),
    )


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """Tensors one after the other, shapes (N, ...); of one, as is usual, itself."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _by_name(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The same of every name, which all of them have."""
    return {name: _joined([part[name] for part in parts]) for name in parts[0]}


def _usefulness(batches: Sequence[SubBatch]) -> Tensor | None:
    """``Summary.usefulness`` of all sub-batches together."""
    told = [b.features.alignment if b.usefulness is None else b.usefulness for b in batches]
    if all(part is None for part in told):
        return None
    sizes = [batch.features.sizes for batch in batches]
    return _joined(
        [
            torch.full_like(n, torch.nan) if part is None else part.to(n)
            for part, n in zip(told, sizes, strict=True)
        ]
    )
