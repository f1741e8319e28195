"""The training text: its folders, its lines, and which of them fairseq trains on."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fairseq.data.iterators import EpochBatchIterator
from fairseq.utils import split_paths
from torch import Tensor

from fairseq_l2rw.data.fingerprint import fingerprint
from fairseq_l2rw.data.lines import Lines
from fairseq_l2rw.data.pairs import PairSubset
from fairseq_l2rw.data.sentences import in_blocks
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.utils.weight_bytes import filled

logger = logging.getLogger(__name__)

_BOUNDS = "--max-tokens, --max-source-positions, --max-target-positions"


class TrainingText:
    """What fairseq trains on of a folder, once however often it is in fairseq's dataset.

    Args:
        dataset: fairseq's ``LanguagePairDataset``.
        batches: the iterator over it, whose batches from now on say lines as their ``id``.
        begin: number of the first line.

    Attributes:
        lines: all of the folder's.
        trained: those that are trained on, N numbers in their order.
        pairs: these N pairs.
    """

    def __init__(self, dataset: Any, batches: EpochBatchIterator, begin: int = 0) -> None:
        self._dataset, self.lines = dataset, Lines.of(dataset, begin)
        places = self.lines.once(np.concatenate([np.asarray(b) for b in batches.frozen_batches]))
        self.trained = self.lines.at(places)
        self.pairs = PairSubset(dataset, places)
        batches.collate_fn = self.lines.numbered(batches.collate_fn)

    def by_line(self, values: Tensor) -> Tensor:
        """Weights of the pairs (N,), as bytes, as those of the folder's lines, NaN where left out.

        ``fairseq_l2rw.utils.weight_bytes`` says what a byte stands for.
        """
        found = filled(self.lines.count, torch.nan)
        found[torch.from_numpy(self.trained - self.lines.begin)] = values
        return found

    def log_left_out(self, max_positions: Any) -> None:
        """Say how many lines are not trained on."""
        count, fits = self.lines.count, np.zeros(self.lines.count, bool)
        for places in _fitting(self._dataset, max_positions):
            fits[self.lines.at(places) - self.lines.begin] = True
        fitting = int(fits.sum())
        for left, why in (
            (count - fitting, f"too long ({_BOUNDS})"),
            (fitting - len(self.trained), "in no full batch (--required-batch-size-multiple)"),
        ):
            if left:
                logger.info(f"{left} of {count} lines are left out of training: {why}")


@dataclass(frozen=True)
class Folders:
    """The folders of the training text, which epochs take in turn (``DATA1:DATA2``).

    Attributes:
        begins: number of the first line of each, and how many lines there are in all.
        fingerprint: of all lines, see ``fairseq_l2rw.data.fingerprint.fingerprint``.
    """

    begins: list[int]
    fingerprint: str

    @classmethod
    def of(cls, datasets: Iterable[Any]) -> "Folders":
        """From fairseq's dataset of each, which is not kept."""
        begins, found = [0], []
        for dataset in datasets:
            lines = Lines.of(dataset)
            begins.append(begins[-1] + lines.count)
            places = None if lines.of_place is None else lines.once(np.arange(len(lines)))
            found.append(fingerprint(dataset if places is None else PairSubset(dataset, places)))
        return cls(begins, " ".join(found))


def check_splits(cfg: Any, name: str) -> None:
    """Raise ``InputError`` where fairseq is not told how to join splits.

    Args:
        cfg: the task's options.
        name: of the first split.
    """
    folder, source, target = split_paths(cfg.data)[0], cfg.source_lang, cfg.target_lang
    names = [f"{name}1.{a}-{b}.{source}*" for a, b in ((source, target), (target, source))]
    if cfg.upsample_primary < 0 and any(any(Path(folder).glob(pattern)) for pattern in names):
        raise InputError(
            f"{folder} has several splits to join, {name} and {name}1, and fairseq has to be told "
            f"how often {name} counts: use --upsample-primary 1"
        )


def check_fits(dataset: Any, name: str, max_positions: Any) -> None:
    """Raise ``InputError`` where there is nothing to train on."""
    if dataset.tgt is None:
        raise InputError(
            f"{name} has no target: binarize both languages "
            "(fairseq-preprocess without --only-source)"
        )
    if not any(map(len, _fitting(dataset, max_positions))):
        raise InputError(f"all {len(dataset)} pairs of {name} are too long: raise {_BOUNDS}")


def _fitting(dataset: Any, max_positions: Any) -> Iterator[np.ndarray]:
    """Places of the pairs that are not too long, some at a time, shapes (n,)."""
    for places in in_blocks(len(dataset)):
        yield dataset.filter_indices_by_size(places, max_positions)[0]
