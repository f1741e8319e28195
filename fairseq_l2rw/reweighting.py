"""Reweighting inside an update: weigh each sub-batch, then learn from a dev batch.

One :class:`Reweighting` lives for a training run. fairseq's hooks drive it: ``begin`` and
``weigh`` for every sub-batch (which may run again, for example under the NaN detector), and
``around_step`` once the update really happens. Only the latter moves anything that lasts.
"""

import logging
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from fairseq import utils
from fairseq.logging import metrics
from torch import Tensor, nn

from fairseq_l2rw.config import no_ghost
from fairseq_l2rw.costs import TokenCosts
from fairseq_l2rw.dev import DevStream
from fairseq_l2rw.drawing import Drawing, bounded
from fairseq_l2rw.errors import InputError
from fairseq_l2rw.history import History
from fairseq_l2rw.looks import Looks
from fairseq_l2rw.meta import MetaGradient
from fairseq_l2rw.metagradient import (
    LEAST_WEIGHT,
    LEAST_WEIGHT_HALF,
    Batch,
    Losses,
    Record,
    normaliser,
    weight_gradient,
)
from fairseq_l2rw.normaliser import SHARE, UsualWeight
from fairseq_l2rw.observation import Moment, Observation, Observer
from fairseq_l2rw.optimizers import (
    FAIRSEQ_ADJOINTS,
    GradientWatch,
    check_adjoint,
    half_precision,
    loss_scale,
    masters,
)
from fairseq_l2rw.outcome import Outcome, of_all_workers
from fairseq_l2rw.passes import Passes
from fairseq_l2rw.randomness import RandomState
from fairseq_l2rw.recording import Recording
from fairseq_l2rw.resume import STATE_VERSION, check_same, told
from fairseq_l2rw.states import Reader, States
from fairseq_l2rw.statistics import log_weights
from fairseq_l2rw.update import SubBatch, Update, packed, packed_batches, unpacked
from fairseq_l2rw.weighting import Signal, Weighting, safe
from fairseq_l2rw.weighting.seeded import seeded
from fairseq_l2rw.workers import alone, count, everywhere, rank, total

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Weights:
    """Weights of a batch as the criterion uses them."""

    values: Tensor  # (N,)
    sample_size: Tensor | int  # sum_i w_i n_i

    @property
    def logged_size(self) -> Tensor | int:
        """The same for the log, which divides by it."""
        size = self.sample_size
        return size.clamp(min=1e-9) if isinstance(size, Tensor) else size


