"""What goes into the record of weights, from all workers."""

import logging
from collections.abc import Iterator, Sequence
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import torch

from fairseq_l2rw.training.update_summary import Summary
from fairseq_l2rw.training.weight_record import WeightRecord
from fairseq_l2rw.training.workers import rank

logger = logging.getLogger(__name__)


class RecordWriter:
    """Writes a row a sentence and update.

    One worker writes for all: only the first takes part in saving a checkpoint, which is when a
    part of the record has to end.

    Args:
        folder: of the record.
        unit: ``sentence`` or ``token``: what has a weight.
        start: the first update of this process.
        factors: names of the factors of a weight.
    """

    def __init__(
        self, folder: str | Path, unit: str, start: int, factors: Sequence[str] = ()
    ) -> None:
        self.unit, self.factors = unit, factors
        self.record = WeightRecord(folder, start, factors) if rank() == 0 else None
        if self.record is not None:  # what comes after the last checkpoint, or all with --no-save
            Finalize(self.record, self.record.flush, exitpriority=1)
        if self.record is not None and self.record.removed:
            logger.warning(
                f"removed {len(self.record.removed)} parts of {folder}: they are of updates from "
                f"{start} on, which this run does again"
            )

    def write(self, number: int, epoch: int, update: Sequence[Summary]) -> None:
        """Add the sentences of an update, of all workers."""
        if self.record is not None:
            self.record.add(row for summary in update for row in self._rows(number, epoch, summary))

    def flush(self) -> None:
        """End a part of the record."""
        if self.record is not None:
            self.record.flush()

    def _rows(self, number: int, epoch: int, summary: Summary) -> Iterator[tuple[Any, ...]]:
        """A sentence whose tokens have weights gets their mean and the list of them."""
        weights = summary.applied_weights
        numbers = weights, summary.importance_weight, summary.columns["loss"]
        columns = [summary.sentences, summary.lengths, *map(summary.by_sentence, numbers)]
        columns += [summary.by_sentence(summary.factors[name]) for name in self.factors]
        if summary.usefulness is not None:  # per unit of its size
            sums, sizes = map(summary.by_sentence, (summary.usefulness, summary.sizes))
            columns.append(sums / sizes)
        # A GPU is asked for all of them at once; float64 holds every one.
        found = torch.stack([column.double() for column in columns]).tolist()
        sentences, lengths = ([int(x) for x in column] for column in found[:2])
        means, importance_weights, losses, *others = found[2:]
        factors, usefulness = others[: len(self.factors)], others[len(self.factors) :]
        by_token: list[list[float] | None] = [None] * len(lengths)
        if self.unit == "token":
            by_token = [part.tolist() for part in weights.cpu().split(lengths)]
        yield from zip(
            [number] * len(lengths),
            [epoch] * len(lengths),
            sentences,
            means,
            importance_weights,
            losses,
            usefulness[0] if usefulness else [None] * len(lengths),
            lengths,
            by_token,
            *factors,
            strict=True,
        )
