"""Reweighting inside an update: weigh each sub-batch, then learn from a dev batch.

One :class:`Reweighting` lives for a training run. fairseq's hooks drive it: ``begin`` and
``weigh`` for every sub-batch (which may run again, for example under the NaN detector), and
``around_step`` once the update really happens. Only the latter moves anything that lasts.
"""

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from fairseq import utils
from fairseq.logging import metrics
from torch import Tensor, nn

from fairseq_l2rw.dev import DevStream
from fairseq_l2rw.errors import InputError
from fairseq_l2rw.meta import ClipWatch, MetaGradient, RandomState, adjoint_of
from fairseq_l2rw.metagradient import functional
from fairseq_l2rw.metagradient.weights import weight_gradient
from fairseq_l2rw.record import WeightRecord
from fairseq_l2rw.states import Observation, Reader, States, surface_information
from fairseq_l2rw.statistics import log_weights
from fairseq_l2rw.weighting import Signal, Weighting, safe
from fairseq_l2rw.workers import gathered, rank, total

logger = logging.getLogger(__name__)

STATE_VERSION = 1


@dataclass(frozen=True)
class Weights:
    """Weights of a batch as the criterion uses them."""

    values: Tensor  # (N,)
    sample_size: Tensor | int  # sum_i w_i n_i


@dataclass
class SubBatch:
    """What is kept of a sub-batch until its update is done."""

    sample: dict[str, Any]
    seen: Observation
    proposed: Tensor  # the weighting's own weights, also while warm-up gives every sentence 1
    given: Tensor  # the weights that trained the student
    fallback: Tensor  # bool scalar: the weighting's own weights were unusable
    random: RandomState  # before the student's pass
    dummy: bool  # fills up an uneven shard; counts for nothing


@dataclass
class Update:
    """The sub-batches of one update of the student, so far."""

    number: int
    batches: list[SubBatch] = field(default_factory=list)


