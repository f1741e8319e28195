"""Which line of the training text is at which place of fairseq's dataset.

With several training splits (train, train1, ...) fairseq's dataset joins them, and
``--upsample-primary N`` has the first of them in it N times. A line number counts every split once,
in the order of loading. It is what identifies a sentence: in the record, and wherever something is
kept by sentence.
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
    """The lines of the training text.

    Attributes:
        count: how many there are.
        of_place: the line at every place, shape (places,); None where both are the same.
    """

    count: int
    of_place: np.ndarray | None = None

    @classmethod
    def of(cls, dataset: Any) -> "Lines":
        """The lines that a ``LanguagePairDataset`` is made of."""
        source = dataset.src
        while isinstance(source, BaseWrapperDataset):
            source = source.dataset
        if not isinstance(source, ConcatDataset) or {*source.sample_ratios} == {1}:
            return cls(len(dataset))
        begins = np.cumsum([0, *source.real_sizes])
        parts = [
            begin + np.arange(int(ratio * size)) % size
            for begin, size, ratio in zip(
                begins[:-1], source.real_sizes, source.sample_ratios, strict=True
            )
        ]
        return cls(int(begins[-1]), np.concatenate(parts))

    def __len__(self) -> int:
        """Number of places."""
        return self.count if self.of_place is None else len(self.of_place)

    def at(self, places: np.ndarray) -> np.ndarray:
        """The lines at some places, shape (N,)."""
        return places if self.of_place is None else self.of_place[places]

    def once(self, places: np.ndarray) -> np.ndarray:
        """One place of every line that is at one of ``places`` (N,), in the order of lines."""
        _, first = np.unique(self.at(places), return_index=True)
        return places[first]

    def numbered(self, collate: Collate) -> Collate:
        """The same function that makes batches, but ``id`` is the line and not the place."""
        return collate if self.of_place is None else partial(_numbered, collate, self.of_place)


def _numbered(collate: Collate, of_place: np.ndarray, samples: Sequence[Any]) -> dict[str, Any]:
    # A function of the module: workers that load data may have to be sent it.
    batch = collate(samples)
    if batch:  # an uneven shard is filled up with empty ones
        batch["id"] = torch.from_numpy(of_place[batch["id"].numpy()])
    return batch
