"""fairseq's translation task with reweighting: the hooks, and nothing but the hooks."""

import logging
import re
from functools import cached_property
from typing import Any

from fairseq import utils
from fairseq.data.iterators import EpochBatchIterator
from fairseq.tasks import register_task
from fairseq.tasks.translation import TranslationTask

from fairseq_l2rw import weighting
from fairseq_l2rw.compatibility.checkpoints import copy_atomically
from fairseq_l2rw.compatibility.log_file import write_all_once
from fairseq_l2rw.compatibility.models import check_architecture, check_output, check_quantization
from fairseq_l2rw.compatibility.out_of_memory import leave_out
from fairseq_l2rw.config import L2RWTranslationConfig, check
from fairseq_l2rw.criterions.l2rw_label_smoothed_cross_entropy import L2RWLabelSmoothedCrossEntropy
from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.training_text import check_fits, check_splits
from fairseq_l2rw.data.trusted_pairs import TrustedBatches, batch_tokens, trusted_pairs
from fairseq_l2rw.training.assembly import Given
from fairseq_l2rw.training.optimizers import check_optimizer
from fairseq_l2rw.training.reweighting import Reweighting
from fairseq_l2rw.training.training_data import TrainingData
from fairseq_l2rw.training.workers import alone
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.utils.memory import release_free_memory

logger = logging.getLogger(__name__)

#: A training batch, in target tokens, where --max-tokens does not say.
_TOKENS = 4096


@register_task("l2rw_translation", dataclass=L2RWTranslationConfig)
class L2RWTranslationTask(TranslationTask):
    """Translate, and learn how much every training sentence should weigh."""

    def __init__(self, cfg: L2RWTranslationConfig, src_dict: Any, tgt_dict: Any) -> None:
        super().__init__(cfg, src_dict, tgt_dict)
        write_all_once()
        check(cfg)
        rule = self._weighting = weighting.build(cfg)
        self._wants_trusted = rule.needs_dev_gradient or rule.learns_from_trusted
        reads_trusted = self._wants_trusted or rule.reads_initial_weights
        self._data = TrainingData(
            cfg,
            rule,
            self._dictionaries,
            self._trusted_pairs if reads_trusted else None,
            self._load_folder,
        )
        self.reweighting: Reweighting | None = None  # from the first epoch of training on
        self._criterion: L2RWLabelSmoothedCrossEntropy | None = None
        self._restored: dict[str, Any] | None = None

    def build_model(self, cfg: Any, from_checkpoint: bool = False) -> Any:
        """The student; one that is to be trained must be of a kind that can be."""
        if not from_checkpoint:
            check_architecture(cfg)
        model = super().build_model(cfg, from_checkpoint)
        if not from_checkpoint:
            check_output(model)
            makes_passes = self.cfg.weighting if self._wants_trusted else None
            check_quantization(cfg, self.cfg.quantization_config_path, makes_passes)
            if self._weighting.learns:
                check_optimizer(self.cfg)  # before it is built
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
            copy_atomically()
            self.reweighting = self._build_reweighting(model)
        self.reweighting.begin_epoch(epoch)
        release_free_memory()  # what initial weights, validation and a checkpoint took

    def _build_reweighting(self, model: Any) -> Reweighting:
        given = Given(
            model=model,
            criterion=self._criterion,
            weighting=self._weighting,
            trusted=self._trusted_batches(model) if self._wants_trusted else None,
            dictionaries=self._dictionaries,
            sampler=self._data.sampler,
            text=self._data.fingerprint,
            batches=self._data.epoch_batches,
        )
        return Reweighting(self.cfg, given, self._restored)

    # -- data ----------------------------------------------------------------------------------

    @cached_property
    def _dictionaries(self) -> Dictionaries:
        return Dictionaries.of(self.src_dict, self.tgt_dict)

    def _trusted_pairs(self) -> Any:
        return trusted_pairs(self, self.cfg.meta_subset)

    def _trusted_batches(self, model: Any) -> TrustedBatches:
        subset, cfg = self.cfg.meta_subset, self.cfg
        self._warn_of_validation()
        limits = self.max_positions(), model.max_positions()
        max_tokens = cfg.meta_max_tokens or batch_tokens(
            self._trusted_pairs(),
            cfg.max_tokens or _TOKENS,
            utils.resolve_max_positions(*limits, cfg.max_tokens),
        )
        positions = utils.resolve_max_positions(*limits, max_tokens)
        return TrustedBatches(self, subset, max_tokens, positions, cfg.seed)

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

    def _load_folder(self, epoch: int) -> Any:
        """The training dataset of the folder that an epoch takes, which does not stay."""
        subset = self.cfg.train_subset
        own = self.datasets[subset]
        self.load_dataset(subset, epoch, combine=True)
        found, self.datasets[subset] = self.datasets[subset], own
        return found

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
        which sentences an epoch holds. Where every epoch takes another folder of the training text
        (``DATA1:DATA2``), fairseq loads it anew, and makes its batches with the seed of the epoch.
        """
        epoch, sampled = kwargs.get("epoch", 1), self._data.sampled
        if sampled:
            kwargs["update_epoch_batch_itr"] = False  # they are made anew for every epoch anyway
        kept = not (kwargs.get("disable_iterator_cache") or kwargs.get("update_epoch_batch_itr"))
        if kept and dataset in self.dataset_to_epoch_iter:
            return super().get_batch_iterator(dataset, *args, **kwargs)
        check_fits(dataset, self.cfg.train_subset, kwargs["max_positions"])
        if kept:
            kwargs["epoch"] = 1
            if self.cfg.update_ordered_indices_seed:
                kwargs["seed"] = self.cfg.seed + 1
        whole = super().get_batch_iterator(dataset, *args, **kwargs)
        dataset.set_epoch(epoch)
        whole.epoch = epoch
        batches = self._data.batches(dataset, whole, kwargs)
        if sampled and kept:
            self.dataset_to_epoch_iter[dataset] = batches
        return batches

    # -- training ------------------------------------------------------------------------------

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
            self.reweighting.drop_sub_batches()
            if alone():
                raise  # the trainer leaves out this update
            return leave_out(error, sample, criterion, optimizer, self.cfg.ddp_backend)

    def optimizer_step(self, optimizer: Any, model: Any, update_num: int) -> None:
        """The student's step, and the meta step around it."""
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
        """What ``get_checkpoint_dict`` gave, on resume; used once training begins."""
        self._restored = state