class Reweighting:
    """Gives weights to sentences and lets the weighting learn from the dev set.

    Args:
        cfg: the task's options.
        model: the student, unwrapped.
        weighting: the rule.
        criterion: gives per-token losses.
        dev: batches of the trusted split; None for a weighting that does not learn.
        vocabulary: size of the target dictionary.
        state: what :meth:`state_dict` gave in the run that is being resumed.
    """

    def __init__(
        self,
        cfg: Any,
        model: nn.Module,
        weighting: Weighting,
        criterion: Any,
        dev: DevStream | None,
        vocabulary: int,
        state: dict[str, Any] | None = None,
    ) -> None:
        self.cfg, self.model, self.criterion = cfg, model, criterion
        self.weighting = weighting.to(next(model.parameters()).device)
        self.dev = dev
        self.reader = (
            Reader(model, vocabulary, cfg.teacher_depth) if weighting.reads_states else None
        )
        self.meta = (
            MetaGradient(model, cfg.meta_params, cfg.meta_method, cfg.meta_average)
            if weighting.learns
            else None
        )
        self.epoch = 1
        self.updates = 0  # done so far
        self.dev_loss = 0.0
        self._clip: ClipWatch | None = None
        self._update = Update(0)
        self._next: tuple[RandomState, bool] | None = None
        if state:
            self.load_state_dict(state)
        self.record = self._open_record()

    # -- a sub-batch ---------------------------------------------------------------------------

    def begin(self, optimizer: Any, update: int, dummy: bool) -> None:
        """Before the student's pass over a sub-batch."""
        if self._clip is None or self._clip.optimizer is not optimizer:
            if self.meta is not None:
                adjoint_of(optimizer)  # says so now, not after the first step
            self._clip = ClipWatch(optimizer)
        # fairseq drops all gradients before an update, also before it tries one again.
        if all(p.grad is None for p in self.model.parameters()):
            self._update = Update(update)
        self._next = (RandomState.now(next(self.model.parameters()).device), dummy)

    @contextmanager
    def reading(self) -> Iterator[States | None]:
        """Collect the states of the student's pass, if the weighting reads any."""
        with self.reader.reading() if self.reader else nullcontext() as states:
            yield states

    def weigh(self, sample: dict[str, Any], states: States | None, tokens: Any) -> Weights:
        """Weights of a sub-batch from what its pass showed."""
        with torch.no_grad():
            seen = self._observe(sample, states, tokens)
            proposed, fallback = safe(self.weighting(seen))
        assert self._next is not None  # begin() comes first
        plain = self.weighting.plain or self._update.number < self.cfg.weighting_warmup
        given = torch.ones_like(proposed) if plain else proposed
        self._update.batches.append(SubBatch(sample, seen, proposed, given, fallback, *self._next))
        # The very number that fairseq's criterion gives, so that plain training stays the same to
        # the last bit.
        plain_size = len(given) if self.criterion.sentence_avg else sample["ntokens"]
        return Weights(given, plain_size if plain else given @ seen.sizes)

    def _observe(self, sample: dict[str, Any], states: States | None, tokens: Any) -> Observation:
        target_real = sample["target"].ne(self.criterion.padding_idx)
        source_real = sample["net_input"]["src_tokens"].ne(self.criterion.padding_idx)
        lengths = target_real.sum(1)
        count = tokens.real.sum(1).clamp(min=1)
        loss = tokens.loss.detach().sum(1) / count
        surface = surface_information(
            loss=loss,
            margin=-(tokens.nll.detach() + tokens.log_best).sum(1) / count,
            source_lengths=source_real.sum(1),
            target_lengths=lengths,
            progress=self._progress(),
            dev_loss=self.dev_loss,
        )
        sizes = torch.ones_like(loss) if self.criterion.sentence_avg else lengths.to(loss)
        pooled = None if states is None else states.pool(source_real, target_real)
        return Observation(loss, sizes, surface, pooled)

    def _progress(self) -> float:
        """Fraction of training done, by whichever bound ends it first."""
        by_update = self._update.number / self.cfg.max_update if self.cfg.max_update else 0.0
        by_epoch = (self.epoch - 1) / self.cfg.max_epoch if self.cfg.max_epoch else 0.0
        return max(by_update, by_epoch)

    # -- the update ----------------------------------------------------------------------------

    def around_step(self, optimizer: Any, step: Callable[[], None]) -> None:
        """Take the student's step; learn from the dev set if it is time; write the record."""
        update = self._update
        assert self._clip is not None
        # Under AMP fairseq calls this for updates that overflowed and will be tried again.
        happens = bool(torch.isfinite(torch.as_tensor(self._clip.norm)).all())
        due = happens and self.meta is not None and update.number % self.cfg.meta_interval == 0
        before = self.meta.snapshot() if due and self.meta else None
        step()
        if not happens:
            return
        if before is not None:
            self._learn(update, optimizer, before)
        real = [b for b in update.batches if not b.dummy]
        given = [b.given for b in real] or [update.batches[0].given[:0]]
        log_weights(torch.cat(given), torch.stack([b.fallback for b in update.batches]).sum())
        if self.cfg.weights_dir is not None:
            self._write(update, real)
        self.updates = update.number + 1
        self._update = Update(self.updates)

    def _learn(self, update: Update, optimizer: Any, before: dict[str, Tensor]) -> None:
        """The meta-gradient at this update, and the weighting's step along it."""
        assert self.meta is not None and self._clip is not None
        dev_loss = self._dev_gradient()
        if self.meta.count == 0:  # no dev gradient was finite yet
            return self._skip(update)
        direction = self.meta.direction(optimizer, self._clip)
        products, sizes = [], []
        for batch in update.batches:
            with batch.random.replayed():
                found = self.meta.products(self._losses(batch.sample), before, direction)
            products.append(torch.zeros_like(found) if batch.dummy else found)
            sizes.append(batch.seen.sizes * (not batch.dummy))
        proposed = torch.cat([b.proposed for b in update.batches])
        gradient = weight_gradient(torch.cat(products), torch.cat(sizes), proposed, total)
        usable = bool(torch.isfinite(total(gradient.abs().sum()) + dev_loss))
        if not usable:
            return self._skip(update)
        self.dev_loss = float(dev_loss)
        signals = [
            Signal(replace(b.seen, sizes=n), g)
            for b, n, g in zip(
                update.batches, sizes, gradient.split([len(n) for n in sizes]), strict=True
            )
        ]
        # In bits, as all losses in fairseq's log.
        log = {"dev_loss": self.dev_loss / math.log(2), "meta_skipped": 0.0}
        log["meta_gnorm"] = float(total(gradient @ gradient).sqrt())
        log |= self.weighting.learn(signals, total)
        for name, value in log.items():
            metrics.log_scalar(name, value, priority=620, round=6)

    def _skip(self, update: Update) -> None:
        logger.warning(f"update {update.number}: meta-gradient not finite, teacher not updated")
        metrics.log_scalar("meta_skipped", 1.0, priority=620, round=6)

    def _dev_gradient(self) -> Tensor:
        """Gradient of the mean dev loss per token, at the new parameters and without dropout."""
        assert self.meta is not None and self.dev is not None
        batch = self.dev.next()
        if next(self.model.parameters()).is_cuda:
            batch = utils.move_to_cuda(batch)
        losses = self._losses(batch)
        was_training = self.model.training
        self.model.eval()
        try:
            return self.meta.dev_gradient(lambda values: losses(values).sum() / batch["ntokens"])
        finally:
            self.model.train(was_training)

    def _losses(self, sample: dict[str, Any]) -> Callable[[Any], Tensor]:
        """The losses of a batch's sentences, shape (N,), as a function of the parameters."""

        def losses(parameters: dict[str, Tensor]) -> Tensor:
            output = functional.call(self.model, parameters, **sample["net_input"])
            return self.criterion.sentence_losses(self.model, output, sample)

        return losses

    # -- what lasts ----------------------------------------------------------------------------

    def _open_record(self) -> WeightRecord | None:
        if self.cfg.weights_dir is None or rank() > 0:
            return None
        record = WeightRecord(self.cfg.weights_dir, start=self.updates)
        if record.removed:
            logger.warning(
                f"removed {len(record.removed)} parts of {self.cfg.weights_dir}: they are of "
                f"updates from {self.updates} on, which this run does again"
            )
        return record

    def _write(self, update: Update, batches: list[SubBatch]) -> None:
        # One worker writes for all: only the first takes part in saving a checkpoint, which is
        # when a part of the record has to end.
        rows = [
            (update.number, self.epoch, *row)
            for b in batches
            for row in zip(
                b.sample["id"].tolist(),
                b.given.tolist(),
                b.seen.loss.tolist(),
                b.sample["target"].ne(self.criterion.padding_idx).sum(1).tolist(),
                strict=True,
            )
        ]
        everywhere = gathered(rows)
        if self.record is not None:
            self.record.add(row for of_worker in everywhere for row in of_worker)

    def state_dict(self) -> dict[str, Any]:
        """All that lasts, in types that torch's safe loader takes; closes a part of the record."""
        if self.record is not None:
            self.record.flush()
        return {
            "version": STATE_VERSION,
            "name": self.cfg.weighting,
            "updates": self.updates,
            "dev_loss": self.dev_loss,
            "weighting": utils.move_to_cpu(self.weighting.state_dict()),
            "meta": self.meta.state_dict() if self.meta else {},
            "dev": self.dev.state_dict() if self.dev else {},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore :meth:`state_dict`.

        Raises:
            InputError: when it was written by another version or for another weighting.
        """
        if state.get("version") != STATE_VERSION:
            raise InputError(
                f"the checkpoint's reweighting state has version {state.get('version')}, this "
                f"package reads {STATE_VERSION}; resume with the package that wrote it"
            )
        if state["name"] != self.cfg.weighting:
            raise InputError(
                f"the checkpoint was trained with --weighting {state['name']}; resume with it, or "
                "use --reset-dataloader to start the weighting afresh"
            )
        try:
            self.weighting.load_state_dict(state["weighting"])
        except RuntimeError as error:
            raise InputError(
                "the checkpoint's weighting has another shape; resume with the same --teacher-* "
                f"options ({str(error).splitlines()[-1].strip()})"
            ) from None
        self.updates, self.dev_loss = state["updates"], state["dev_loss"]
        if self.meta is not None and self.dev is not None:
            self.meta.load_state_dict(state["meta"])
            self.dev.load_state_dict(state["dev"])
