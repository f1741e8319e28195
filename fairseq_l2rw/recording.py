"""What goes into the record of weights, from all workers."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from fairseq_l2rw.drawing import STANDS_FOR
from fairseq_l2rw.record import Row, WeightRecord
from fairseq_l2rw.update import SubBatch
from fairseq_l2rw.workers import gathered, rank

logger = logging.getLogger(__name__)


class Recording:
    """Writes a row a sentence and update.

    One worker writes for all: only the first takes part in saving a checkpoint, which is when a
    part of the record has to end.

    Args:
        folder: of the record.
        unit: ``sentence`` or ``token``: what has a weight.
        padding_idx: of the target dictionary.
        start: the first update of this process.
    """

    def __init__(self, folder: str | Path, unit: str, padding_idx: int, start: int) -> None:
        self.unit, self.padding_idx = unit, padding_idx
        self.record = WeightRecord(folder, start) if rank() == 0 else None
        if self.record is not None and self.record.removed:
            logger.warning(
                f"removed {len(self.record.removed)} parts of {folder}: they are of updates from "
                f"{start} on, which this run does again"
            )

    def write(self, update: int, epoch: int, batches: Sequence[SubBatch]) -> None:
        """Add this worker's sentences of an update; every worker must call it."""
        rows = [row for b in batches for row in self._rows(update, epoch, b)]
        everywhere = gathered(rows)
        if self.record is not None:
            self.record.add(row for of_worker in everywhere for row in of_worker)

    def flush(self) -> None:
        """End a part of the record."""
        if self.record is not None:
            self.record.flush()

    def _rows(self, update: int, epoch: int, batch: SubBatch) -> Iterator[Row]:
        """A sentence whose tokens have weights gets their mean and the list of them."""
        ids = batch.sample["id"].tolist()
        lengths = batch.sample["target"].ne(self.padding_idx).sum(1).tolist()
        parts = lengths if self.unit == "token" else [1] * len(ids)
        # To the CPU all at once: a GPU is asked four times an update, not for every sentence.
        weights, losses = (x.cpu().split(parts) for x in (batch.given, batch.seen.loss))
        signals = self._signals(batch, parts)
        many = [1.0] * len(ids)
        if STANDS_FOR in batch.sample:
            many = batch.sample[STANDS_FOR].tolist()
        rows = zip(ids, weights, many, losses, signals, lengths, strict=True)
        for i, w, times, loss, signal, length in rows:
            tokens = w.tolist() if self.unit == "token" else None
            weight, per_token = float(w.mean()), float(loss.mean())
            yield update, epoch, i, weight, times, per_token, signal, length, tokens

    @staticmethod
    def _signals(batch: SubBatch, parts: Sequence[int]) -> list[float | None]:
        """What the dev gradient said of each sentence, per unit of its size."""
        found = batch.seen.alignment if batch.signal is None else batch.signal
        if found is None:
            return [None] * len(parts)
        pairs = zip(*(x.cpu().split(list(parts)) for x in (found, batch.sizes)), strict=True)
        return [float(a.sum() / n.sum()) for a, n in pairs]
