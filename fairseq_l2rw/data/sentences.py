"""Sentences side by side in one array, so that many are read at once.

Reading a million pairs one by one takes minutes in Python. fairseq's data are such arrays already,
on disk, and are used where they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
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
    def of(cls, side: Any, places: np.ndarray | None = None) -> "Sentences":
        """The sentences of a side of fairseq's datasets, or of a sequence of tensors, (T,).

        What fairseq maps into memory is not read here, all else is.

        Args:
            side: the dataset or the sequence.
            places: which of its sentences, in this order, shape (N,): all without it.
        """
        if isinstance(side, Sentences):
            return side if places is None else side.take(places)
        index = getattr(side, "_index", None)  # of fairseq's MMapIndexedDataset
        if index is not None and hasattr(index, "dtype"):
            return cls._mapped(side, slice(None) if places is None else places)
        places = np.arange(len(side)) if places is None else places
        if hasattr(side, "cumulative_sizes"):  # fairseq's ConcatDataset
            return cls._of_parts(side, places)
        rows = [np.asarray(side[n]) for n in places.tolist()]
        sizes = np.array([len(row) for row in rows], dtype=np.int64)
        return cls.beside(np.concatenate([_NOTHING, *rows]), sizes)

    @classmethod
    def _mapped(cls, side: Any, places: np.ndarray | slice) -> "Sentences":
        index, path = side._index, Path(f"{side._path}.bin")
        starts, sizes = index._pointers[places] // index._dtype_size, index.sizes[places].copy()
        # A mapping of our own: fairseq closes its mapping when the dataset goes.
        types = np.memmap(path, index.dtype, "r") if path.stat().st_size else _NOTHING
        return cls(types, starts, sizes)

    @classmethod
    def _of_parts(cls, side: Any, places: np.ndarray) -> "Sentences":
        which = np.searchsorted(side.cumulative_sizes, places, side="right")
        begins = np.array([0, *side.cumulative_sizes])
        inside = (places - begins[which]) % np.array(side.real_sizes)[which]
        parts = [cls.of(part, inside[which == n]) for n, part in enumerate(side.datasets)]
        return cls.combined(parts).take(which.argsort(kind="stable").argsort())

    @classmethod
    def combined(cls, parts: Sequence["Sentences"]) -> "Sentences":
        """The sentences of all parts, at least one, side by side in memory."""
        types = np.concatenate([part._read() for part in parts])
        return cls.beside(types, np.concatenate([part.sizes for part in parts]))

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

    def without(self, ignored: np.ndarray) -> "Sentences":
        """A copy without the tokens of some types, those that ``ignored`` says, bool, (V,)."""
        types = self.joined()
        kept = ~ignored[types]
        place = np.repeat(np.arange(len(self)), self.sizes)
        return self.beside(types[kept], np.bincount(place[kept], minlength=len(self)))

    def padded(self, padding: int) -> Tensor:
        """Their types, shape (N, longest)."""
        at = np.arange(self.sizes.max(initial=0))
        inside = at < self.sizes[:, None]
        found = np.full(inside.shape, padding)
        found[inside] = self.joined()
        return torch.from_numpy(found)

    def joined(self) -> np.ndarray:
        """The types of all, one sentence after another, flat, int64."""
        return self._read().astype(np.int64)

    def _read(self) -> np.ndarray:
        """The types of all, flat, in the numbers of the file."""
        return self.types[places_of(self.starts, self.sizes)]

    def blocks(self) -> Iterator["Sentences"]:
        """All of them, some at a time."""
        yield from map(self.take, in_blocks(len(self)))


_NOTHING = np.empty(0, dtype=np.int64)


def in_blocks(count: int) -> Iterator[np.ndarray]:
    """Places of so many sentences, some at a time, shapes (n,)."""
    for begin in range(0, count, _BLOCK):
        yield np.arange(begin, min(begin + _BLOCK, count))


def starts_of(sizes: np.ndarray) -> np.ndarray:
    """Where sentences, or other parts, of these sizes (N,) begin, side by side, shape (N,)."""
    return np.cumsum(sizes, dtype=np.int64) - sizes


def positions_of(sizes: np.ndarray) -> np.ndarray:
    """Where in its own sentence each token is, from 0, of sizes (N,), shape (all tokens,)."""
    return places_of(np.zeros_like(sizes), sizes)


def places_of(starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The places of all tokens of sentences that begin at ``starts`` with ``sizes``, both (N,)."""
    behind = np.repeat(starts - starts_of(sizes), sizes)
    return behind + np.arange(len(behind))
