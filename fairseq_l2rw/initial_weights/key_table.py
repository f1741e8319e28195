"""A hash table of numbers, for millions of look-ups at once.

A binary search among millions of numbers reads memory twenty times for each, and takes most of the
time that initial weights take.
"""

import torch
from torch import Tensor

_FACTOR = 0x9E3779B97F4A7C15 - (1 << 64)  # Knuth's multiplicative hashing: 2^64 by the golden ratio


class KeyTable:
    """Where in a list numbers are.

    A slot has room for one number. Those that find it taken, about one in eight, are searched for.

    Args:
        keys: K different numbers, sorted, shape (K,); the first one stands for all that are not
            there.
    """

    def __init__(self, keys: Tensor) -> None:
        self.keys = keys
        self._bits = max(1, (2 * len(keys) - 1).bit_length())
        self._slots = torch.zeros(1 << self._bits, dtype=torch.int)
        self._crowded = torch.zeros(1 << self._bits, dtype=torch.bool)
        numbers, slots = torch.arange(len(keys), dtype=torch.int), self._slot(keys)
        self._slots[slots] = numbers
        self._others = numbers[self._slots.index_select(0, slots) != numbers]
        self._other_keys = keys.index_select(0, self._others)
        self._crowded[slots.index_select(0, self._others)] = True

    @classmethod
    def of(cls, keys: Tensor) -> "KeyTable":
        """A table of numbers from 0, sorted, shape (K,): places are from 1, and 0 for others."""
        return cls(torch.cat([keys.new_full((1,), -1), keys]))

    def __len__(self) -> int:
        """K."""
        return len(self.keys)

    def places(self, keys: Tensor) -> Tensor:
        """The places of numbers of any shape, int32; 0 for those that are not there."""
        flat = keys.flatten()
        slots = self._slot(flat)
        found = self._slots.index_select(0, slots)
        there = self.keys.index_select(0, found) == flat
        found *= there
        left = (self._crowded.index_select(0, slots) & ~there).nonzero().flatten()
        if len(left):
            wanted = flat.index_select(0, left)
            at = torch.searchsorted(self._other_keys, wanted).clamp_(max=len(self._others) - 1)
            there = self._other_keys.index_select(0, at) == wanted
            found[left] = self._others.index_select(0, at) * there
        return found.view(keys.shape)

    def _slot(self, keys: Tensor) -> Tensor:
        """The slots of keys (n,), likewise: the highest bits of a product."""
        return (keys * _FACTOR >> (64 - self._bits)) & ((1 << self._bits) - 1)
