"""Initial weights of the target tokens of a training text, as batches need them."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.sentences import in_blocks, places_of, starts_of
from fairseq_l2rw.features.sample import INITIAL_WEIGHT, in_places
from fairseq_l2rw.utils.weight_bytes import from_bytes, to_bytes


class TokenWeights:
    """Initial weights of target tokens, by line of the training text, a byte each.

    They are not in checkpoints, where they would take as much room as the text.

    Args:
        trained: lines that are trained on, in their order, shape (N,).
        sizes: of their targets, shape (N,).
        weights: of all their tokens, as ``fairseq_l2rw.utils.weight_bytes.to_bytes`` gives them,
            flat.
        padding: number of the padding type.
    """

    def __init__(
        self, trained: np.ndarray, sizes: np.ndarray, weights: Tensor, padding: int
    ) -> None:
        self._trained, self._weights, self._padding = trained, weights, padding
        self._sizes, self._starts = sizes, starts_of(sizes)

    @property
    def means(self) -> Tensor:
        """The mean weight of each trained line's tokens, as a byte, shape (N,)."""
        found, begin = [torch.empty(0, dtype=torch.uint8)], 0
        for lines in in_blocks(len(self._sizes)):
            sizes = torch.from_numpy(self._sizes[lines])
            end = begin + int(sizes.sum())
            line = torch.arange(len(lines)).repeat_interleave(sizes)
            sums = torch.zeros(len(lines), dtype=torch.double)
            sums.index_add_(0, line, from_bytes(self._weights[begin:end]).double())
            found.append(to_bytes(sums / sizes.clamp(min=1)))
            begin = end
        return torch.cat(found)

    def with_weights(self, sample: dict[str, Any]) -> dict[str, Any]:
        """A batch with the initial weights of its tokens in place of those of its sentences."""
        if not sample:  # fills up an uneven shard
            return sample
        rows = np.searchsorted(self._trained, sample["id"].numpy())
        at = torch.from_numpy(places_of(self._starts[rows], self._sizes[rows]))
        found = from_bytes(self._weights[at]).double()
        return {**sample, INITIAL_WEIGHT: in_places(found, sample["target"], self._padding)}
