"""fairseq's batches of what each epoch holds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from fairseq.data.iterators import CountingIterator, EpochBatchIterator

from fairseq_l2rw.data.lines import Lines
from fairseq_l2rw.sampling.importance_sampler import ImportanceSampler
from fairseq_l2rw.sampling.token_weights import TokenWeights
from fairseq_l2rw.utils.errors import InputError


@dataclass(frozen=True)
class EpochSize:
    """What an epoch holds.

    Attributes:
        number: from 1.
        pairs: how many it holds.
        all_pairs: how many are trained on.
        batches: how many a worker has of it.
        all_batches: how many it would have of all pairs.
    """

    number: int
    pairs: int
    all_pairs: int
    batches: int
    all_batches: int


class SampledBatches(EpochBatchIterator):
    """fairseq's iterator, over batches that are made anew of what each epoch holds.

    They say what ``ImportanceSampler.with_weights`` adds, and ``TokenWeights.with_weights``.

    Args:
        whole: the iterator over all sentences that are trained on.
        lines: of its dataset.
        sampler: says what an epoch holds.
        make_batches: groups indices, in the order of ``whole``, into batches; takes
            ``required_batch_size_multiple``.
        token_weights: initial weights, where tokens have any.
        begin: is told of every epoch that begins, if it wants to know.
    """

    _SAME = (
        *("dataset", "collate_fn", "seed", "num_shards", "shard_id", "num_workers", "epoch"),
        *("buffer_size", "timeout", "disable_shuffling", "skip_remainder_batch"),
        *("grouped_shuffling", "reuse_dataloader", "persistent_workers"),
    )

    def __init__(
        self,
        whole: EpochBatchIterator,
        lines: Lines,
        sampler: ImportanceSampler,
        make_batches: Callable[..., Sequence[Any]],
        token_weights: TokenWeights | None = None,
        begin: Callable[[EpochSize], None] | None = None,
    ) -> None:
        places = np.concatenate([np.asarray(batch) for batch in whole.frozen_batches])

        def batches(dataset: Any, epoch: int) -> Sequence[Any]:
            held = places[sampler.sample(epoch, places, lines)]
            # fairseq drops what fills no batch; of few sentences that may be all.
            return make_batches(held) or make_batches(held, required_batch_size_multiple=1)

        self._shuffled: bool | None = None  # of the loader that there is
        super().__init__(batch_sampler=batches, **{n: getattr(whole, n) for n in self._SAME})
        self.sampler, self._begin = sampler, begin
        # Its batches themselves would take as much memory as the order of all pairs.
        self._first, self._all = whole.first_batch, (len(places), len(whole))
        self._token_weights = token_weights

    @property
    def first_batch(self) -> Any:
        """Some batch, which fairseq wants before it restores anything: none of the drawn ones."""
        return self._first

    def next_epoch_itr(self, *args: Any, **kwargs: Any) -> CountingIterator:
        """Begin the next epoch, or go on with one that was cut off."""
        found = super().next_epoch_itr(*args, **kwargs)
        if self._begin is not None:
            pairs, (all_pairs, batches) = sum(map(len, self.frozen_batches)), self._all
            self._begin(EpochSize(self.epoch, pairs, all_pairs, len(self), batches))
        return found

    def _get_iterator_for_epoch(
        self, epoch: int, shuffle: bool, *args: Any, **kwargs: Any
    ) -> CountingIterator | None:
        if shuffle != self._shuffled:  # a loader that fairseq keeps goes on as it was made
            self.dataloader, self._shuffled = None, shuffle
        found = super()._get_iterator_for_epoch(epoch, shuffle, *args, **kwargs)
        if found is None:
            return None
        weighed = map(self.sampler.with_weights, found)
        if self._token_weights is not None:
            weighed = map(self._token_weights.with_weights, weighed)
        return CountingIterator(weighed, start=found.n, total=found.total)

    def state_dict(self) -> dict[str, Any]:
        """The position, and what decides the sampling."""
        kept = {"sampler": self.sampler.state_dict(), "num_shards": self.num_shards}
        return {**super().state_dict(), **kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on in the middle of an epoch that holds the same sentences.

        Raises:
            InputError: when the epoch now ends before that.
        """
        if "sampler" in state_dict:  # not after plain training
            self.sampler.load_state_dict(state_dict["sampler"])
        self.epoch, self._frozen_batches = state_dict["epoch"], None
        workers = state_dict.get("num_shards", self.num_shards)
        # Batches go to workers in turn. Of another number of workers each has done another number;
        # rounded down, so that fewer batches than there are workers are taken again.
        done = state_dict.get("iterations_in_epoch", 0) * workers // self.num_shards
        if done and done >= len(self):
            raise InputError(
                f"the checkpoint is {done} batches into epoch {self.epoch}, which now holds "
                f"{len(self)}, as data or bounds of batches changed: use --reset-dataloader, "
                "which begins afresh with the first epoch"
            )
        super().load_state_dict({**state_dict, "iterations_in_epoch": done})
