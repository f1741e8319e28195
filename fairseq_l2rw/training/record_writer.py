"""What goes into the record of weights, from all workers.

Rows stay on the student's device until there are those of many updates: a GPU would be waited for
at every update otherwise.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import isnan, nan
from multiprocessing.util import Finalize
from pathlib import Path

import torch
from torch import Tensor

from fairseq_l2rw.training.update_summary import Summary
from fairseq_l2rw.training.weight_record import RecordedRun, WeightRecord
from fairseq_l2rw.training.workers import rank

logger = logging.getLogger(__name__)

_TOGETHER = 64  # updates whose rows are fetched at once


@dataclass(frozen=True)
class _Rows:
    """The rows of an update of S sentences.

    Attributes:
        update, epoch: their numbers.
        columns: on the device, each of shape (S,); None for one that has no numbers.
        tokens: weights of all its tokens, flat, where tokens have weights.
    """

    update: int
    epoch: int
    columns: list[Tensor | None]
    tokens: Tensor | None

    @property
    def sentences(self) -> Tensor:
        """Their numbers, shape (S,)."""
        (first, *_) = self.columns
        assert first is not None
        return first


class RecordWriter:
    """Writes a row a sentence and update.

    One worker writes for all: only the first takes part in saving a checkpoint, which is when a
    part of the record has to end.

    Args:
        folder: of the record.
        unit: ``sentence`` or ``token``: what has a weight.
        start: the first update of this process.
        factors: names of the factors of a weight.
        run: what the record is of.
    """

    def __init__(
        self,
        folder: str | Path,
        unit: str,
        start: int,
        factors: Sequence[str],
        run: RecordedRun,
    ) -> None:
        self.unit, self.factors = unit, factors
        self.record = WeightRecord(folder, start, factors, run) if rank() == 0 else None
        self._waiting: list[_Rows] = []
        if self.record is not None:  # what comes after the last checkpoint, or all with --no-save
            Finalize(self.record, self.flush, exitpriority=1)
        if self.record is not None:
            for parts, why in (
                (self.record.removed, f"updates from {start} on, which this run does again"),
                (self.record.outdated, "another training text, whose lines are other ones"),
            ):
                if parts:
                    logger.warning(f"removed {len(parts)} parts of {folder}: they are of {why}")

    def write(self, number: int, epoch: int, update: Summary) -> None:
        """Add the sentences of an update, of all workers."""
        if self.record is None:
            return
        tokens = update.applied_weights if self.unit == "token" else None
        self._waiting.append(_Rows(number, epoch, self._columns(update), tokens))
        if len(self._waiting) >= _TOGETHER:
            self._fetch()

    def flush(self) -> None:
        """End a part of the record."""
        if self.record is not None:
            self._fetch()
            self.record.flush()

    def _columns(self, summary: Summary) -> list[Tensor | None]:
        """What is recorded of S sentences, each (S,): means where their tokens have weights."""
        numbers = [summary.applied_weights, summary.importance_weight, summary.columns["loss"]]
        numbers += [summary.factors[name] for name in self.factors]
        mean = partial(summary.by_sentence, unit=self.unit)
        columns: list[Tensor | None] = [summary.sentences, summary.lengths, *map(mean, numbers)]
        if summary.usefulness is None:
            columns.append(None)
        else:  # per unit of its size
            sums, sizes = map(mean, (summary.usefulness, summary.sizes))
            columns.append(sums / sizes)
        return columns

    def _fetch(self) -> None:
        """Hand all rows over to the record; a GPU is asked for them at once."""
        if self.record is None or not self._waiting:
            return
        rows, self._waiting = self._waiting, []
        counts = [len(r.sentences) for r in rows]
        parts = zip(*(r.columns for r in rows), strict=True)
        found = torch.stack([_joined(part, rows) for part in parts]).tolist()
        sentences, lengths = ([int(x) for x in column] for column in found[:2])
        means, importance_weights, losses, *factors, usefulness = found[2:]
        by_token: list[list[float] | None] = [None] * len(lengths)
        if self.unit == "token":
            weights = torch.cat([r.tokens for r in rows if r.tokens is not None]).cpu()
            by_token = [part.tolist() for part in weights.split(lengths)]
        self.record.add(
            [
                [r.update for r, count in zip(rows, counts, strict=True) for _ in range(count)],
                [r.epoch for r, count in zip(rows, counts, strict=True) for _ in range(count)],
                sentences,
                means,
                importance_weights,
                losses,
                [None if isnan(x) else x for x in usefulness],
                lengths,
                by_token,
                *factors,
            ]
        )


def _joined(parts: Sequence[Tensor | None], rows: Sequence[_Rows]) -> Tensor:
    """One column of all updates, float64, which holds every number; shape (sentences,)."""
    pairs = zip(parts, rows, strict=True)
    known = [torch.full_like(r.sentences.double(), nan) if x is None else x for x, r in pairs]
    return torch.cat([x.double() for x in known])
