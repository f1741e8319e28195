"""A meta step: a trusted batch says what the last updates were worth, and the weighting learns."""

import logging
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from fairseq import utils
from fairseq.logging import metrics
from torch import Tensor

from fairseq_l2rw.data.trusted_pairs import TrustedBatches
from fairseq_l2rw.features.extractor import FeatureExtractor
from fairseq_l2rw.features.features import Features
from fairseq_l2rw.metagradient import Batch, Losses, weight_gradient
from fairseq_l2rw.sampling.importance_sampler import truncated
from fairseq_l2rw.training.meta_window import MetaWindow
from fairseq_l2rw.training.optimizers import loss_scale
from fairseq_l2rw.training.progress import Progress
from fairseq_l2rw.training.shared_batches import gathered_features, share
from fairseq_l2rw.training.student import Student
from fairseq_l2rw.training.update_buffer import SubBatch, UpdateBuffer, sub_batches
from fairseq_l2rw.training.usual_weight import UsualWeight
from fairseq_l2rw.training.workers import alone, count, rank, total
from fairseq_l2rw.utils.reduction import Total, local_only
from fairseq_l2rw.utils.rng import seeded
from fairseq_l2rw.weighting import Signal, Weighting

logger = logging.getLogger(__name__)


class MetaStep:
    """Lets a weighting learn from trusted pairs.

    Args:
        student: the student.
        weighting: what learns.
        extractor: of the features that it reads.
        trusted: batches of trusted pairs.
        window: the updates that a meta-gradient looks back through; None where there is none.
        progress: of training; is told the dev loss.
        usual: weight of the student's pairs, by which half precision is scaled.
        seed: of the dropout on trusted pairs.
    """

    def __init__(
        self,
        student: Student,
        weighting: Weighting,
        extractor: FeatureExtractor,
        trusted: TrustedBatches,
        window: MetaWindow | None,
        progress: Progress,
        usual: UsualWeight,
        seed: int,
    ) -> None:
        self.student, self.weighting, self.extractor = student, weighting, extractor
        self.trusted, self.window, self.progress, self.seed = trusted, window, progress, seed
        self.usual = usual
        self._warned_of_zero = False

    def take(self, update: UpdateBuffer, optimizer: Any, mass: float) -> None:
        """Draw a trusted batch and let the weighting learn from it.

        Args:
            update: the student's, which was just made.
            optimizer: fairseq's.
            mass: learning-rate mass that the meta step speaks for.
        """
        whole = self.trusted.next()
        # Where there are fewer pairs than workers, each of them passes all.
        shared = not alone() and len(whole["id"]) >= count()
        padding = self.student.criterion.padding_idx
        batch = share(whole, padding, rank(), count()) if shared else whole
        if self.student.device.type == "cuda":
            batch = utils.move_to_cuda(batch)
        read: list[Features] = []
        # The same dropout wherever the same pairs are passed, and another one for each share.
        number = update.number * count() + rank() if shared else update.number
        losses = self._losses(batch, update.number, self.seed + number, read.append)
        among = total if shared else local_only
        loss, taken = self._dev_loss(losses, whole["ntokens"], optimizer, among)
        log = {} if self.window is None else {"meta_skipped": float(not taken)}
        for features in read:
            log |= self.weighting.learn_from_trusted(
                gathered_features(features) if shared else features
            )
        if bool(torch.isfinite(loss)):
            self.progress.dev_loss = float(loss)
        if self.weighting.learns and taken:
            log |= self._learn(update, optimizer, mass)
        elif self.window is not None:
            self.window.finish()
        # In bits, as all losses in fairseq's log.
        log["dev_loss"] = self.progress.dev_loss / math.log(2)
        for name, value in log.items():
            metrics.log_scalar(name, value, priority=620, round=6)

    def _dev_loss(
        self, losses: Losses, tokens: int, optimizer: Any, among: Total
    ) -> tuple[Tensor, bool]:
        """The loss of a trusted batch per token; its gradient goes into the running mean.

        Args:
            losses: of the pairs that this worker passes.
            tokens: of the whole batch.
            optimizer: fairseq's.
            among: sums over the workers that pass a share of it.

        Returns:
            The loss, a scalar, and whether there is a gradient, where one is wanted.
        """
        if self.window is None:
            with torch.no_grad():
                return among(losses({}).sum()) / tokens, True
        # fairseq's scale is for a sum over tokens.
        scale = 1.0
        if self.student.half:
            scale = loss_scale(optimizer) * tokens * float(self.usual.scale)
        meta = self.window.meta
        before = meta.count
        loss = meta.dev_gradient(lambda values: losses(values).sum() / tokens, scale, among)
        return loss, meta.count > before

    def _losses(
        self, batch: dict[str, Any], number: int, seed: int, show: Callable[[Features], None]
    ) -> Losses:
        """Losses of trusted pairs, by which weights are judged.

        A weighting that learns from the pairs themselves has to read them as training pairs are
        read, with dropout. Then one pass serves both, and they judge with dropout, too.
        """
        replay, criterion = self.student.replay, self.student.criterion
        if not self.weighting.learns_from_trusted:
            return replay.evaluation(batch)

        def losses(parameters: Any) -> Tensor:
            with replay.precision():
                with seeded(seed), self.student.reading() as states:
                    output = replay.output(parameters, batch)
                tokens = criterion.token_losses(self.student.model, output, batch)
                state = self.progress.state(number)
                show(self.extractor.extract(batch, states, tokens, state))
                return tokens.nll.sum(1)

        return losses

    def _learn(self, update: UpdateBuffer, optimizer: Any, mass: float) -> dict[str, float]:
        """Look back through the window, and the weighting's step along what was found."""
        assert self.window is not None
        signals = _signals(self.window.look_back(optimizer), mass)
        squares = [signal.usefulness.double().square().sum() for signal in signals]
        norm = float(total(torch.stack(squares).sum()).sqrt())
        if not math.isfinite(norm):
            logger.warning(f"update {update.number}: meta-gradient not finite, nothing learnt")
            return {"meta_skipped": 1.0}
        if norm == 0 and optimizer.get_lr() > 0 and not self._warned_of_zero:
            self._warned_of_zero = True
            logger.warning(
                f"update {update.number}: the meta-gradient is exactly 0, nothing to learn: where "
                "an update is one sentence, its weight is divided away; use a larger --max-tokens, "
                "--batch-size or --update-freq (said once)"
            )
        log = {"meta_gnorm": norm, **self.window.log()}
        return log | self.weighting.learn(signals, total)