class Reweighting:
    """Gives weights to sentences or tokens and lets the weighting learn from the dev set.

    Args:
        cfg: the task's options.
        model: the student, unwrapped.
        weighting: the rule.
        criterion: gives per-token losses.
        dev: batches of the trusted split; None for a weighting that wants none.
        vocabulary: size of the target dictionary.
        same: which types the languages have in common, see :mod:`fairseq_l2rw.copying`.
        state: what :meth:`state_dict` gave in the run that is being resumed.
        drawing: is told the weights, if they decide how often sentences come up.
    """

    def __init__(
        self,
        cfg: Any,
        model: nn.Module,
        weighting: Weighting,
        criterion: Any,
        dev: DevStream | None,
        vocabulary: int,
        same: Tensor,
        state: dict[str, Any] | None = None,
        drawing: Drawing | None = None,
    ) -> None:
        self.cfg, self.model, self.criterion = cfg, model, criterion
        # Asking the model at every update takes longer than going through them.
        self._student_parameters = list(model.parameters())
        self.device = self._student_parameters[0].device
        self.weighting = weighting.to(self.device)
        self.dev, self.drawing = dev, drawing
        self.history = History().to(self.device)
        self.costs = TokenCosts().to(self.device)
        self.observer = Observer(
            cfg.weight_unit,
            criterion.padding_idx,
            criterion.sentence_avg,
            self.history,
            self.costs,
            same.to(self.device),
            criterion.ignore_prefix_size,
        )
        self.usual = UsualWeight(absolute=weighting.draws or weighting.plain).to(self.device)
        self.half = half_precision(cfg)
        mixed = cfg.amp and self.device.type == "cuda"  # fairseq's AMP does nothing on a CPU
        self.passes = Passes(model, criterion, cfg.meta_dropout == "replay", mixed)
        self.reader = (
            Reader(model, vocabulary, cfg.teacher_depth, weighting.reads_states)
            if weighting.reads_states
            else None
        )
        self.meta = self._build_meta() if weighting.learns or weighting.reads_alignment else None
        by_rate = cfg.meta_spacing == "rate" or (
            cfg.meta_spacing == "auto" and weighting.counts_by_span
        )
        self.looks = Looks(cfg.meta_interval, by_rate)
        self.epoch = 1
        self.updates = 0  # done so far
        self.dev_loss = 0.0
        self.first = 0  # the update from which on there is this weighting
        # What fairseq's number of an update lacks where it counts from 0 again (--reset-optimizer);
        # known from the first one on.
        self._offset: int | None = None
        # Of the updates in the window, the sub-batches of every worker, where there are several.
        self._held: deque[list[list[dict[str, Any]]]] = deque(maxlen=cfg.meta_window)
        self._shares = torch.zeros(2, dtype=torch.double, device=self.device)
        self._watch: GradientWatch | None = None
        self._update = Update(0, cfg.meta_batches)
        self._next: tuple[RandomState, bool] | None = None
        self._scale = 1.0  # of the next pass's loss
        self._lost = False  # whether the update goes on after it ran out of memory
        self._told_of_zero = False
        self._watched = False  # whether ghost products of the next pass may be wanted
        self._record: Record | None = None  # of the pass before the weights
        # How much of a full step the update takes.
        self._share = torch.ones((), dtype=torch.double, device=self.device)
        self.recording: Recording | None = None  # from the first update on
        self._restored = bool(state) and self._of_these_trusted_pairs(state or {})
        if state and self._restored:
            self.load_state_dict(state)

    def _build_meta(self) -> MetaGradient:
        ghost = self.cfg.meta_method == "auto" and not no_ghost(self.cfg)
        return MetaGradient(
            self.model,
            pattern=self.cfg.meta_params,
            method="ghost" if ghost else self.cfg.meta_method,
            average=self.cfg.meta_average,
            window=self.cfg.meta_window,
            trajectory=self.cfg.meta_trajectory,
            tolerance=self.cfg.meta_rewind_tolerance,
            adjoints=FAIRSEQ_ADJOINTS,
            half=self.half,
        )

    # -- a sub-batch ---------------------------------------------------------------------------

    def begin_epoch(self, epoch: int) -> None:
        """Before the first update of an epoch, or of this process."""
        self.epoch = epoch
        share, updates = self._shares.tolist()
        if updates and share < updates / 2:
            logger.warning(
                f"updates of the last epoch took {share / updates:.0%} of a full step on average: "
                f"nearly all pairs have next to no weight with --weighting {self.cfg.weighting}"
            )
        self._shares.zero_()

    def _start(self, update: int) -> None:
        """Once fairseq's number of the first update of this process is known."""
        self._offset = max(0, self.updates - update)
        if not self._restored:
            self.updates = self.first = update
        done = (
            "weights and teacher of the checkpoint go on"
            if self._restored
            else ("weights and teacher start afresh" + (f" at update {update}" if update else ""))
        )
        logger.info(f"{done} (--weighting {self.cfg.weighting})")
        if self.cfg.weights_dir is not None:
            start = update + self._offset
            self.recording = Recording(self.cfg.weights_dir, self.cfg.weight_unit, start)

    def begin(self, optimizer: Any, update: int, dummy: bool) -> None:
        """Before the student's pass over a sub-batch.

        Args:
            optimizer: fairseq's.
            update: fairseq's number of the update.
            dummy: whether the sub-batch only fills up an uneven shard.
        """
        if self._offset is None:
            self._start(update)
        update += self._offset or 0
        if self._watch is None or self._watch.optimizer is not optimizer:
            if self.meta is not None and self.weighting.learns:
                check_adjoint(self.meta, optimizer)  # says so now, not after the first step
                self.meta.masters = masters(optimizer, self.model)
            self._watch = GradientWatch(optimizer, None if self.as_ever else self._normaliser)
        # fairseq drops all gradients before an update, also before it tries one again.
        if not self._lost and all(p.grad is None for p in self._student_parameters):
            self._update = Update(update, self.cfg.meta_batches)
        self._lost = False
        self._next = RandomState.now(self.device), dummy
        look = self.weighting.learns and self.looks.ahead(optimizer.get_lr()) == 0
        look = look and self._update.teaches
        self._watched = look or self._aligns(update)
        if self._watched:
            self._scale = loss_scale(optimizer)

    @contextmanager
    def watching(self, sample: dict[str, Any]) -> Iterator[States | None]:
        """Collect what the weighting reads of the student's pass, and what ghost products take."""
        sentences = len(sample["target"])
        meta = self.meta if self._watched else None
        watched = meta.recording(sentences, self._scale) if meta else nullcontext()
        with watched as self._record, self._reading() as states:
            yield states

    def _reading(self) -> AbstractContextManager[States | None]:
        return self.reader.reading() if self.reader else nullcontext()

    def weigh(
        self, sample: dict[str, Any], states: States | None, tokens: Any, losses: Tensor
    ) -> Weights:
        """Weights of a sub-batch from what its pass showed; ``losses`` are what they weigh."""
        assert self._next is not None  # begin() comes first
        random, dummy = self._next
        number = self._update.number
        warming = self._warming(number)
        seen = self.observer.observe(sample, states, tokens, self._moment(number))
        if self._aligns(number) and self.meta:
            if self._record is not None:
                self._record.differentiate(losses)
            found = self.meta.alignments(self.passes.training(sample, random), self._record)
            seen = replace(seen, alignment=found)
        usual = self.usual.value(warming)
        with torch.no_grad():
            early, _ = safe(self.weighting.early(seen))
            # What cannot be judged has its early weight, beside the usual ones of this rule.
            instead = early * torch.where(usual > 0, usual, 1.0)
            proposed, fallback = safe(self.weighting(seen), instead)
            given = early if warming else proposed
        if seen.stands_for is not None:
            given = bounded(given, seen.stands_for)
        if self._record is not None and self.weighting.learns:
            given = given.clamp(min=LEAST_WEIGHT_HALF if self.half else LEAST_WEIGHT)
        sentences = len(sample["target"])
        plain_size = sentences if self.criterion.sentence_avg else sample["ntokens"]
        self._update.batches.append(
            SubBatch.of(
                self.passes,
                sample=sample,
                seen=seen,
                proposed=proposed,
                given=given,
                fallback=fallback,
                random=random,
                dummy=dummy,
                record=self._record,
                least=SHARE * usual * plain_size,
            )
        )
        self._record = None
        # The very number that fairseq's criterion gives, so that plain training stays the same to
        # the last bit.
        return Weights(given, plain_size if self.as_ever else given @ seen.sizes)

    @property
    def as_ever(self) -> bool:
        """Whether everything is as in plain training, and left to fairseq's trainer."""
        return self.weighting.plain and self.drawing is None

    def lose(self) -> None:
        """After a sub-batch that ran out of memory: fairseq drops what gradients there are.

        Among several workers it goes on with the update, else with the next one.
        """
        self._update.batches.clear()
        self._lost = not alone()

    def _warming(self, update: int) -> bool:
        return update - self.first < self.cfg.weighting_warmup

    def _aligns(self, update: int) -> bool:
        """Whether the weights of this update take the alignment with the dev gradient."""
        known = self.meta is not None and self.meta.count > 0
        return self.weighting.reads_alignment and known and not self._warming(update)

    def _moment(self, update: int) -> Moment:
        """Progress is the fraction of training done, by whichever bound ends it first."""
        by_update = update / self.cfg.max_update if self.cfg.max_update else 0.0
        by_epoch = (self.epoch - 1) / self.cfg.max_epoch if self.cfg.max_epoch else 0.0
        return Moment(update, min(1.0, max(by_update, by_epoch)), self.dev_loss)

    # -- the update ----------------------------------------------------------------------------

    def _normaliser(self) -> Tensor:
        """S of the update, over all its sub-batches and workers; every worker must call it."""
        sums = torch.zeros(2, dtype=torch.double, device=self.device)
        for batch in self._update.batches:
            weighted = batch.weights.double() @ batch.sizes.double()
            sums += torch.stack([weighted, torch.as_tensor(batch.least).to(weighted)])
        weighted, least = total(sums)
        size = normaliser(weighted, least)
        self._share = weighted / size
        return size

    def around_step(self, optimizer: Any, step: Callable[[], None]) -> None:
        """Take the student's step; learn from the dev set if it is time; write the record."""
        update, rate = self._update, optimizer.get_lr()
        assert self._watch is not None
        # Under AMP fairseq calls this for updates that overflowed and will be tried again.
        happens = bool(torch.isfinite(torch.as_tensor(self._watch.norm)).all())
        traced = self.meta is not None and happens and self._in_window(self.meta, rate)
        if traced and self.meta:
            self.meta.before_step(optimizer.optimizer, update.teaching)
        step()
        if not happens:
            return
        complete = True
        if traced and self.meta:
            self.meta.after_step(optimizer.optimizer, update.teaching, self._watch.clipping())
            complete = self._hold(update)
        span = self.looks.advance(rate)
        if span is not None and self.dev is not None and complete:
            self._look_at_dev(update, optimizer, self.dev, span)
        local = [Outcome.of(b) for b in update.batches if not b.dummy]
        outcomes = of_all_workers(local, self.device)
        self.history.add(outcomes)
        self.costs.add(outcomes)
        # Soon in warm-up the weighting's own weights tell something, though they are not given yet,
        # and the first epoch that draws by them should know as many sentences as possible.
        age = update.number - self.first
        if self.drawing is not None and 4 * age >= self.cfg.weighting_warmup:
            for outcome in outcomes:
                self.drawing.note(outcome.sentences, outcome.by_sentence(outcome.proposed))
            self.drawing.begun = not self._warming(update.number)
        if not self._warming(update.number):
            self.usual.add(outcomes)
        log_weights(outcomes, self._share)
        self._shares += torch.stack([self._share, torch.ones_like(self._share)])
        if self.recording is not None:
            self.recording.write(update.number, self.epoch, outcomes)
        self.updates = update.number + 1
        self._update, self._lost = Update(self.updates, self.cfg.meta_batches), False

    def _hold(self, update: Update) -> bool:
        """Keep an update's sub-batches for a checkpoint that may come before the window is done.

        Only one worker saves, so it has to have those of all.

        Returns:
            Whether every worker has any. If one ran out of memory, there is no looking back
            through this update.
        """
        assert self.meta is not None
        missing = torch.tensor(float(not update.teaching), device=self.device)
        if float(total(missing)) > 0:
            logger.warning(
                f"update {update.number}: a worker ran out of memory, nothing learnt from it"
            )
            self._forget_window()
            return False
        if self.cfg.meta_window > 1 and not alone():
            self._held.append(everywhere([utils.move_to_cpu(packed_batches(update.teaching))]))
        return True

    def _forget_window(self) -> None:
        assert self.meta is not None
        self.meta.steps.clear()
        self._held.clear()

    def _in_window(self, meta: MetaGradient, rate: float) -> bool:
        """Whether the next look will look back through this update.

        As far as one knows: the rate may fall, and the look come later. What was begun goes on.
        """
        near = self.looks.ahead(rate) < self.cfg.meta_window
        return self.weighting.learns and (near or len(meta.steps) > 0)

    def _look_at_dev(self, update: Update, optimizer: Any, dev: DevStream, span: float) -> None:
        """Draw a dev batch and let the weighting learn from it."""
        batch = utils.move_to_cuda(dev.next()) if self.device.type == "cuda" else dev.next()
        log: dict[str, float] = {}
        seen: list[Observation] = []
        losses, tokens = self._dev_losses(batch, update.number, seen.append), batch["ntokens"]
        usable = True
        if self.meta is None:
            with torch.no_grad():
                loss = losses(dict(self.model.named_parameters())).sum() / tokens
        else:
            # fairseq's scale is for a sum over tokens.
            scale = loss_scale(optimizer) * tokens if self.half else 1.0
            loss = self.meta.dev_gradient(lambda values: losses(values).sum() / tokens, scale)
            usable = bool(torch.isfinite(loss)) and self.meta.count > 0
            log["meta_skipped"] = float(not usable)
        for trusted in seen:
            log |= self.weighting.learn_from_dev(trusted)
        if usable:
            self.dev_loss = float(loss)
        else:
            logger.warning(f"update {update.number}: dev loss not finite, nothing learnt")
        if self.weighting.learns and usable:
            log |= self._learn(update, optimizer, span)
        # In bits, as all losses in fairseq's log.
        log["dev_loss"] = self.dev_loss / math.log(2)
        for name, value in log.items():
            metrics.log_scalar(name, value, priority=620, round=6)

    def _dev_losses(
        self, batch: dict[str, Any], number: int, show: Callable[[Observation], None]
    ) -> Losses:
        """Losses of trusted pairs, by which weights are judged.

        A weighting that learns from the pairs themselves has to see them as training pairs are
        seen, with dropout. Then one pass serves both, and they judge with dropout, too.
        """
        if not self.weighting.learns_from_dev:
            return self.passes.evaluation(batch)

        def losses(parameters: Any) -> Tensor:
            with self.passes.precision():
                # The same on every worker.
                with seeded(self.cfg.seed + number), self._reading() as states:
                    output = self.passes.output(parameters, batch)
                tokens = self.criterion.token_losses(self.model, output, batch)
                show(self.observer.observe(batch, states, tokens, self._moment(number)))
                return tokens.nll.sum(1)

        return losses

    def _learn(self, update: Update, optimizer: Any, span: float) -> dict[str, float]:
        """Look back through the window, and the weighting's step along what was found."""
        assert self.meta is not None
        signals = self._signals(self.meta.look_back(optimizer.optimizer, total), span)
        if self.cfg.meta_window <= self.cfg.meta_interval:
            self._forget_window()  # no later window reaches these
        if signals is None:
            logger.warning(f"update {update.number}: meta-gradient not finite, nothing learnt")
            return {"meta_skipped": 1.0}
        squares = torch.stack([s.gradient @ s.gradient for s in signals]).sum()
        norm = float(total(squares).sqrt())
        if norm == 0 and optimizer.get_lr() > 0 and not self._told_of_zero:
            self._told_of_zero = True
            logger.warning(
                f"update {update.number}: the meta-gradient is exactly 0, nothing to learn: where "
                "an update is one sentence, its weight is divided away; use a larger --max-tokens, "
                "--batch-size or --update-freq (said once)"
            )
        log = {"meta_gnorm": norm}
        if self.meta.method.name == "difference":
            log["meta_error"] = self.meta.method.error
        if self.cfg.meta_window > 1:
            log["meta_reached"] = float(self.meta.reached)
        if self.cfg.meta_trajectory == "rewind":
            log["meta_rewind_error"] = self.meta.rewind_error
        return log | self.weighting.learn(signals, total)

    @staticmethod
    def _signals(
        looked: Sequence[tuple[Sequence[Batch], list[Tensor]]], span: float
    ) -> list[Signal] | None:
        """The derivative by every weight of the updates looked back through, if finite.

        Where the teacher learns from a part of an update's batches, they alone say what is usual.
        """
        signals, sums = [], []
        for step, products in looked:
            batches = [b for b in step if isinstance(b, SubBatch)]
            found = [p * (not b.dummy) for b, p in zip(batches, products, strict=True)]
            sizes = [b.sizes for b in batches]
            # While warm-up gives other weights, centre with the weighting's own.
            proposed = torch.cat([b.proposed for b in batches])
            least = torch.stack([torch.as_tensor(b.least) for b in batches]).sum()
            gradient = weight_gradient(torch.cat(found), torch.cat(sizes), proposed, total, least)
            sums.append(gradient.abs().sum())
            parts = gradient.split([len(n) for n in sizes])
            for batch, part in zip(batches, parts, strict=True):
                batch.signal = -part
                signals.append(Signal(replace(batch.seen, sizes=batch.sizes), part, span))
        return signals if bool(torch.isfinite(total(torch.stack(sums).sum()))) else None

    # -- what lasts ----------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All that lasts, in types that torch's safe loader takes; closes a part of the record."""
        if self.recording is not None:
            self.recording.flush()
        state = {
            "version": STATE_VERSION,
            "options": told(self.cfg),
            "updates": self.updates,
            "first": self.first,
            "dev_loss": self.dev_loss,
            "weighting": self.weighting.state_dict(),
            "history": self.history.state_dict(),
            "costs": self.costs.state_dict(),
            "usual": self.usual.state_dict(),
            "meta": self.meta.state_dict() if self.meta else {},
            "window": self._window(),
            "dev": self.dev.state_dict() if self.dev else {},
            "trusted": self.dev.fingerprint if self.dev else None,
            "looks": self.looks.state_dict(),
        }
        return utils.move_to_cpu(state)

    def _of_these_trusted_pairs(self, state: dict[str, Any]) -> bool:
        """Whether a state was learnt from the same trusted pairs; those of others are no use."""
        check_same(state, self.cfg)
        if self.dev is None or state["trusted"] == self.dev.fingerprint:
            return True
        logger.warning(
            f"--meta-subset {self.cfg.meta_subset} has other trusted pairs than the checkpoint was "
            "trained with: what its teacher has learnt from them is not taken over"
        )
        return False

    def _window(self) -> list[dict[str, Any]]:
        """The updates so far that the next look will look back through, for a checkpoint."""
        steps = self.meta.steps if self.meta and self.cfg.meta_window > 1 else ()
        held = [[packed_batches(s.batches)] for s in steps] if alone() else self._held
        return [packed(*pair) for pair in zip(steps, held, strict=True)]

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore :meth:`state_dict`, of the same options and trusted pairs."""
        try:
            self.weighting.load_state_dict(state["weighting"])
        except RuntimeError as error:
            raise InputError(
                "the checkpoint's weighting has another shape; resume with the same --teacher-* "
                f"and --weighting-options ({str(error).splitlines()[-1].strip()})"
            ) from None
        self.history.load_state_dict(state["history"])
        self.costs.load_state_dict(state["costs"])
        self.usual.load_state_dict(state["usual"])
        self.looks.load_state_dict(state["looks"])
        self.updates, self.first = state["updates"], state["first"]
        self.dev_loss = state["dev_loss"]
        if self.dev is not None:
            self.dev.load_state_dict(state["dev"])
        if self.meta is not None:
            self.meta.load_state_dict(state["meta"])
            self._restore_window(state["window"])

    def _restore_window(self, window: list[dict[str, Any]]) -> None:
        """Go on with the updates of a window that was open, if it is the same window."""
        assert self.meta is not None
        same = all(len(step["batches"]) == count() for step in window)
        rewind = self.cfg.meta_trajectory == "rewind"
        same = same and all(("groups" in step) == rewind for step in window)
        if not same or (window and self.cfg.meta_window == 1):
            logger.info(
                "the updates before the checkpoint are not looked back through: it was written "
                "with another number of workers, --meta-window or --meta-trajectory"
            )
            return
        self._held.extend(step["batches"] for step in window if not alone())
        kept = utils.move_to_cuda(window) if self.device.type == "cuda" else window
        self.meta.keep(unpacked(step, self.passes, rank()) for step in kept)
