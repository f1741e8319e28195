"""The training text as fairseq gives it, and which of it an epoch holds."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fairseq.data.iterators import EpochBatchIterator
from fairseq.utils import split_paths
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.fingerprint import fingerprint
from fairseq_l2rw.data.pairs import ParallelText
from fairseq_l2rw.data.training_text import TrainingText
from fairseq_l2rw.data.trusted_pairs import shared_with_training
from fairseq_l2rw.initial_weights.estimate import InitialWeightModel
from fairseq_l2rw.initial_weights.saved import find_or_load, kept_path
from fairseq_l2rw.sampling.epoch_lengths import EpochLengthLog
from fairseq_l2rw.sampling.importance_sampler import ImportanceSampler
from fairseq_l2rw.sampling.sampled_batches import SampledBatches
from fairseq_l2rw.sampling.token_weights import TokenWeights
from fairseq_l2rw.training.workers import by_one
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.utils.weight_bytes import from_bytes, to_bytes
from fairseq_l2rw.weighting import Weighting

_BOUNDS = ("max_tokens", "max_sentences", "required_batch_size_multiple")
_TOGETHER = 1 << 18  # pairs whose tokens are weighed together


class TrainingData:
    """What a run trains on, and what it has in common with the trusted pairs.

    Args:
        cfg: the task's options.
        weighting: the rule.
        dictionaries: of the languages.
        trusted: gives the trusted pairs, for a weighting that reads them.

    Attributes:
        sampler: decides what an epoch holds, if weights do.
    """

    def __init__(
        self,
        cfg: Any,
        weighting: Weighting,
        dictionaries: Dictionaries,
        trusted: Callable[[], Any] | None,
    ) -> None:
        self.cfg, self.weighting = cfg, weighting
        self._dictionaries, self._trusted = dictionaries, trusted
        self.sampler: ImportanceSampler | None = None
        self._text: TrainingText | None = None
        self._matches: np.ndarray | None = None  # of training with trusted pairs

    @property
    def sampled(self) -> bool:
        """Whether batches say more of sentences than fairseq's, and are made anew every epoch."""
        return self.weighting.samples_by_weight or self.weighting.reads_initial_weights

    def batches(
        self, dataset: Any, whole: EpochBatchIterator, options: Mapping[str, Any]
    ) -> EpochBatchIterator:
        """The iterator to train with.

        Args:
            dataset: fairseq's.
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
        text = TrainingText(dataset, whole)
        if self._text is None:
            text.log_left_out(options["max_positions"])
            if self._trusted is not None:
                pairs, subset = self._trusted(), self.cfg.meta_subset
                self._matches = shared_with_training(pairs, subset, text.pairs)
        self._text = text
        if not self.sampled:
            return whole
        bounds = {name: options[name] for name in _BOUNDS if name in options}
        make_batches = partial(dataset.batch_by_size, **bounds)
        tokens = self._find_token_weights(text) if self._weighs_tokens else None
        self.sampler = self._sampler(text, tokens)
        if self.sampler.minimum == 1:
            return SampledBatches(whole, self.sampler, make_batches, tokens)
        log = EpochLengthLog(self.cfg)
        return SampledBatches(whole, self.sampler, make_batches, tokens, log.begin)

    @property
    def _weighs_tokens(self) -> bool:
        """Whether tokens have initial weights of their own."""
        return self.weighting.reads_initial_weights and self.weighting.unit == "token"

    def _sampler(self, text: TrainingText, tokens: TokenWeights | None) -> ImportanceSampler:
        fingerprints = {"training data": text.fingerprint()}
        if self._trusted is not None:
            fingerprints["trusted pairs"] = fingerprint(self._trusted())
        find: Callable[[], Tensor] | None = None
        if tokens is not None:
            find = partial(_means_by_line, text, tokens)
        elif self.weighting.reads_initial_weights:
            find = self._find_initial_weights
        return ImportanceSampler(
            text.lines,
            self.cfg.min_sampling_probability if self.weighting.samples_by_weight else 1.0,
            self.cfg.seed,
            find,
            fingerprints,
        )

    def _find_initial_weights(self) -> Tensor:
        """Initial weights by line; every worker must call it, and one of them finds them."""
        assert self._text is not None
        return from_bytes(self._by_one(self._text, self._text.lines.count))

    def _find_token_weights(self, text: TrainingText) -> TokenWeights:
        """Those of tokens; every worker must call it, and one of them finds them."""
        sizes = text.pairs.sizes[:, 1]
        found = self._by_one(text, int(sizes.sum()))
        return TokenWeights(text.trained, sizes, found, self._dictionaries.padding)

    def _by_one(self, text: TrainingText, count: int) -> Tensor:
        """As bytes, ``count`` of them."""
        find = partial(self._find_or_load, text)
        return by_one(find, torch.empty(count, dtype=torch.uint8))

    def _find_or_load(self, text: TrainingText) -> Tensor:
        assert self._trusted is not None
        folder, options = Path(split_paths(self.cfg.data)[0]), self.weighting.initial_options
        pairs = text.pairs, self._trusted()
        kept = kept_path(folder, pairs, text.trained, self._dictionaries, options)
        beside = None if self.cfg.no_save else Path(self.cfg.save_dir)
        return find_or_load(kept, beside, partial(self._learn, text))

    def _learn(self, text: TrainingText) -> tuple[InitialWeightModel, Tensor]:
        assert self._trusted is not None
        model, factors = InitialWeightModel.learn(
            text.pairs,
            self._trusted(),
            self._dictionaries,
            self.weighting.initial_options,
            self._matches,
        )
        if not self._weighs_tokens:
            return model, to_bytes(text.by_line(model.weights(factors)))
        pairs = ParallelText.of(text.pairs)
        parts = torch.arange(len(pairs)).split(_TOGETHER)
        found = [model.token_weights(pairs.take(x.numpy()), factors[x]) for x in parts]
        return model, torch.cat([to_bytes(part) for part in found])


def _means_by_line(text: TrainingText, tokens: TokenWeights) -> Tensor:
    return text.by_line(tokens.means)
