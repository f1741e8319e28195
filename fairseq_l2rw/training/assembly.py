"""The parts of reweighting, put together from the task's options."""

from dataclasses import dataclass
from typing import Any

from torch import nn

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.trusted_pairs import TrustedBatches
from fairseq_l2rw.features.extractor import FeatureExtractor
from fairseq_l2rw.sampling.importance_sampler import ImportanceSampler
from fairseq_l2rw.training.bookkeeping import Bookkeeping
from fairseq_l2rw.training.meta_schedule import MetaSchedule
from fairseq_l2rw.training.meta_step import MetaStep
from fairseq_l2rw.training.meta_window import MetaWindow
from fairseq_l2rw.training.progress import Progress
from fairseq_l2rw.training.resume import PersistentParts
from fairseq_l2rw.training.student import Student
from fairseq_l2rw.training.weigher import Weigher
from fairseq_l2rw.weighting import Weighting


@dataclass(frozen=True)
class Given:
    """What fairseq's task has before the first update.

    Attributes:
        model: the student, unwrapped.
        criterion: gives per-token losses.
        weighting: the rule.
        trusted: batches of the trusted pairs; None for a weighting that wants none.
        dictionaries: of both languages.
        sampler: is told the weights, if they decide how often sentences come up.
        text: a fingerprint of the training text.
        batches: of the first epoch of this process, on this worker; 0 where it is not known.
    """

    model: nn.Module
    criterion: Any
    weighting: Weighting
    trusted: TrustedBatches | None
    dictionaries: Dictionaries
    sampler: ImportanceSampler | None = None
    text: str = ""
    batches: int = 0


@dataclass(frozen=True)
class Assembly:
    """The parts, in the order in which an update meets them.

    Attributes:
        student: the model that is trained.
        weighting: the rule, on the student's device.
        progress: where training is.
        weigher: gives weights to a sub-batch.
        window: keeps updates to look back through; None where no meta-gradient is wanted.
        schedule: says when a meta step is due.
        meta_step: lets the weighting learn; None without trusted pairs.
        bookkeeping: is told of every update.
        persistent: what goes into a checkpoint.
        plain: whether everything is as in plain training, and left to fairseq's trainer.
    """

    student: Student
    weighting: Weighting
    progress: Progress
    weigher: Weigher
    window: MetaWindow | None
    schedule: MetaSchedule
    meta_step: MetaStep | None
    bookkeeping: Bookkeeping
    persistent: PersistentParts
    plain: bool


def assemble(cfg: Any, given: Given) -> Assembly:
    """Build the parts.

    Args:
        cfg: the task's options.
        given: what the task has.
    """
    known = given.dictionaries
    student = Student(cfg, given.model, given.criterion, given.weighting, known.types[1])
    weighting = given.weighting.to(student.device)
    read = given.criterion, cfg.weight_unit, weighting, known
    extractor = build_extractor(*read, cfg.weights_dir is not None).to(student.device)
    progress = Progress(cfg.weighting_warmup, cfg.max_update, cfg.max_epoch)
    schedule = MetaSchedule(cfg.meta_interval, weighting.spaced_by_learning_rate)
    window = MetaWindow(cfg, student) if weighting.needs_dev_gradient else None
    plain = weighting.plain and given.sampler is None
    meta = window.meta if window else None
    weigher = Weigher(student, weighting, extractor, meta, progress, plain)
    meta_step = None
    if given.trusted is not None:
        seen = given.trusted, window, progress
        meta_step = MetaStep(student, weighting, extractor, *seen, weigher.usual, cfg.seed)
    told = given.sampler, progress, student.device, weighting.factors, given.text
    bookkeeping = Bookkeeping(cfg, extractor, weigher.usual, *told)
    persistent = PersistentParts(
        cfg,
        given.trusted,
        weighting=weighting,
        extractor=extractor,
        usual=weigher.usual,
        progress=progress,
        schedule=schedule,
        window=window,
    )
    return Assembly(
        student=student,
        weighting=weighting,
        progress=progress,
        weigher=weigher,
        window=window,
        schedule=schedule,
        meta_step=meta_step,
        bookkeeping=bookkeeping,
        persistent=persistent,
        plain=plain,
    )


def build_extractor(
    criterion: Any,
    unit: str,
    weighting: Weighting,
    dictionaries: Dictionaries,
    recorded: bool = False,
) -> FeatureExtractor:
    """The extractor of the features that the weighting reads, and of those that are recorded.

    Args:
        criterion: fairseq's, of the run.
        unit: ``sentence`` or ``token``: what a row is.
        weighting: the rule.
        dictionaries: of both languages.
        recorded: whether there is a record.
    """
    return FeatureExtractor(
        [*weighting.reads, *(["loss"] if recorded else [])],
        unit,
        criterion.padding_idx,
        criterion.sentence_avg,
        dictionaries.shared,
        dictionaries.types[1],
        criterion.ignore_prefix_size,
    )
