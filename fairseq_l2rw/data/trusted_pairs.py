"""The trusted pairs, and the batches of them that the meta steps take."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from fairseq import utils
from fairseq.tasks import FairseqTask

from fairseq_l2rw.data.fingerprint import fingerprint
from fairseq_l2rw.data.overlap import Overlap
from fairseq_l2rw.data.pairs import Pairs
from fairseq_l2rw.utils.errors import InputError

logger = logging.getLogger(__name__)

_AHEAD = 2  # batches that are made while the student trains


class TrustedBatches:
    """Endless shuffled batches of the trusted split; every worker draws the same ones.

    Args:
        task: fairseq's task; its datasets are used, and loaded if they are not there.
        subset: name of the split.
        max_tokens: bound on a batch, see ``batch_tokens``.
        max_positions: what the model can take, as fairseq's tasks expect it.
        seed: of the shuffling.

    Attributes:
        fingerprint: of the trusted pairs, see ``fairseq_l2rw.data.fingerprint.fingerprint``.

    Raises:
        InputError: when the split does not exist, is empty, or has no target side.
    """

    def __init__(
        self, task: FairseqTask, subset: str, max_tokens: int, max_positions: Any, seed: int
    ) -> None:
        dataset = trusted_pairs(task, subset)
        # Not from the task's cache: validation iterates over the same dataset.
        self._epochs = task.get_batch_iterator(
            dataset,
            max_tokens=max_tokens,
            max_positions=max_positions,
            ignore_invalid_inputs=True,
            seed=seed,
            data_buffer_size=_AHEAD,
            disable_iterator_cache=True,
        )
        if len(self._epochs) == 0:
            raise InputError(
                f"no sentence of --meta-subset {subset} fits: shorten them or raise "
                "--meta-max-tokens and the model's maximal positions"
            )
        self.fingerprint = fingerprint(dataset)
        self._batches: Any = None
        self._resumed: dict[str, Any] = {}  # the position until a batch is drawn
        kept = sum(map(len, self._epochs.frozen_batches))
        logger.info(
            f"trusted pairs: {kept} of {len(dataset)} of {subset!r} in {len(self._epochs)} batches"
        )
        if left := len(dataset) - kept:
            source, target = max_positions
            logger.warning(
                f"{left} of {len(dataset)} trusted pairs are left out of trusted batches "
                f"because they are longer than {source} source or {target} target tokens: shorten "
                "them, or raise --max-tokens, --meta-max-tokens if given, and the model's positions"
            )

    def next(self) -> dict[str, Any]:
        """The next batch, on the CPU."""
        if self._batches is None or not self._batches.has_next():
            self._batches = self._epochs.next_epoch_itr(shuffle=True)
        return next(self._batches)

    def state_dict(self) -> dict[str, Any]:
        """The position in the stream."""
        return self._resumed if self._batches is None else self._epochs.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state_dict`` was taken."""
        if not state:
            return
        if state["iterations_in_epoch"] >= len(self._epochs):  # larger batches are fewer
            state = {**state, "epoch": state["epoch"] + 1, "iterations_in_epoch": 0}
        self._epochs.load_state_dict(state)
        self._batches, self._resumed = None, state


def batch_tokens(dataset: Any, max_tokens: int, max_positions: Any) -> int:
    """Tokens of a trusted batch where nothing else is asked for.

    Half a training batch, or as much as the longest trusted pair takes that a training batch holds.

    Args:
        dataset: trusted pairs.
        max_tokens: bound on a training batch.
        max_positions: what the model and a training batch can take.
    """
    every = np.arange(len(dataset))
    fitting, _ = dataset.filter_indices_by_size(every, max_positions)
    longest = dataset.num_tokens_vec(fitting).max(initial=1)
    return max(max_tokens // 2, int(longest))


def trusted_pairs(task: FairseqTask, subset: str) -> Any:
    """The dataset of a split, loaded if it is not there; raises as ``TrustedBatches`` says."""
    folder = Path(utils.split_paths(task.cfg.data)[0])
    if any(not f.stat().st_size for f in folder.glob(f"{subset}.*.bin")):
        raise InputError(f"--meta-subset {subset} is empty; it needs trusted pairs")
    known = task.datasets.get(subset)
    # fairseq has joined `valid` with `valid1` and so on, where it was told to.
    joined = known is not None and subset == "valid" and task.cfg.combine_valid_subsets
    if known is None or joined:
        try:
            task.load_dataset(subset, combine=False, epoch=1)
        except FileNotFoundError:
            raise InputError(
                f"--meta-subset {subset} does not exist in {task.cfg.data}; name a binarized split "
                "of trusted pairs"
            ) from None
    dataset = task.dataset(subset)
    if joined:
        task.datasets[subset] = known
    if dataset.tgt is None:
        raise InputError(f"--meta-subset {subset} has no target side; binarize both languages")
    return dataset


def warn_of_overlap(trusted: Pairs, subset: str, overlap: Overlap) -> None:
    """Warn of trusted pairs that are lines of the training text, too.

    Args:
        trusted: the trusted pairs.
        subset: name of their split.
        overlap: with the training text.
    """
    if len(overlap.pairs):
        logger.warning(
            f"{len(np.unique(overlap.pairs[:, 1]))} of {len(trusted)} trusted pairs of "
            f"--meta-subset {subset} are lines of the training text, too: what the student knows "
            "by heart tells little; leave them out of the training text"
        )
