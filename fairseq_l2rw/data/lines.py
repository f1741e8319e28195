"""Which line of the training text is at which place of fairseq's dataset.

With several training splits (train, train1, ...) fairseq's dataset joins them, and
``--upsample-primary N`` has the first of them in it N times. A line number counts every split once,
in the order of loading. Where the text is in several folders (``DATA1:DATA2``), of which every
epoch takes one, the lines of a folder go on from those of the one before. A line number is what
identifies a sentence: in the record, and wherever something is kept by sentence.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from fairseq.data import BaseWrapperDataset, ConcatDataset

Collate = Callable[[Sequence[Any]], dict[str, Any]]


@dataclass(frozen=True)
class Lines:
    """The lines of a folder of training text.

    Attributes:
        count: how many there are.
        of_place: at every place of the dataset which of these it has, from 0, shape (places,); None
            where both are the same.
        begin: number of the first one: how many there are in the folders before.
    """

    count: int
    of_place: np.ndarray | None = None
    begin: int = 0

    @classmethod
    def of(cls, dataset: Any, begin: int = 0) -> "Lines":
        """The lines that a ``LanguagePairDataset`` is made of, numbered from ``begin`` on."""
        source = dataset.src
        while isinstance(source, BaseWrapperDataset):
            source = source.dataset
        if not isinstance(source, ConcatDataset) or {*source.sample_ratios} == {1}:
            return cls(len(dataset), begin=begin)
        begins = np.cumsum([0, *source.real_sizes])
        parts = [
            first + np.arange(int(ratio * size)) % size
            for first, size, ratio in zip(
                begins[:-1], source.real_sizes, source.sample_ratios, strict=True
            )
        ]
        return cls(int(begins[-1]), np.concatenate(parts), begin)

    def __len__(self) -> int:
        """Number of places."""
        return self.count if self.of_place is None else len(self.of_place)

    def at(self, places: np.ndarray) -> np.ndarray:
        """The lines at some places, shape (N,)."""
        lines = places if self.of_place is None else self.of_place[places]
        return lines + self.begin if self.begin else lines  # no copy for nothing

    def once(self, places: np.ndarray) -> np.ndarray:
        """One place of every line that is at one of ``places`` (N,), in the order of lines."""
        # Marks take less memory than sorting does.
        if self.of_place is None:
            there = np.zeros(self.count, bool)
            there[places] = True
            return np.flatnonzero(there)
        first = np.full(self.count, -1)
        first[self.of_place[places[::-1]]] = places[::-1]
        return first[first >= 0]

    def numbered(self, collate: Collate) -> Collate:
        """The same function that makes batches, but ``id`` is the line and not the place."""
        same = self.of_place is None and not self.begin
        return collate if same else partial(_numbered, collate, self)


def _numbered(collate: Collate, lines: Lines, samples: Sequence[Any]) -> dict[str, Any]:
    # A function of the module: workers that load data may have to be sent it.
    batch = collate(samples)
    if batch:  # an uneven shard is filled up with empty ones
        batch["id"] = torch.from_numpy(lines.at(batch["id"].numpy()))
    return batch
