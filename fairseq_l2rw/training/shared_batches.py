"""A trusted batch that workers pass together: each a share of its pairs.

All workers draw the same batch. Together they know what a single one would know of it: the sum of
the losses, and what was read of every pair.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from fairseq_l2rw.features.features import Features
from fairseq_l2rw.training.workers import all_rows


def share(batch: dict[str, Any], padding: int, worker: int, count: int) -> dict[str, Any]:
    """The pairs of a batch that one of several workers passes, in the order of the batch.

    fairseq orders a batch by length, so neighbours take the least padding. A share is neighbours
    that make up an equal part of the tokens, at least one pair.

    Args:
        batch: of fairseq, on the CPU, with at least as many pairs as there are workers.
        padding: the type that fills up rows.
        worker: its number.
        count: how many there are.
    """
    inputs, target = batch["net_input"], batch["target"]
    tokens = inputs["src_tokens"].ne(padding).sum(1) + target.ne(padding).sum(1)
    part = slice(*bounds(tokens, count)[worker : worker + 2])
    named = {name: _trimmed(value[part], padding) for name, value in inputs.items()}
    found = {"id": batch["id"][part], "target": _trimmed(target[part], padding)}
    numbers = {"nsentences": len(found["id"]), "ntokens": int(found["target"].ne(padding).sum())}
    return {**batch, **found, **numbers, "net_input": named}


def bounds(tokens: Tensor, count: int) -> list[int]:
    """Where shares of a batch begin, and where the last one ends.

    Args:
        tokens: of each of the N pairs, shape (N,).
        count: of shares, at most N.
    """
    before = tokens.cumsum(0) - tokens
    ideal = torch.arange(count + 1) * (tokens.sum() / count)
    found = torch.searchsorted(before.to(ideal), ideal)
    # Every share has a pair, and leaves one for each that comes after it.
    found = torch.maximum(found - torch.arange(count + 1), torch.tensor(0)).cummax(0).values
    found = torch.minimum(found, torch.tensor(len(tokens) - count)) + torch.arange(count + 1)
    return [0, *found[1:-1].tolist(), len(tokens)]


def gathered_features(features: Features) -> Features:
    """What all workers read of their shares, in the order of the batch; every worker must call it.

    Types stay as they were. The batch's tokens are left out: they are for the features of later
    updates, and trusted pairs are not trained on.
    """
    columns = list(features.columns.values())
    rows = [*columns, features.sizes, features.ids, features.positions]
    table = torch.stack([row.double() for row in rows], 1)
    if features.states is not None:
        table = torch.cat([table, features.states.double()], 1)
    table, lengths = all_rows([table, features.lengths.double().unsqueeze(1)])
    found = [part.to(row) for part, row in zip(table.unbind(1), rows, strict=False)]
    states = features.states
    return replace(
        features,
        columns=dict(zip(features.columns, found, strict=False)),
        sizes=found[-3],
        ids=found[-2],
        positions=found[-1],
        lengths=lengths[:, 0].to(features.lengths),
        states=None if states is None else table[:, len(rows) :].to(states),
        tokens=None,
    )


def _trimmed(rows: Tensor, padding: int) -> Tensor:
    """Tokens (N, T) without columns of nothing but padding; lengths (N,) as they are."""
    return rows if rows.dim() == 1 else rows[:, rows.ne(padding).any(0)]
