"""From the student's pass over a sub-batch to the weights of its sentences."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from fairseq_l2rw.features.extractor import FeatureExtractor
from fairseq_l2rw.features.features import Features, TokenLosses
from fairseq_l2rw.features.student_states import States
from fairseq_l2rw.metagradient import LEAST_WEIGHT, LEAST_WEIGHT_HALF, MetaGradient, PassRecord
from fairseq_l2rw.metagradient.attention import differentiable_attention
from fairseq_l2rw.sampling.importance_sampler import truncated
from fairseq_l2rw.training.progress import Progress
from fairseq_l2rw.training.student import Student
from fairseq_l2rw.training.update_buffer import SubBatch, UpdateBuffer
from fairseq_l2rw.training.usual_weight import SHARE, UsualWeight
from fairseq_l2rw.utils.rng import RandomState
from fairseq_l2rw.weighting import Weighting, kept, safe


@dataclass(frozen=True)
class Weights:
    """Weights of a batch as the criterion uses them."""

    values: Tensor  # (N,)
    sizes: Tensor  # n_i, (N,)
    plain_size: int  # what fairseq's criterion gives
    plain: bool  # whether weights are not read at all

    @property
    def logged_size(self) -> Tensor | int:
        """sum_i w_i n_i for the log, which divides by it."""
        # Not a product of matrices, which AMP makes in half precision: there the sum is infinite.
        return self.plain_size if self.plain else (self.values * self.sizes).sum().clamp(min=1e-9)


@dataclass
class SubBatchContext:
    """What goes with a sub-batch from before the student's pass to its weights.

    Attributes:
        update: the update that it belongs to.
        random: from before the student's pass.
        dummy: whether it only fills up an uneven shard.
        scale: what its losses are multiplied with before the backward pass, where that is recorded
            for ghost products, a scalar; None where it is not.
        replayed: whether it may be passed again with the same dropout.
        states: of the student's pass, if they are read.
        record: of the student's pass, if it is recorded.
    """

    update: UpdateBuffer
    random: RandomState
    dummy: bool
    scale: float | Tensor | None = None
    replayed: bool = False
    states: States | None = None
    record: PassRecord | None = None


class Weigher:
    """Gives weights to the sentences (or tokens) of a sub-batch.

    Args:
        student: the student.
        weighting: the rule.
        extractor: of the features that it reads.
        meta: the meta-gradient, if the weighting uses it.
        progress: of training.
        plain: whether everything is as in plain training.
    """

    def __init__(
        self,
        student: Student,
        weighting: Weighting,
        extractor: FeatureExtractor,
        meta: MetaGradient | None,
        progress: Progress,
        plain: bool,
    ) -> None:
        self.student, self.weighting, self.extractor = student, weighting, extractor
        self.meta, self.progress, self.plain = meta, progress, plain
        absolute = weighting.samples_by_weight or weighting.plain
        self.usual = UsualWeight(absolute).to(student.device)

    def aligns(self, update: int) -> bool:
        """Whether the weights of an update take the alignment with the dev gradient."""
        known = self.meta is not None and self.meta.count > 0
        return self.weighting.reads_alignment and known and not self.progress.in_warmup(update)

    @contextmanager
    def watching(self, sample: dict[str, Any], context: SubBatchContext) -> Iterator[None]:
        """Collect in the context what is wanted of the student's pass in the ``with`` block."""
        recording: AbstractContextManager[PassRecord | None] = nullcontext()
        if self.meta is not None and context.scale is not None:
            recording = self.meta.recording(len(sample["target"]), context.scale)
        # Fused kernels draw dropout of their own, which no other pass can draw again.
        plain = context.replayed and self.student.attention_dropout
        kernels = differentiable_attention() if plain else nullcontext()
        with kernels, recording as context.record, self.student.reading() as context.states:
            yield

    def weigh(
        self, sample: dict[str, Any], context: SubBatchContext, tokens: TokenLosses, losses: Tensor
    ) -> Weights:
        """Weights of a sub-batch; they go into its update, too.

        Args:
            sample: fairseq's batch.
            context: of its pass.
            tokens: losses of its tokens.
            losses: what the weights weigh, shape (N,).
        """
        number = context.update.number
        state = self.progress.state(number)
        # fairseq makes the criterion's pass under AMP, too, but numbers are none of a pass.
        with torch.autocast(self.student.device.type, enabled=False):
            features = self.extractor.extract(sample, context.states, tokens, state)
            features = self._aligned(features, sample, context, losses)
            usual = self.usual.value(self.progress.in_warmup(number))
            rule_weights, applied, fallback, factors = self._weights(features, context, usual)
        by_sentence = self.student.criterion.sentence_avg
        plain_size = len(sample["target"]) if by_sentence else sample["ntokens"]
        context.update.batches.append(
            SubBatch.of(
                self.student.replay,
                applied,
                features,
                sample=sample,
                rule_weights=rule_weights,
                rule_bound=SHARE * self.usual.value(in_warmup=False) * plain_size,
                fallback=fallback,
                factors=factors,
                random=context.random,
                dummy=context.dummy,
                record=context.record,
                bound=SHARE * usual * plain_size,
            )
        )
        return Weights(applied, features.sizes, plain_size, self.plain)

    def _aligned(
        self, features: Features, sample: dict[str, Any], context: SubBatchContext, losses: Tensor
    ) -> Features:
        """The features with the alignment to the dev gradient, where that is read."""
        if self.meta is None or not self.aligns(context.update.number):
            return features
        if context.record is not None:
            context.record.differentiate(losses)
        passed = self.student.replay.training(sample, context.random)
        return replace(features, alignment=self.meta.alignments(passed, context.record))

    @torch.no_grad()
    def _weights(
        self, features: Features, context: SubBatchContext, usual: Tensor | float
    ) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """The weighting's own weights, those to apply, how many fell back, and the factors."""
        in_warmup = self.progress.in_warmup(context.update.number)
        warmup = kept(self.weighting.warmup_weights(features))
        # What cannot be weighed has its warm-up weight, beside the usual ones of this weighting.
        instead = warmup
        if isinstance(usual, Tensor):
            instead = warmup * torch.where(usual > 0, usual, 1.0)
        weights, factors = self.weighting.explained(features)
        rule_weights, fallback = safe(weights, instead)
        applied = warmup if in_warmup else rule_weights
        if features.importance_weight is not None:
            applied = truncated(applied, features.importance_weight)
        if context.record is not None and self.weighting.learns:
            applied = applied.clamp(min=LEAST_WEIGHT_HALF if self.student.half else LEAST_WEIGHT)
        return rule_weights, applied, fallback, factors
