"""Reweighting inside training: the order in which things happen in an update.

1. Before the student's pass over a sub-batch, ``Reweighting.begin`` opens its context.
2. The pass is watched, and ``.weigher.Weigher`` turns what it showed into weights.
3. Once the gradient of the update is there, it is divided by S (``.usual_weight``).
4. The student's step is taken. What is needed to look back through it is kept
   (``.meta_window.MetaWindow``).
5. If it is time (``.meta_schedule.MetaSchedule``), the weighting learns from a trusted batch
   (``.meta_step.MetaStep``).
6. What the update came to is told to all who keep something of it
   (``.bookkeeping.Bookkeeping``).

fairseq's hooks drive it. Steps 1 and 2 may run again, for example under its NaN detector; only
from step 4 on anything that lasts is moved.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from fairseq import utils
from torch import Tensor

from fairseq_l2rw.compatibility.out_of_memory import skip_meta_step
from fairseq_l2rw.features.features import TokenLosses
from fairseq_l2rw.training.assembly import Given, assemble
from fairseq_l2rw.training.meta_step import MetaStep
from fairseq_l2rw.training.meta_window import MetaWindow
from fairseq_l2rw.training.optimizers import GradientWatch, check_adjoint, loss_scale, masters
from fairseq_l2rw.training.start_checks import warn_of_a_short_run, warn_of_unread_flags
from fairseq_l2rw.training.update_buffer import UpdateBuffer
from fairseq_l2rw.training.usual_weight import step_normaliser
from fairseq_l2rw.training.weigher import SubBatchContext, Weights
from fairseq_l2rw.training.workers import alone, total, total_with_numbers
from fairseq_l2rw.utils.rng import RandomState

logger = logging.getLogger(__name__)


class Reweighting:
    """Gives weights to sentences or tokens and lets the weighting learn from trusted pairs.

    Args:
        cfg: the task's options.
        given: what the task has before the first update.
        state: what ``state_dict`` gave in the run that is being resumed.
    """

    def __init__(self, cfg: Any, given: Given, state: dict[str, Any] | None = None) -> None:
        self.cfg = cfg
        self._batches = given.batches
        self.parts = assemble(cfg, given)
        self._restored = self.parts.persistent.load_state_dict(state)
        self._most = cfg.meta_batches  # reading an option at every update takes a while
        self._watch: GradientWatch | None = None
        self._update = UpdateBuffer(0, self._most)
        self._context: SubBatchContext | None = None  # of the sub-batch that fairseq is at
        self._lost = False  # whether the update goes on after it ran out of memory

    @property
    def plain(self) -> bool:
        """Whether everything is as in plain training, and left to fairseq's trainer."""
        return self.parts.plain

    # -- a sub-batch ---------------------------------------------------------------------------

    def begin_epoch(self, epoch: int) -> None:
        """Before the first update of an epoch, or of this process."""
        self.parts.progress.epoch = epoch
        self.parts.bookkeeping.begin_epoch()

    def begin(self, optimizer: Any, number: int, dummy: bool) -> None:
        """Before the student's pass over a sub-batch.

        Args:
            optimizer: fairseq's.
            number: fairseq's number of the update.
            dummy: whether the sub-batch only fills up an uneven shard.
        """
        if not self.parts.progress.begun:
            self._begin_process(number)
        self._watch_gradient(optimizer)
        # fairseq drops all gradients before an update, also before it tries one again.
        if not self._lost and self.parts.student.without_gradient:
            self._update = UpdateBuffer(self.parts.progress.number(number), self._most)
        self._lost = False
        self._context = SubBatchContext(
            self._update, RandomState.now(self.parts.student.device), dummy
        )
        if self.parts.window is not None:
            self._look_ahead(self._context, self.parts.window, optimizer)

    def _look_ahead(self, context: SubBatchContext, window: MetaWindow, optimizer: Any) -> None:
        """Note in the context of a sub-batch what will be asked of its pass."""
        ahead = (
            self.parts.schedule.ahead(optimizer.get_lr()) if self.parts.weighting.learns else None
        )
        aligns = self.parts.weigher.aligns(context.update.number)
        if aligns or (ahead == 0 and context.update.teaches):
            context.scale = loss_scale(optimizer)
            if aligns and self.parts.student.half:  # the pass is differentiated without weights
                context.scale *= self.parts.weigher.usual.scale
        context.replayed = window.replays and (
            aligns or (ahead is not None and window.keeps(ahead))
        )

    def _begin_process(self, number: int) -> None:
        """Once fairseq's number of the first update of this process is known."""
        update = self.parts.progress.begin(number, self._restored)
        done = "weights and teacher of the checkpoint go on"
        if not self._restored:
            done = "weights and teacher start afresh" + (f" at update {number}" if number else "")
        logger.info(f"{done} (--weighting {self.cfg.weighting})")
        first = self.parts.progress.logged(self.parts.progress.first)
        warn_of_a_short_run(self.cfg, self.parts.weighting, first, self._batches)
        warn_of_unread_flags(self.cfg, self.parts.weighting)
        self.parts.bookkeeping.begin(update)

    def _watch_gradient(self, optimizer: Any) -> None:
        """Stand between the trainer and the gradients, of the optimizer that is in use now."""
        if self._watch is not None and self._watch.optimizer is optimizer:
            return
        if self.parts.window is not None and self.parts.weighting.learns:
            meta = self.parts.window.meta
            check_adjoint(meta, optimizer)  # says so now, not after the first step
            meta.masters = masters(optimizer, self.parts.student.model)
        self._watch = GradientWatch(optimizer, None if self.plain else self._normaliser)

    @contextmanager
    def watching(self, sample: dict[str, Any]) -> Iterator[SubBatchContext]:
        """Watch the student's pass in the ``with`` block; gives the sub-batch's context."""
        assert self._context is not None  # begin() comes first
        context, self._context = self._context, None
        with self.parts.weigher.watching(sample, context):
            yield context

    def weigh(
        self, sample: dict[str, Any], context: SubBatchContext, tokens: TokenLosses, losses: Tensor
    ) -> Weights:
        """Weights of a sub-batch, see ``.weigher.Weigher.weigh``."""
        return self.parts.weigher.weigh(sample, context, tokens, losses)

    def drop_sub_batches(self) -> None:
        """After a sub-batch that ran out of memory: fairseq drops what gradients there are.

        Among several workers it goes on with the update, else with the next one.
        """
        self._update.batches.clear()
        self._lost = not alone()

    # -- the update ----------------------------------------------------------------------------

    def _normaliser(self) -> Tensor:
        """S of the update; every worker must call it."""
        exchange = total if alone() else self._total
        device = self.parts.student.device
        update = self._update
        size, update.step_share = step_normaliser(update.batches, exchange, device)
        return size

    def _total(self, local: Tensor) -> Tensor:
        """Sum over workers, which at the same time tell each other of the update."""
        update = self._update
        found, update.told_numbers = total_with_numbers(local, update.own_numbers())
        return found

    def around_step(self, optimizer: Any, step: Callable[[], None]) -> None:
        """Take the student's step; take a meta step if it is time; tell what the update came to."""
        update, rate = self._update, optimizer.get_lr()
        assert self._watch is not None
        happens = self._watch.is_finite()
        update.read_told()  # costs no wait here, where the norm was waited for
        window = self.parts.window if happens and self.parts.weighting.learns else None
        if window is not None and not window.keeps(self.parts.schedule.ahead(rate)):
            window = None
        if window is not None:
            window.before_step(optimizer, update)
        step()
        if not happens:
            return
        complete = True
        if window is not None:
            complete = window.after_step(optimizer, update, self._watch.clipping())
        mass = self.parts.schedule.advance(rate, complete)
        if mass is not None and self.parts.meta_step is not None:
            self._take_meta_step(self.parts.meta_step, optimizer, mass)
        self.parts.bookkeeping.add(update)
        self.parts.progress.updates = update.number + 1
        self._update = UpdateBuffer(self.parts.progress.updates, self._most)
        self._lost = False

    def _take_meta_step(self, meta_step: MetaStep, optimizer: Any, mass: float) -> None:
        """Let the weighting learn; where memory does not suffice, go on without."""
        try:
            meta_step.take(self._update, optimizer, mass)
        except RuntimeError as error:
            if "out of memory" not in str(error):
                raise
            skip_meta_step(error, self._update.number, alone())
            if self.parts.window is not None:
                self.parts.window.clear()

    def state_dict(self) -> dict[str, Any]:
        """All that lasts, in types that torch's safe loader takes; closes a part of the record."""
        self.parts.bookkeeping.flush()
        state = utils.move_to_cpu(self.parts.persistent.state_dict())
        # On a resume fairseq tells other workers what is in a tensor's memory, not what it holds.
        return utils.apply_to_sample(torch.Tensor.contiguous, state)
