"""Which sentences an epoch holds: each with the probability of its weight.

A sentence that hardly counts costs as much time as any other. So an epoch holds sentence i with
probability p_i, and there it stands for 1/p_i sentences: its loss and its size n_i count as often,
and every sum over the training set keeps its expectation. Only a weight that rose since is bounded,
as in truncated importance sampling (Ionides, 2008, "Truncated Importance Sampling").
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from fairseq.data.iterators import CountingIterator, EpochBatchIterator
from torch import Tensor

from fairseq_l2rw.errors import InputError
from fairseq_l2rw.lines import Lines

logger = logging.getLogger(__name__)

#: What a sample says of its sentences: how many each stands for, shape (N,).
STANDS_FOR = "stands_for"
#: Likewise: their prior weights (:mod:`fairseq_l2rw.prior`), shape (N,).
PRIOR = "prior"
# A sentence counts for at most as many. Where p_i = 0.05 and the weight is 1 all of a sudden, it
# would count for 20: few such sentences halve what a batch says.
_MOST = 2.0


@dataclass(frozen=True)
class Epoch:
    """What an epoch holds.

    Attributes:
        number: from 1.
        pairs: how many it holds.
        of: how many are trained on.
        batches: how many a worker has of it.
        of_batches: how many it would have of all pairs.
    """

    number: int
    pairs: int
    of: int
    batches: int
    of_batches: int


class Drawing:
    """The probability with which each training sentence is drawn, renewed every epoch.

    It is the weight that the sentence was given last, within [least, 1], and before the first one
    the prior weight. A teacher is constant enough for that: a sentence's next weight follows the
    last one more closely than any mean with those before it, and a mean goes on holding sentences
    that turned out to be bad.

    All is kept by line of the training text (:mod:`fairseq_l2rw.lines`).

    Args:
        lines: of the training text.
        least: smallest probability, so that every sentence is judged again some day.
        seed: of the draws.
        prior: gives weights to begin with, shape (lines,), when they are needed: NaN for a line
            that is not trained on. Without it they are 1.
        fingerprints: of what the weights depend on, by its name. A checkpoint with others has the
            weights of other sentences.
    """

    def __init__(
        self,
        lines: Lines,
        least: float,
        seed: int,
        prior: Callable[[], Tensor] | None = None,
        fingerprints: Mapping[str, str] | None = None,
    ) -> None:
        self.lines, self.least, self.seed = lines, least, seed
        self.fingerprints = dict(fingerprints or {})
        self._find_prior = prior
        self._prior: Tensor | None = None
        # The last one that each was given, NaN before the first.
        self.weights = torch.full((lines.count,), torch.nan)
        self.chance = torch.ones(lines.count)  # of each in the epoch below
        self.epoch = 0
        self.begun = False  # before, the prior weights decide

    @property
    def prior(self) -> Tensor:
        """Weights to begin with, shape (lines,): found once a run, however often resumed."""
        if self._prior is None:
            known = self._find_prior
            self._prior = torch.ones(self.lines.count) if known is None else known()
        return self._prior

    def drawn(self, epoch: int, places: np.ndarray) -> np.ndarray:
        """Which of ``places`` (N,) an epoch holds, bool, never none; the same when asked again."""
        lines = torch.from_numpy(self.lines.at(places))
        if epoch != self.epoch:
            self._complete(lines)
            known = ~self.weights.isnan() & self.begun
            self.chance = torch.where(known, self.weights, self.prior).clamp(self.least, 1.0)
            self.epoch = epoch
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        numbers = torch.rand(len(self.lines), generator=generator)[torch.from_numpy(places)]
        chance = self.chance[lines]
        held = numbers < chance
        if not held.any():  # fairseq cannot train an epoch of nothing
            held[(numbers / chance).nan_to_num(torch.inf).argmin()] = True
        return held.numpy()

    def _complete(self, lines: Tensor) -> None:
        """See to it that all of these lines have a prior weight.

        A run that is resumed with other bounds on lengths may train on lines that it left out.
        """
        if self._prior is not None and self._prior[lines].isnan().any():
            logger.info("lines that were left out are trained on now: prior weights found anew")
            self._prior = None

    def note(self, ids: Tensor, weights: Tensor) -> None:
        """Take in the weights of an update, of all workers.

        Args:
            ids: lines of the training text, shape (N,).
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
            "fingerprints": self.fingerprints,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore :meth:`state_dict`, unless it is of other sentences: then all stays afresh."""
        known = state.get("fingerprints", {})
        other = [n for n, found in self.fingerprints.items() if known.get(n) != found]
        if other:
            logger.warning(
                f"{' and '.join(other)} differ from the checkpoint's: its weights by sentence are "
                "not used, they start afresh"
            )
            return
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
        whole: the iterator over all sentences that are trained on.
        drawing: says what an epoch holds.
        make_batches: groups indices, in the order of ``whole``, into batches; takes
            ``required_batch_size_multiple``.
        begin: is told of every epoch that begins.
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
        make_batches: Callable[..., Sequence[Any]],
        begin: Callable[[Epoch], None] = lambda epoch: None,
    ) -> None:
        places = np.concatenate([np.asarray(batch) for batch in whole.frozen_batches])

        def batches(dataset: Any, epoch: int) -> Sequence[Any]:
            held = places[drawing.drawn(epoch, places)]
            # fairseq drops what fills no batch; of few sentences that may be all.
            return make_batches(held) or make_batches(held, required_batch_size_multiple=1)

        self._shuffled: bool | None = None  # of the loader that there is
        super().__init__(batch_sampler=batches, **{n: getattr(whole, n) for n in self._SAME})
        self.drawing, self._whole, self._begin = drawing, whole, begin

    @property
    def first_batch(self) -> Any:
        """Some batch, which fairseq wants before it restores anything: none of the drawn ones."""
        return self._whole.first_batch

    def next_epoch_itr(self, *args: Any, **kwargs: Any) -> CountingIterator:
        """Begin the next epoch, or go on with one that was cut off."""
        found = super().next_epoch_itr(*args, **kwargs)
        pairs, of = (sum(map(len, i.frozen_batches)) for i in (self, self._whole))
        self._begin(Epoch(self.epoch, pairs, of, len(self), len(self._whole)))
        return found

    def _get_iterator_for_epoch(
        self, epoch: int, shuffle: bool, *args: Any, **kwargs: Any
    ) -> CountingIterator | None:
        if shuffle != self._shuffled:  # a loader that fairseq keeps goes on as it was made
            self.dataloader, self._shuffled = None, shuffle
        found = super()._get_iterator_for_epoch(epoch, shuffle, *args, **kwargs)
        if found is None:
            return None
        described = map(self.drawing.described, found)
        return CountingIterator(described, start=found.n, total=found.total)

    def state_dict(self) -> dict[str, Any]:
        """The position, and what decides the draws."""
        return {**super().state_dict(), "drawing": self.drawing.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on in the middle of an epoch that holds the same sentences.

        Raises:
            InputError: when the epoch now ends before that.
        """
        if "drawing" in state_dict:  # not after plain training
            self.drawing.load_state_dict(state_dict["drawing"])
        self.epoch, self._frozen_batches = state_dict["epoch"], None
        done = state_dict.get("iterations_in_epoch", 0)
        if done and done >= len(self):
            raise InputError(
                f"the checkpoint is {done} batches into epoch {self.epoch}, which now holds "
                f"{len(self)}, as data or bounds of batches changed: use --reset-dataloader, "
                "which begins afresh with the first epoch"
            )
        super().load_state_dict(state_dict)
