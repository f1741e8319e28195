"""Sentences side by side in one array, so that many are read at once.

Reading a million pairs one by one takes minutes in Python. fairseq's data are such arrays already,
on disk, and are used where they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

_BLOCK = 1 << 16  # sentences that are read together


@dataclass(frozen=True)
class Sentences:
    """N sentences of a language.

    Attributes:
        types: of the tokens of all of them and maybe of others, flat.
        starts: where in these each sentence begins, shape (N,).
        sizes: tokens of each, shape (N,).
    """

    types: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, side: Any) -> "Sentences":
        """Those of a side of fairseq's datasets, or of a sequence of tensors of shapes (T,).

        What fairseq maps into memory is not read here, all else is.
        """
        if isinstance(side, Sentences):
            return side
        index = getattr(side, "_index", None)  # of fairseq's MMapIndexedDataset
        if index is not None and hasattr(index, "dtype"):
            sizes = np.asarray(side.sizes)
            # A mapping of our own: fairseq closes its mapping when the dataset goes.
            types = np.memmap(f"{side._path}.bin", index.dtype, "r") if sizes.sum() else _NOTHING
            return cls.beside(types, sizes)
        rows = [np.asarray(side[n]) for n in range(len(side))]
        sizes = np.array([len(row) for row in rows], dtype=np.int64)
        return cls.beside(np.concatenate([_NOTHING, *rows]), sizes)

    @classmethod
    def beside(cls, types: np.ndarray, sizes: np.ndarray) -> "Sentences":
        """Sentences of sizes (N,), one after another in ``types``, flat."""
        return cls(types, starts_of(sizes), sizes)

    def __len__(self) -> int:
        """N."""
        return len(self.sizes)

    def __getitem__(self, number: int) -> Tensor:
        """The types of one sentence, shape (T,)."""
        start = int(self.starts[number])
        row = self.types[start : start + int(self.sizes[number])]
        return torch.from_numpy(row.astype(np.int64))

    def take(self, places: np.ndarray) -> "Sentences":
        """Some of them, in this order; nothing is copied but where they are."""
        return Sentences(self.types, self.starts[places], self.sizes[places])

    def cut(self, sizes: np.ndarray) -> "Sentences":
        """The first tokens of each, as many as ``sizes`` says, shape (N,)."""
        return Sentences(self.types, self.starts, sizes)

    def padded(self, padding: int) -> Tensor:
        """Their types, shape (N, longest)."""
        at = np.arange(self.sizes.max(initial=0))
        inside = at < self.sizes[:, None]
        found = np.full(inside.shape, padding)
        found[inside] = self.joined()
        return torch.from_numpy(found)

    def joined(self) -> np.ndarray:
        """The types of all, one sentence after another, flat, int64."""
        return self.types[places_of(self.starts, self.sizes)].astype(np.int64)

    def blocks(self) -> Iterator["Sentences"]:
        """All of them, some at a time."""
        for begin in range(0, len(self), _BLOCK):
            yield self.take(np.arange(begin, min(begin + _BLOCK, len(self))))


_NOTHING = np.empty(0, dtype=np.int64)


def starts_of(sizes: np.ndarray) -> np.ndarray:
    """Where sentences, or other parts, of these sizes (N,) begin, side by side, shape (N,)."""
    return np.cumsum(sizes, dtype=np.int64) - sizes


def places_of(starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The places of all tokens of sentences that begin at ``starts`` with ``sizes``, both (N,)."""
    behind = np.repeat(starts - starts_of(sizes), sizes)
    return behind + np.arange(len(behind))
