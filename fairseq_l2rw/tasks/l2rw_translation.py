"""fairseq's translation task with reweighting: the hooks, and nothing but the hooks."""

import logging
import re
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
from fairseq import utils
from fairseq.data.iterators import EpochBatchIterator
from fairseq.tasks import register_task
from fairseq.tasks.translation import TranslationTask
from torch import Tensor

from fairseq_l2rw import weighting
from fairseq_l2rw.checkpoints import keep_whole
from fairseq_l2rw.config import L2RWTranslationConfig, check
from fairseq_l2rw.copying import same_types
from fairseq_l2rw.criterions.l2rw_label_smoothed_cross_entropy import L2RWLabelSmoothedCrossEntropy
from fairseq_l2rw.dev import DevStream, also_trained_on, batch_tokens, trusted_pairs
from fairseq_l2rw.drawing import Drawing, DrawnBatches
from fairseq_l2rw.epochs import EpochLog
from fairseq_l2rw.errors import InputError
from fairseq_l2rw.fingerprint import fingerprint
from fairseq_l2rw.heap import give_back
from fairseq_l2rw.optimizers import check_optimizer
from fairseq_l2rw.out_of_memory import leave_out
from fairseq_l2rw.pairs import Language
from fairseq_l2rw.prior import prior_weights
from fairseq_l2rw.reweighting import Reweighting
from fairseq_l2rw.students import check_architecture, check_output, check_quantization
from fairseq_l2rw.training_text import TrainingText, check_fits, check_splits
from fairseq_l2rw.workers import alone

logger = logging.getLogger(__name__)

#: A training batch, in target tokens, where --max-tokens does not say.
_TOKENS = 4096


