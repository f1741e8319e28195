"""Which sentences an epoch holds: each with the probability of its weight.

A sentence that hardly counts costs as much time as any other. So an epoch holds sentence i with
probability p_i, and there it stands for 1/p_i sentences: its loss and its size n_i count as often,
and every sum over the training set keeps its expectation. Only a weight that rose since is bounded,
as in truncated importance sampling (Ionides, 2008, "Truncated Importance Sampling").
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from fairseq.data.iterators import CountingIterator, EpochBatchIterator
from torch import Tensor

#: What a sample says of its sentences: how many each stands for, shape (N,).
STANDS_FOR = "stands_for"
#: Likewise: their prior weights (:mod:`fairseq_l2rw.prior`), shape (N,).
PRIOR = "prior"
# A sentence counts for at most as many. Where p_i = 0.05 and the weight is 1 all of a sudden, it
# would count for 20: few such sentences halve what a batch says.
_MOST = 2.0


class Drawing:
    """The probability with which each training sentence is drawn, renewed every epoch.

    It is the weight that the sentence was given last, within [least, 1], and before the first one
    the prior weight. A teacher is constant enough for that: a sentence's next weight follows the
    last one more closely than any mean with those before it, and a mean goes on holding sentences
    that turned out to be bad.

    Args:
        sentences: number of sentences in the training split.
        least: smallest probability, so that every sentence is judged again some day.
        seed: of the draws.
        prior: gives weights to begin with, shape (sentences,), when they are needed; without it
            they are 1.
    """

    def __init__(
        self,
        sentences: int,
        least: float,
        seed: int,
        prior: Callable[[], Tensor] | None = None,
    ) -> None:
        self.least, self.seed = least, seed
        self._find_prior = prior
        self._prior: Tensor | None = None
        # The last one that each was given, NaN before the first.
        self.weights = torch.full((sentences,), torch.nan)
        self.chance = torch.ones(sentences)  # of each in the epoch below
        self.epoch = 0
        self.begun = False  # before, the prior weights decide

    @property
    def prior(self) -> Tensor:
        """Weights to begin with, shape (sentences,): found once a run, however often resumed."""
        if self._prior is None:
            known = self._find_prior
            self._prior = torch.ones(len(self.weights)) if known is None else known()
        return self._prior

    def drawn(self, epoch: int) -> np.ndarray:
        """Which sentences ``epoch`` holds, shape (sentences,), bool; the same when asked again."""
        if epoch != self.epoch:
            known = ~self.weights.isnan() & self.begun
            self.chance = torch.where(known, self.weights, self.prior).clamp(self.least, 1.0)
            self.epoch = epoch
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        held = torch.rand(len(self.chance), generator=generator) < self.chance
        return held.numpy()

    def note(self, ids: Tensor, weights: Tensor) -> None:
        """Take in the weights of an update, of all workers.

        Args:
            ids: of sentences, shape (N,).
            weights: shape (N,).
        """
        self.weights[ids.cpu()] = weights.float().cpu()

    def stands_for(self, ids: Tensor) -> Tensor:
        """How many sentences each of the drawn ones stands for, shape (N,)."""
        return 1 / self.chance[ids]

    def described(self, sample: dict[str, Any]) -> dict[str, Any]:
        """A batch of this epoch that says of each sentence how many it stands for, and its prior.

        Done before fairseq moves the batch, so that a GPU is not waited for. fairseq makes half
        precision of float32, so these are wider.
        """
        if not sample:  # fills up an uneven shard
            return sample
        more = {STANDS_FOR: self.stands_for(sample["id"]).double()}
        if self._find_prior is not None:
            more[PRIOR] = self.prior[sample["id"]].double()
        return {**sample, **more}

    def state_dict(self) -> dict[str, Any]:
        """All that decides this epoch's draws and the next one's."""
        return {
            "prior": self.prior,
            "weights": self.weights,
            "chance": self.chance,
            "epoch": self.epoch,
            "begun": self.begun,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore :meth:`state_dict`."""
        self._prior = state["prior"].clone()
        self.weights, self.chance = state["weights"].clone(), state["chance"].clone()
        self.epoch, self.begun = state["epoch"], state["begun"]


def bounded(weights: Tensor, stands_for: Tensor) -> Tensor:
    """Weights of drawn sentences, at most 2 p_i: none counts for more than two. All (N,)."""
    return torch.minimum(weights, (_MOST / stands_for).to(weights))


class DrawnBatches(EpochBatchIterator):
    """fairseq's iterator, over batches that are made anew of what each epoch holds.

    They say what :meth:`Drawing.described` adds.

    Args:
        whole: the iterator over all sentences.
        drawing: says what an epoch holds.
        make_batches: groups indices, in the order of ``whole``, into batches.
    """

    _SAME = (
        *("dataset", "collate_fn", "seed", "num_shards", "shard_id", "num_workers", "epoch"),
        *("buffer_size", "timeout", "disable_shuffling", "skip_remainder_batch"),
        *("grouped_shuffling", "reuse_dataloader", "persistent_workers"),
    )

    def __init__(
        self,
        whole: EpochBatchIterator,
        drawing: Drawing,
        make_batches: Callable[[np.ndarray], Sequence[Any]],
    ) -> None:
        indices = np.concatenate([np.asarray(batch) for batch in whole.frozen_batches])

        def batches(dataset: Any, epoch: int) -> Sequence[Any]:
            held = drawing.drawn(epoch)[indices]
            return make_batches(indices[held] if held.any() else indices)

        super().__init__(batch_sampler=batches, **{n: getattr(whole, n) for n in self._SAME})
        self.drawing, self._whole = drawing, whole

    @property
    def first_batch(self) -> Any:
        """Some batch, which fairseq wants before it restores anything: none of the drawn ones."""
        return self._whole.first_batch

    def _get_iterator_for_epoch(self, *args: Any, **kwargs: Any) -> CountingIterator | None:
        found = super()._get_iterator_for_epoch(*args, **kwargs)
        if found is None:
            return None
        described = map(self.drawing.described, found)
        return CountingIterator(described, start=found.n, total=found.total)

    def state_dict(self) -> dict[str, Any]:
        """The position, and what decides the draws."""
        return {**super().state_dict(), "drawing": self.drawing.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on in the middle of an epoch that holds the same sentences."""
        if "drawing" in state_dict:
            self.drawing.load_state_dict(state_dict["drawing"])
        self._frozen_batches = None
        super().load_state_dict(state_dict)