def _own_weights(batch: SubBatch) -> Tensor:
    """What the weighting alone would apply, shape (N,): while warm-up applies others, too."""
    sampled = batch.features.importance_weight
    return batch.rule_weights if sampled is None else truncated(batch.rule_weights, sampled)


def _signals(looked: Sequence[tuple[Sequence[Batch], list[Tensor]]], mass: float) -> list[Signal]:
    """The usefulness of every weight of the updates looked back through.

    Where the teacher learns from a part of an update's batches, they alone say what is usual.

    Args:
        looked: batches and their inner products by update, see
            ``fairseq_l2rw.metagradient.MetaGradient.look_back``.
        mass: see ``Signal``.
    """
    signals = []
    for step, products in looked:
        batches = sub_batches(step)
        found = [p * (not b.dummy) for b, p in zip(batches, products, strict=True)]
        sizes = [b.sizes for b in batches]
        weights = torch.cat([_own_weights(b) for b in batches])
        bound = sum(batch.rule_bound for batch in batches)
        gradient = weight_gradient(torch.cat(found), torch.cat(sizes), weights, total, bound)
        parts = (-gradient).split([len(n) for n in sizes])
        for batch, part in zip(batches, parts, strict=True):
            batch.usefulness = part
            signals.append(Signal(batch.features, part, mass))
    return signals
