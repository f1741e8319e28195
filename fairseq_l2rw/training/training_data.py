"""The training text as fairseq gives it, and which of it an epoch holds."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from fairseq.data.iterators import EpochBatchIterator
from fairseq.utils import split_paths
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.fingerprint import fingerprint
from fairseq_l2rw.data.overlap import overlap
from fairseq_l2rw.data.training_text import Folders, TrainingText
from fairseq_l2rw.data.trusted_pairs import warn_of_overlap
from fairseq_l2rw.initial_weights.saved import kept_path
from fairseq_l2rw.sampling.epoch_lengths import EpochLengthLog
from fairseq_l2rw.sampling.importance_sampler import ImportanceSampler
from fairseq_l2rw.sampling.sampled_batches import SampledBatches
from fairseq_l2rw.training.folder_weights import FolderWeights
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.utils.weight_bytes import filled
from fairseq_l2rw.weighting import Weighting

_BOUNDS = ("max_tokens", "max_sentences", "required_batch_size_multiple")


class TrainingData:
    """What a run trains on, and what it has in common with the trusted pairs.

    Args:
        cfg: the task's options.
        weighting: the rule.
        dictionaries: of the languages.
        trusted: gives the trusted pairs, for a weighting that reads them.
        load: gives fairseq's dataset of an epoch's folder, by number of the epoch.

    Attributes:
        sampler: decides what an epoch holds, if weights do.
    """

    def __init__(
        self,
        cfg: Any,
        weighting: Weighting,
        dictionaries: Dictionaries,
        trusted: Callable[[], Any] | None,
        load: Callable[[int], Any],
    ) -> None:
        self.cfg, self.weighting = cfg, weighting
        self._dictionaries, self._trusted, self._load = dictionaries, trusted, load
        self.sampler: ImportanceSampler | None = None
        self._iterator: EpochBatchIterator | None = None  # that fairseq has
        self._log = EpochLengthLog(cfg)
        self._folders: Folders | None = None
        # Of the folder of the epoch.
        self._number = 0
        self._text: TrainingText | None = None
        self._weights: FolderWeights | None = None
        self._digests: dict[int, bytes] = {}  # of each by number

    @property
    def sampled(self) -> bool:
        """Whether batches say more of sentences than fairseq's, and are made anew every epoch."""
        return self.weighting.samples_by_weight or self.weighting.reads_initial_weights

    @property
    def fingerprint(self) -> str:
        """Of the training text; empty where nothing is kept by line."""
        return "" if self._folders is None else self._folders.fingerprint

    @property
    def epoch_batches(self) -> int:
        """How many batches the epoch has on this worker; 0 before the first one."""
        return 0 if self._iterator is None else len(self._iterator)

    def batches(
        self, dataset: Any, whole: EpochBatchIterator, options: Mapping[str, Any]
    ) -> EpochBatchIterator:
        """The iterator to train with.

        Args:
            dataset: fairseq's, of the folder of the iterator's epoch.
            whole: its iterator over all of it, whose batches from now on say lines as their ``id``.
            options: that it was made with.

        Raises:
            InputError: when there is no batch.
        """
        if not whole.frozen_batches:
            raise InputError(
                f"the {len(dataset)} pairs of {self.cfg.train_subset} fill no batch of "
                f"{options['required_batch_size_multiple']}: use --required-batch-size-multiple 1"
            )
        text = self._take(dataset, whole)
        if self._number not in self._digests:
            text.log_left_out(options["max_positions"])
            self._digests[self._number] = self._read(text)
        self._iterator = whole
        if not self.sampled:
            return whole
        bounds = {name: options[name] for name in _BOUNDS if name in options}
        make_batches = partial(dataset.batch_by_size, **bounds)
        self._weights = self._folder_weights(text) if self.weighting.reads_initial_weights else None
        of_tokens = None if self._weights is None else self._weights.of_tokens
        if self.sampler is None or len(self._paths) == 1:
            self.sampler = self._sampler()
        self._save_initial_weights()
        begin = self._log.begin if self.sampler.minimum < 1 else None
        drawn = whole, text.lines, self.sampler, make_batches, of_tokens, begin
        self._iterator = SampledBatches(*drawn)
        return self._iterator

    @property
    def _paths(self) -> list[str]:
        """The folders of the training text."""
        paths: list[str] = split_paths(self.cfg.data)
        return paths

    def _take(self, dataset: Any, whole: EpochBatchIterator) -> TrainingText:
        """The text of the folder of the iterator's epoch, from now on."""
        count = len(self._paths)
        self._number = (whole.epoch - 1) % count
        by_line = self.sampled or self.cfg.weights_dir
        if self._folders is None and by_line:
            others = (dataset if n == self._number else self._load(n + 1) for n in range(count))
            self._folders = Folders.of(others)
        begin = 0 if self._folders is None else self._folders.begins[self._number]
        self._text = TrainingText(dataset, whole, begin)
        return self._text

    def _read(self, text: TrainingText) -> bytes:
        """Compare the text with the trusted pairs, if these are read; gives a digest of it."""
        if self._trusted is None:
            return b""
        trusted = self._trusted()
        found = overlap(text.pairs, trusted)
        warn_of_overlap(trusted, self.cfg.meta_subset, found)
        return found.digest

    def _sampler(self) -> ImportanceSampler:
        """The sampler, of the lines of all folders."""
        assert self._folders is not None
        fingerprints = {"training data": self._folders.fingerprint}
        if self._trusted is not None:
            fingerprints["trusted pairs"] = fingerprint(self._trusted())
        return ImportanceSampler(
            self._folders.begins[-1],
            self.cfg.min_sampling_probability if self.weighting.samples_by_weight else 1.0,
            self.cfg.seed,
            self._find_initial_weights if self.weighting.reads_initial_weights else None,
            fingerprints,
        )

    def _folder_weights(self, text: TrainingText) -> FolderWeights:
        """Initial weights of the text of the epoch's folder."""
        assert self._trusted is not None
        trusted, options = self._trusted(), self.weighting.initial_options
        folder, known = Path(self._paths[self._number]), self._digests[self._number]
        lines, trained = text.lines, text.trained - text.lines.begin
        kept = kept_path(folder, known, lines.count, trained, trusted, self._dictionaries, options)
        # Of several folders what is found in the first one is for other text, too.
        saves = not self.cfg.no_save and self._number == 0
        beside = Path(self.cfg.save_dir) if saves else None
        return FolderWeights(text, trusted, self._dictionaries, options, kept, beside)

    def _save_initial_weights(self) -> None:
        """See to it that what weighs other text is beside the checkpoints; every worker calls it.

        A run that goes on with a checkpoint of another folder has its initial weights from there.
        """
        assert self.sampler is not None
        if self._weights is None or self._weights.is_saved():
            return
        if self.sampler.needs_initial_weights:
            self.sampler.find_initial_weights()
        else:
            self._weights.by_line()

    def _find_initial_weights(self) -> Tensor:
        """Initial weights by line as bytes, NaN for those of other folders than the epoch's."""
        assert self._text is not None and self._folders is not None and self._weights is not None
        lines, found = self._text.lines, filled(self._folders.begins[-1], torch.nan)
        found[lines.begin : lines.begin + lines.count] = self._weights.by_line()
        return found
