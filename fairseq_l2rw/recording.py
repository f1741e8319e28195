"""What goes into the record of weights, from all workers."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

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
        told = outcome.to("cpu")  # a GPU is not asked for every sentence
        lengths = told.lengths.tolist()
        given = told.given.split(lengths) if self.unit == "token" else ()
        yield from zip(
            [number] * len(lengths),
            [epoch] * len(lengths),
            told.sentences.tolist(),
            told.by_sentence(told.given).tolist(),
            told.by_sentence(told.stands_for).tolist(),
            told.by_sentence(told.loss).tolist(),
            self._signals(told),
            lengths,
            [weights.tolist() for weights in given] or [None] * len(lengths),
            strict=True,
        )

    @staticmethod
    def _signals(told: Outcome) -> list[float | None]:
        """What the dev gradient said of each sentence, per unit of its size."""
        if told.signal is None:
            return [None] * len(told.sentences)
        sums = told.by_sentence(told.signal) / told.by_sentence(told.sizes)
        return [float(x) for x in sums]
