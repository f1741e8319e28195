"""Links: which words of both sides of a pair are there together, kept to learn from several times.

A pair of S and T words has S times T links. Each is the number of a pair of types, so that nothing
has to be looked up again.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.pairs import ParallelText, batches
from fairseq_l2rw.initial_weights.key_table import KeyTable

#: Words of a side that are looked at: time and memory grow with their square.
WORDS = 256
# Links of the pairs that are learnt from: more do not say more, and take memory.
_LINKS = 20_000_000
_MERGED = 16  # parts whose keys are sorted together


class Part(NamedTuple):
    """Some pairs of about the same length.

    Attributes:
        places: of the pairs, shape (n,).
        source: their types, shape (n, S), int32.
        target: their types, shape (n, T), int32.
        number: of the pair of types of each link, shape (n, S, T), int32; 0 for padding.
    """

    places: Tensor
    source: Tensor
    target: Tensor
    number: Tensor


class Links:
    """The links of N pairs.

    Args:
        types: sizes of the dictionaries.
        padding: number of the padding type in both.
        table: numbers of all linked types; the first one is of padding.
        parts: the pairs.
        frequency: one more than how often each type came up, by side, shapes (V,).
    """

    def __init__(
        self,
        types: tuple[int, int],
        padding: int,
        table: KeyTable,
        parts: list[Part],
        frequency: list[Tensor],
    ) -> None:
        self.types, self.padding, self.table = types, padding, table
        self.parts, self.frequency = parts, frequency

    @classmethod
    def read(cls, pairs: ParallelText, dictionaries: Dictionaries) -> "Links":
        """Those of pairs; of a very long pair those of the same first part of both sides."""
        read = batches(pairs.cut(WORDS), dictionaries.padding, "words")
        return cls.of(read, dictionaries.types, dictionaries.padding)

    @classmethod
    def of(
        cls, pairs: Iterable[tuple[Tensor, Tensor, Tensor]], types: tuple[int, int], padding: int
    ) -> "Links":
        """From some pairs at a time.

        Args:
            pairs: their places, shape (n,), source types (n, S) and target types (n, T).
            types: sizes of the dictionaries.
            padding: number of the padding type in both.
        """
        found: list[Tensor] = []
        parts: list[Part] = []
        frequency = [torch.ones(size, dtype=torch.double) for size in types]
        for places, source, target in pairs:
            keys, number = link_keys(source, target, types, padding).unique(return_inverse=True)
            found.append(keys)
            parts.append(Part(places, source.int(), target.int(), number.int()))
            for count, words in zip(frequency, (source, target), strict=True):
                count += torch.bincount(words[words.ne(padding)], minlength=len(count))
        keys = torch.tensor([-1])
        for k in range(0, len(found), _MERGED):
            keys = torch.cat([keys, *found[k : k + _MERGED]]).unique()
        for at, part in enumerate(parts):
            numbers = torch.searchsorted(keys, found.pop(0)).int()
            number = numbers.index_select(0, part.number.flatten()).view(part.number.shape)
            parts[at] = part._replace(number=number)
        return cls(types, padding, KeyTable(keys), parts, frequency)


def numbered(pairs: ParallelText, dictionaries: Dictionaries, table: KeyTable) -> Iterator[Part]:
    """The parts of any pairs, by the numbers that other pairs' links have.

    Args:
        pairs: N pairs; of a very long one the same first part of both sides is read.
        dictionaries: of their languages.
        table: of the other pairs' links; others have the number of padding.
    """
    types, padding = dictionaries.types, dictionaries.padding
    for places, source, target in batches(pairs.cut(WORDS), padding, "correspondence"):
        key = link_keys(source, target, types, padding)
        yield Part(places, source.int(), target.int(), table.places(key))


def link_keys(source: Tensor, target: Tensor, types: tuple[int, int], padding: int) -> Tensor:
    """One number for two types, shape (n, S, T); -1 for padding.

    Args:
        source: types, shape (n, S).
        target: types, shape (n, T).
        types: sizes of the dictionaries.
        padding: number of the padding type in both.
    """
    key = source.unsqueeze(2) * types[1] + target.unsqueeze(1)
    return key.masked_fill_(source.eq(padding).unsqueeze(2) | target.eq(padding).unsqueeze(1), -1)


def enough(pairs: ParallelText) -> np.ndarray:
    """Places of all pairs, or of a large corpus of as many, picked by chance, as are learnt from.

    Returns:
        In their order, shape (n,).
    """
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(1)).numpy()
    sizes = pairs.sizes[order]
    read = np.minimum(sizes, np.ceil(sizes * WORDS / sizes.max(1, keepdims=True, initial=1)))
    count = int(np.searchsorted(read.prod(1).cumsum(), _LINKS, side="right"))
    return np.sort(order[: max(count, 1)])
