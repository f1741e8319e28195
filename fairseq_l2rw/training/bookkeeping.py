"""What is kept of every update: for features of later ones, the sampler, the log and the record."""

import logging
from collections.abc import Sequence
from typing import Any

import torch

from fairseq_l2rw.features.columns import HISTORY
from fairseq_l2rw.features.extractor import FeatureExtractor
from fairseq_l2rw.sampling.importance_sampler import ImportanceSampler
from fairseq_l2rw.training.progress import Progress
from fairseq_l2rw.training.record_writer import RecordWriter
from fairseq_l2rw.training.update_buffer import UpdateBuffer
from fairseq_l2rw.training.update_summary import SummaryNames, gathered
from fairseq_l2rw.training.usual_weight import UsualWeight
from fairseq_l2rw.training.weight_histograms import WeightHistograms
from fairseq_l2rw.training.weight_metrics import log_weights
from fairseq_l2rw.training.weight_record import RecordedRun

logger = logging.getLogger(__name__)


class Bookkeeping:
    """Is told of every update once it is made.

    Args:
        cfg: the task's options.
        extractor: remembers what features need.
        usual: remembers how large weights are.
        sampler: is told the weights, if they decide how often sentences come up.
        progress: of training.
        device: the student's.
        factors: names of the factors of a weight, for the record.
        text: a fingerprint of the training text, for the record.
    """

    def __init__(
        self,
        cfg: Any,
        extractor: FeatureExtractor,
        usual: UsualWeight,
        sampler: ImportanceSampler | None,
        progress: Progress,
        device: torch.device,
        factors: Sequence[str] = (),
        text: str = "",
    ) -> None:
        self.cfg, self.extractor, self.usual = cfg, extractor, usual
        # Reading an option at every update takes a while.
        self._interval, self._unit = cfg.weights_interval, cfg.weight_unit
        self.sampler, self.progress, self.device = sampler, progress, device
        self._text = text
        # Workers tell each other of factors only where these are recorded.
        self._factors = factors if cfg.weights_dir is not None else ()
        remembered = [name for name in HISTORY if name in extractor.reads]
        self._names = SummaryNames(remembered, self._factors)
        self._histograms = WeightHistograms(cfg)
        self._writer: RecordWriter | None = None
        # Of the epoch: shares of a full step, summed, and updates.
        self._shares = torch.zeros(2, dtype=torch.double, device=device)
        self._full = torch.ones((), dtype=torch.double, device=device)

    def begin(self, update: int) -> None:
        """Before the first update of this process, with the run's own number of it."""
        if self.cfg.weights_dir is not None:
            run = RecordedRun(self.cfg.save_dir, self._text)
            self._writer = RecordWriter(
                self.cfg.weights_dir, self._unit, update, self._factors, run
            )

    def begin_epoch(self) -> None:
        """Warn of an epoch in which hardly any pair had weight."""
        share, updates = self._shares.tolist()
        if updates and share < updates / 2:
            logger.warning(
                f"updates of the last epoch took {share / updates:.0%} of a full step on average: "
                f"nearly all pairs have next to no weight with --weighting {self.cfg.weighting}"
            )
        self._shares.zero_()

    def add(self, update: UpdateBuffer) -> None:
        """Take in an update, of this worker; every worker must call it."""
        summary = gathered(update, self._names, self.device)
        if summary is None:  # out of memory everywhere
            return
        self.extractor.update(summary)
        in_warmup = self.progress.in_warmup(update.number)
        # Soon in warm-up the weighting's own weights tell something, though they are not applied
        # yet, and the first epoch that samples by them should know as many sentences as possible.
        if (
            self.sampler is not None
            and 4 * self.progress.age(update.number) >= self.progress.warmup
        ):
            weights = summary.by_sentence(summary.rule_weights, self._unit)
            self.sampler.update(summary.sentences, weights)
            self.sampler.uses_learnt_weights = not in_warmup
        if not in_warmup:
            self.usual.add(summary)
        share = self._full if update.step_share is None else update.step_share
        if len(summary.applied_weights):  # none where --ignore-prefix-size leaves no token
            log_weights(summary, share)
        self._histograms.add(self.progress.logged(update.number), summary)
        self._shares += torch.stack([share, torch.ones_like(share)])
        if self._writer is not None and update.number % self._interval == 0:
            self._writer.write(update.number, self.progress.epoch, summary)

    def flush(self) -> None:
        """End a part of the record."""
        if self._writer is not None:
            self._writer.flush()
