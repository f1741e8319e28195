"""The weights that sentences were given in training, as the plugin recorded them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Weights:
    """One row for every time a sentence was trained on."""

    update: Array
    epoch: Array
    id: Array
    weight: Array
    importance_weight: Array  # sentences of the training set, if an epoch holds only some
    loss: Array
    usefulness: Array  # NaN where there was no meta step

    def take(self, rows: Array) -> Weights:
        """Return some of the rows."""
        return Weights(*(getattr(self, column.name)[rows] for column in fields(self)))

    def last_epoch(self) -> Weights:
        """Return the rows of the last epoch, or of the one before if it was cut off early.

        An epoch need not hold every sentence; those that it holds stand for the others.
        """
        epochs, rows = np.unique(self.epoch, return_counts=True)
        cut_off = len(epochs) > 1 and rows[-1] < rows[-2] / 2
        return self.take(self.epoch == epochs[-2 if cut_off else -1])

    def kinds(self, labels: Sequence[str]) -> Array:
        """Return the label of every row's sentence."""
        if len(self.id) and int(self.id.max()) >= len(labels):
            sys.exit(
                f"weights of sentence {self.id.max()}, but only {len(labels)} labels: other data?"
            )
        return np.asarray(labels)[self.id]


def read_weights(folder: Path) -> Weights:
    """Read all Parquet files of a `--weights-dir`."""
    import pyarrow
    import pyarrow.parquet as parquet

    names = [column.name for column in fields(Weights)]
    try:
        table = parquet.read_table(folder, columns=names)
    except (FileNotFoundError, pyarrow.ArrowInvalid, OSError) as error:
        sys.exit(f"no weights in {folder}: {error}")
    if table.num_rows == 0:
        sys.exit(f"no weights in {folder}: train with --weights-dir {folder}")
    return Weights(*(table[name].to_numpy() for name in names))
