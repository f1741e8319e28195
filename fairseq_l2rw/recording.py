"""What goes into the record of weights, from all workers."""

import logging
from collections.abc import Iterator, Sequence
from multiprocessing.util import Finalize
from pathlib import Path

import torch

from fairseq_l2rw.outcome import Outcome
from fairseq_l2rw.record import Row, WeightRecord
from fairseq_l2rw.workers import rank

logger = logging.getLogger(__name__)


class Recording:
    """Writes a row a sentence and update.

    One worker writes for all: only the first takes part in saving a checkpoint, which is when a
    part of the record has to end.

    Args:
        folder: of the record.
        unit: ``sentence`` or ``token``: what has a weight.
        start: the first update of this process.
    """

    def __init__(self, folder: str | Path, unit: str, start: int) -> None:
        self.unit = unit
        self.record = WeightRecord(folder, start) if rank() == 0 else None
        if self.record is not None:  # what comes after the last checkpoint, or all with --no-save
            Finalize(self.record, self.record.flush, exitpriority=1)
        if self.record is not None and self.record.removed:
            logger.warning(
                f"removed {len(self.record.removed)} parts of {folder}: they are of updates from "
                f"{start} on, which this run does again"
            )

    def write(self, number: int, epoch: int, update: Sequence[Outcome]) -> None:
        """Add the sentences of an update, of all workers."""
        if self.record is not None:
            self.record.add(row for o in update for row in self._rows(number, epoch, o))

    def flush(self) -> None:
        """End a part of the record."""
        if self.record is not None:
            self.record.flush()

    def _rows(self, number: int, epoch: int, outcome: Outcome) -> Iterator[Row]:
        """A sentence whose tokens have weights gets their mean and the list of them."""
        columns = [outcome.sentences, outcome.lengths]
        columns += map(outcome.by_sentence, (outcome.given, outcome.stands_for, outcome.loss))
        if outcome.signal is not None:  # per unit of its size
            sums, sizes = map(outcome.by_sentence, (outcome.signal, outcome.sizes))
            columns.append(sums / sizes)
        # A GPU is asked for all of them at once; float64 holds every one.
        told = torch.stack([column.double() for column in columns]).tolist()
        sentences, lengths = ([int(x) for x in column] for column in told[:2])
        weights, stands_for, losses, *signals = told[2:]
        given: list[list[float] | None] = [None] * len(lengths)
        if self.unit == "token":
            given = [part.tolist() for part in outcome.given.cpu().split(lengths)]
        yield from zip(
            [number] * len(lengths),
            [epoch] * len(lengths),
            sentences,
            weights,
            stands_for,
            losses,
            signals[0] if signals else [None] * len(lengths),
            lengths,
            given,
            strict=True,
        )
