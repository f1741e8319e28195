"""Importance sampling: an epoch holds each sentence with the probability of its weight.

A sentence that hardly counts costs as much time as any other. So an epoch holds sentence i with
probability p_i, and there it stands for 1/p_i sentences, its importance weight: its loss and its
size n_i count as often, and every sum over the training set keeps its expectation. Only a weight
that rose since is bounded, as in truncated importance sampling (Ionides, 2008, "Truncated
Importance Sampling").
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.lines import Lines
from fairseq_l2rw.data.sentences import in_blocks
from fairseq_l2rw.features.sample import IMPORTANCE_WEIGHT, INITIAL_WEIGHT, MOST_SENTENCES
from fairseq_l2rw.utils.weight_bytes import filled, from_bytes, is_known, to_bytes

logger = logging.getLogger(__name__)

_TOGETHER = 64  # sub-batches whose weights are taken in at once


class ImportanceSampler:
    """The probability with which an epoch holds each training sentence, renewed every epoch.

    It is the weight that the sentence got last, within [minimum, 1], and before the first one the
    initial weight. A teacher is constant enough for that: a sentence's next weight follows the last
    one more closely than any mean with those before it, and a mean goes on holding sentences that
    turned out to be bad.

    All is kept by line of the training text (``fairseq_l2rw.data.lines``), in a byte each: to the
    nearest of 200 steps from 0 to 1.

    Args:
        count: lines of the training text.
        minimum: smallest probability, so that every sentence is weighed again some day; at least
            one step.
        seed: of the sampling.
        find_initial_weights: gives them as bytes, shape (lines,), when they are needed: NaN for a
            line that is not trained on, or not yet. Without it they are 1.
        fingerprints: of what the weights depend on, by its name. A checkpoint with others has the
            weights of other sentences.

    Attributes:
        epoch: number of the epoch that they are for, 0 before the first.
        uses_learnt_weights: whether the last weights decide, or still the initial weights.
    """

    def __init__(
        self,
        count: int,
        minimum: float,
        seed: int,
        find_initial_weights: Callable[[], Tensor] | None = None,
        fingerprints: Mapping[str, str] | None = None,
    ) -> None:
        self.count, self.minimum, self.seed = count, minimum, seed
        self.fingerprints = dict(fingerprints or {})
        self._find_initial_weights = find_initial_weights
        self._least = to_bytes(torch.tensor(minimum)).clamp(min=1)
        # As bytes, shape (lines,).
        self._initial_weights: Tensor | None = None
        self._weights = filled(count, torch.nan)
        self._probabilities = filled(count, 1.0)
        self._told: list[tuple[Tensor, Tensor]] = []  # not taken in yet
        self.epoch = 0
        self.uses_learnt_weights = False

    @property
    def needs_initial_weights(self) -> bool:
        """Whether they are still to be found: not by this process, nor before the checkpoint."""
        return self._initial_weights is None

    def find_initial_weights(self) -> Tensor:
        """Initial weights as bytes, shape (lines,): found once a run, however often resumed."""
        if self._initial_weights is None:
            find = self._find_initial_weights
            self._initial_weights = filled(self.count, 1.0) if find is None else find()
        return self._initial_weights

    def sample(self, epoch: int, places: np.ndarray, lines: Lines) -> np.ndarray:
        """Which of some pairs an epoch holds, bool, shape (N,); never none, and the same again.

        Args:
            epoch: its number, from 1.
            places: places of the pairs in fairseq's dataset, shape (N,).
            lines: of that dataset, which may be a part of the training text.
        """
        if epoch != self.epoch:
            self._take_in()
            self._complete(torch.from_numpy(lines.at(places)))
            known = is_known(self._weights) & self.uses_learnt_weights
            found = torch.where(known, self._weights, self.find_initial_weights())
            # Of a line that is not trained on nothing is known.
            self._probabilities = torch.where(is_known(found), found.maximum(self._least), found)
            self.epoch = epoch
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        numbers = torch.rand(len(lines), generator=generator)
        chances = self._probabilities
        held = np.zeros(len(places), bool)
        for some in in_blocks(len(places)):  # millions of numbers would take memory
            at = places[some]
            held[some] = numbers[at] < from_bytes(chances[lines.at(at)])
        if not held.any():  # fairseq cannot train an epoch of nothing
            ratios = numbers[places] / from_bytes(chances[lines.at(places)])
            held[ratios.nan_to_num(torch.inf).argmin()] = True
        return held

    def _complete(self, lines: Tensor) -> None:
        """See to it that all of these lines have an initial weight.

        They may be of another folder of the training text. And a run that is resumed with other
        bounds on lengths may train on lines that it left out.
        """
        known, find = self._initial_weights, self._find_initial_weights
        if known is None or find is None or is_known(known[lines]).all():
            return
        if is_known(known[lines]).any():
            logger.info("lines that were left out are trained on now: initial weights found anew")
        found = find()
        self._initial_weights = torch.where(is_known(found), found, known)

    def update(self, ids: Tensor, weights: Tensor) -> None:
        """Take in the weights of an update, of all workers.

        Args:
            ids: lines of the training text, shape (N,).
            weights: shape (N,).
        """
        self._told.append((ids, weights.float()))
        if len(self._told) >= _TOGETHER:
            self._take_in()

    def _take_in(self) -> None:
        """Take in all that was told; a GPU is asked for it at once, and not at every update."""
        if not self._told:
            return
        ids, weights = (torch.cat(rows).cpu() for rows in zip(*self._told, strict=True))
        sizes = [len(told) for told, _ in self._told]
        self._told.clear()
        # One after another: the last of several weights counts.
        for some, found in zip(ids.split(sizes), to_bytes(weights).split(sizes), strict=True):
            self._weights[some] = found

    def importance_weights(self, ids: Tensor) -> Tensor:
        """1 / p_i: how many sentences each of the sampled ones stands for, shape (N,).

        Args:
            ids: lines of the training text, shape (N,).
        """
        return 1 / from_bytes(self._probabilities[ids])

    def with_weights(self, sample: dict[str, Any]) -> dict[str, Any]:
        """A batch of this epoch with the importance weights of its sentences, and initial ones.

        Done before fairseq moves the batch, so that a GPU is not waited for. fairseq makes half
        precision of float32, so these are wider.
        """
        if not sample:  # fills up an uneven shard
            return sample
        more = {IMPORTANCE_WEIGHT: self.importance_weights(sample["id"]).double()}
        if self._find_initial_weights is not None:
            more[INITIAL_WEIGHT] = from_bytes(self.find_initial_weights()[sample["id"]]).double()
        return {**sample, **more}

    def state_dict(self) -> dict[str, Any]:
        """All that decides what this epoch holds, and the next one."""
        self._take_in()
        return {
            "initial_weights": self.find_initial_weights(),
            "weights": self._weights,
            "probabilities": self._probabilities,
            "epoch": self.epoch,
            "uses_learnt_weights": self.uses_learnt_weights,
            "fingerprints": self.fingerprints,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore ``state_dict``, unless it is of other sentences: then all stays afresh."""
        known = state.get("fingerprints", {})
        other = [n for n, found in self.fingerprints.items() if known.get(n) != found]
        if other:
            logger.warning(
                f"{' and '.join(other)} differ from the checkpoint's: its weights by sentence are "
                "not used, they start afresh"
            )
            return
        self._told.clear()
        self._initial_weights = state["initial_weights"].clone()
        self._weights = state["weights"].clone()
        self._probabilities = state["probabilities"].clone()
        self.epoch, self.uses_learnt_weights = state["epoch"], state["uses_learnt_weights"]


def truncated(weights: Tensor, importance_weight: Tensor) -> Tensor:
    """Weights of sampled sentences, at most 2 p_i, so that none counts for more than two.

    Ionides, 2008, "Truncated Importance Sampling"; docs/mathematics.md, "Importance sampling".

    Args:
        weights: w_i, shape (N,).
        importance_weight: 1 / p_i, shape (N,).

    Returns:
        The bounded weights, shape (N,).
    """
    return torch.minimum(weights, (MOST_SENTENCES / importance_weight).to(weights))