@register_task("l2rw_translation", dataclass=L2RWTranslationConfig)
class L2RWTranslationTask(TranslationTask):
    """Translate, and learn how much every training sentence should weigh."""

    def __init__(self, cfg: L2RWTranslationConfig, src_dict: Any, tgt_dict: Any) -> None:
        super().__init__(cfg, src_dict, tgt_dict)
        check(cfg)
        self.reweighting: Reweighting | None = None  # from the first epoch of training on
        # From the first training batches on.
        self._text: TrainingText | None = None
        self._shared: np.ndarray | None = None
        self._drawing: Drawing | None = None
        self._criterion: L2RWLabelSmoothedCrossEntropy | None = None
        self._restored: dict[str, Any] | None = None

    def build_model(self, cfg: Any, from_checkpoint: bool = False) -> Any:
        """The student; one that is to be trained must be of a kind that can be."""
        if not from_checkpoint:
            check_architecture(cfg)
        model = super().build_model(cfg, from_checkpoint)
        if not from_checkpoint:
            check_output(model)
            check_quantization(cfg, self.cfg.quantization_config_path, self._rule)
            if self._rule.learns or self._rule.reads_alignment:
                check_optimizer(self.cfg, self._rule.learns)  # before it is built
        return model

    def build_criterion(self, cfg: Any, from_checkpoint: bool = False) -> Any:
        """The criterion; it must be the one that belongs to this task."""
        criterion = super().build_criterion(cfg, from_checkpoint)
        if not isinstance(criterion, L2RWLabelSmoothedCrossEntropy):
            raise InputError(
                "--task l2rw_translation needs --criterion l2rw_label_smoothed_cross_entropy, "
                f"got {type(criterion).__name__}"
            )
        self._criterion = criterion
        return criterion

    def begin_epoch(self, epoch: int, model: Any) -> None:
        """Set up before the first epoch of this process."""
        super().begin_epoch(epoch, model)
        if self.reweighting is None:
            keep_whole()
            self.reweighting = self._build_reweighting(model)
        self.reweighting.begin_epoch(epoch)
        give_back()  # what prior weights, validation and a checkpoint took

    def _build_reweighting(self, model: Any) -> Reweighting:
        dev = self._dev_stream(model) if self._wants_dev else None
        return Reweighting(
            self.cfg,
            model,
            self._rule,
            self._criterion,
            dev,
            len(self.tgt_dict),
            self._same,
            self._restored,
            self._drawing,
        )

    def _dev_stream(self, model: Any) -> DevStream:
        subset, cfg = self.cfg.meta_subset, self.cfg
        self._warn_of_validation()
        given = self.max_positions(), model.max_positions()
        max_tokens = cfg.meta_max_tokens or batch_tokens(
            trusted_pairs(self, subset),
            cfg.max_tokens or _TOKENS,
            utils.resolve_max_positions(*given, cfg.max_tokens),
        )
        positions = utils.resolve_max_positions(*given, max_tokens)
        return DevStream(self, subset, max_tokens, positions, cfg.seed)

    def _warn_of_validation(self) -> None:
        """Where the trusted pairs are also validated on."""
        subset = self.cfg.meta_subset
        combined = self.cfg.combine_valid_subsets and re.fullmatch(r"valid\d*", subset)
        if self.cfg.disable_validation:
            return
        if combined or subset in self.cfg.valid_subset.split(","):
            why = "one of --combine-valid-subsets" if combined else "also a --valid-subset"
            logger.warning(
                f"--meta-subset {subset} is {why}: the teacher trains on the pairs that pick "
                "checkpoints and stop training; their loss is no longer held out"
            )

    def load_dataset(
        self, split: str, epoch: int = 1, combine: bool = False, **kwargs: Any
    ) -> None:
        """Load a split, and with ``combine`` those that go on from it."""
        if combine:
            check_splits(self.cfg, split)
        super().load_dataset(split, epoch, combine, **kwargs)

    def get_batch_iterator(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        """Batches of a split: all of it, or for training what each epoch holds.

        Only fairseq's trainer says how training batches are shuffled. Whatever else reads the
        training split gets an iterator of its own, over the whole of it.
        """
        if "grouped_shuffling" in kwargs:
            return self._training_batches(dataset, *args, **kwargs)
        if dataset is self.datasets.get(self.cfg.train_subset):
            kwargs["disable_iterator_cache"] = True
        return super().get_batch_iterator(dataset, *args, **kwargs)

    def _training_batches(self, dataset: Any, *args: Any, **kwargs: Any) -> EpochBatchIterator:
        """Batches that are the same after a resume as without the interruption.

        fairseq makes the batches of a static dataset once, with the seed of the epoch in which the
        process starts, and keeps them for later epochs: a run resumed in another epoch would group
        sentences differently. Here they are always those of the first epoch, unless weights decide
        which sentences an epoch holds.
        """
        rule, epoch, name = self._rule, kwargs.get("epoch", 1), self.cfg.train_subset
        drawn = rule.draws or rule.reads_prior
        if drawn:
            kwargs["update_epoch_batch_itr"] = False  # they are made anew for every epoch anyway
        kept = not (kwargs.get("disable_iterator_cache") or kwargs.get("update_epoch_batch_itr"))
        if kept and dataset in self.dataset_to_epoch_iter:
            return super().get_batch_iterator(dataset, *args, **kwargs)
        check_fits(dataset, name, kwargs["max_positions"])
        if kept:
            kwargs["epoch"] = 1
            if self.cfg.update_ordered_indices_seed:
                kwargs["seed"] = self.cfg.seed + 1
        batches = super().get_batch_iterator(dataset, *args, **kwargs)
        if not batches.frozen_batches:
            raise InputError(
                f"the {len(dataset)} pairs of {name} fill no batch of "
                f"{kwargs['required_batch_size_multiple']}: use --required-batch-size-multiple 1"
            )
        dataset.set_epoch(epoch)
        batches.epoch = epoch
        text = TrainingText(dataset, batches)
        if self._text is None:
            text.log_left_out(kwargs["max_positions"])
            if self._reads_trusted:
                self._shared = also_trained_on(self, self.cfg.meta_subset, text.pairs)
        self._text = text
        if drawn:
            names = ("max_tokens", "max_sentences", "required_batch_size_multiple")
            bounds = {name: kwargs[name] for name in names if name in kwargs}
            batches = self._drawn(batches, partial(dataset.batch_by_size, **bounds))
            self.dataset_to_epoch_iter[dataset] = batches
        return batches

    def _drawn(
        self, whole: EpochBatchIterator, make_batches: Callable[..., Sequence[Any]]
    ) -> DrawnBatches:
        """Batches of the pairs that each epoch holds."""
        assert self._text is not None
        rule, fingerprints = self._rule, {"training data": self._text.fingerprint()}
        if self._reads_trusted:
            trusted = trusted_pairs(self, self.cfg.meta_subset)
            fingerprints["trusted pairs"] = fingerprint(trusted)
        self._drawing = Drawing(
            self._text.lines,
            self.cfg.draw_at_least if rule.draws else 1.0,
            self.cfg.seed,
            self._find_prior if rule.reads_prior else None,
            fingerprints,
        )
        if self._drawing.least == 1:
            return DrawnBatches(whole, self._drawing, make_batches)
        return DrawnBatches(whole, self._drawing, make_batches, EpochLog(self.cfg).begin)

    @cached_property
    def _rule(self) -> weighting.Weighting:
        return weighting.build(self.cfg)

    @property
    def _wants_dev(self) -> bool:
        rule = self._rule
        return rule.learns or rule.reads_alignment or rule.learns_from_dev

    @property
    def _reads_trusted(self) -> bool:
        return self._wants_dev or self._rule.reads_prior

    def _find_prior(self) -> Tensor:
        """Prior weights by line."""
        assert self._text is not None
        weights = prior_weights(
            self._text.pairs,
            trusted_pairs(self, self.cfg.meta_subset),
            Language(
                (len(self.src_dict), len(self.tgt_dict)),
                self.tgt_dict.pad(),
                self._same,
            ),
            self.cfg.teacher_sharpness,
            self.cfg.teacher_tolerance,
            self._shared,
        )
        return self._text.by_line(weights)

    @cached_property
    def _same(self) -> Tensor:
        return same_types(self.src_dict, self.tgt_dict)

    def train_step(
        self,
        sample: Any,
        model: Any,
        criterion: Any,
        optimizer: Any,
        update_num: int,
        ignore_grad: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Forward, weigh, backward over a sub-batch."""
        assert self.reweighting is not None  # begin_epoch comes first
        self.reweighting.begin(optimizer, update_num, dummy=ignore_grad)
        try:
            return super().train_step(
                sample, model, criterion, optimizer, update_num, ignore_grad, **kwargs
            )
        except RuntimeError as error:
            if "out of memory" not in str(error):
                raise
            self.reweighting.lose()
            if alone():
                raise  # the trainer leaves out this update
            return leave_out(error, sample, criterion, optimizer, self.cfg.ddp_backend)

    def optimizer_step(self, optimizer: Any, model: Any, update_num: int) -> None:
        """The student's step, and the teacher's around it."""
        assert self.reweighting is not None
        step = super().optimizer_step
        self.reweighting.around_step(optimizer, lambda: step(optimizer, model, update_num))

    # fairseq saves a task's state_dict() but does not restore it on resume; what these two hooks
    # exchange is restored.

    def get_checkpoint_dict(self) -> dict[str, Any]:
        """What fairseq stores in its checkpoints under the task's name."""
        state = self._restored if self.reweighting is None else self.reweighting.state_dict()
        return {type(self).__name__: state or {}}

    def set_checkpoint_dict(self, state: dict[str, Any]) -> None:
        """What :meth:`get_checkpoint_dict` gave, on resume; used once training begins."""
        self._restored = state
