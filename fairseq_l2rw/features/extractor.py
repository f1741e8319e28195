"""From a batch and the losses of the student's pass to the features that a weighting reads."""

from collections.abc import Collection
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from fairseq_l2rw.features.columns import (
    HISTORY,
    NAMES,
    ROWS,
    TOKEN_MEANS,
    ScoredBatch,
    TrainingState,
    reads_history,
    reads_token_losses,
)
from fairseq_l2rw.features.features import Features, ScoredTokens, TokenLosses, rows
from fairseq_l2rw.features.loss_history import LossHistory
from fairseq_l2rw.features.sample import IMPORTANCE_WEIGHT, INITIAL_WEIGHT
from fairseq_l2rw.features.student_states import States
from fairseq_l2rw.features.token_losses import TokenLossTable


class TrainedUpdate(Protocol):
    """What the features of later updates need to know of one, of all workers."""

    @property
    def columns(self) -> Any:
        """Features by name, each of shape (N,)."""

    @property
    def sizes(self) -> Tensor:
        """n_i, shape (N,); a row of size 0 does not count."""

    @property
    def tokens(self) -> ScoredTokens | None:
        """Its tokens."""


class FeatureExtractor(nn.Module):
    """Computes the features that are read, and no others; keeps what recent updates were like.

    Args:
        reads: names of features, see ``fairseq_l2rw.features.columns``.
        unit: ``sentence`` or ``token``: what a row is.
        padding_idx: of the dictionaries.
        sentence_avg: whether the normaliser counts sentences instead of tokens.
        shared: which types the languages have in common, shape (V,), see
            ``fairseq_l2rw.data.dictionaries.shared_types``.
        vocabulary: size of the target dictionary.
        prefix: first target tokens of every sentence that have no loss.

    Attributes:
        shared: as given, shape (V,); a buffer, so that it is on the module's device.

    Raises:
        ValueError: for a name that no feature has.
    """

    shared: Tensor

    def __init__(
        self,
        reads: Collection[str],
        unit: str,
        padding_idx: int,
        sentence_avg: bool,
        shared: Tensor,
        vocabulary: int,
        prefix: int = 0,
    ) -> None:
        super().__init__()
        unknown = sorted(set(reads) - NAMES)
        if unknown:
            raise ValueError(f"no feature {unknown[0]!r}; known: {', '.join(sorted(NAMES))}")
        self.history = LossHistory() if reads_history(reads) else None
        self.token_losses = TokenLossTable(vocabulary) if reads_token_losses(reads) else None
        self.reads = {*reads, *(HISTORY if self.history else ())}
        self.unit, self.padding_idx, self.sentence_avg = unit, padding_idx, sentence_avg
        self.prefix = prefix
        self.register_buffer("shared", shared, persistent=False)

    @torch.no_grad()
    def extract(
        self,
        sample: dict[str, Any],
        states: States | None,
        losses: TokenLosses,
        state: TrainingState,
    ) -> Features:
        """The features of ``sample``.

        Args:
            sample: fairseq's batch.
            states: of the student's pass, if they are read.
            losses: of every target token.
            state: when it was scored.
        """
        batch = self._scored(sample, losses, state)
        importance = None
        means, sizes = self._means(batch)
        if IMPORTANCE_WEIGHT in sample:
            importance = batch.of_rows(sample[IMPORTANCE_WEIGHT].to(sizes))
            sizes = sizes * importance
        known = {name: ROWS[name](batch, means) for name in ROWS if name in self.reads}
        return Features(
            columns={**means, **known},
            sizes=sizes,
            ids=batch.of_rows(sample["id"].to(sizes.device)),
            positions=batch.position,
            lengths=batch.lengths,
            update=state.update,
            states=None if states is None else self._states(states, batch),
            tokens=self._tokens(batch) if self.token_losses else None,
            importance_weight=importance,
            initial_weight=self._initial(sample, batch),
        )

    def update(self, update: TrainedUpdate) -> None:
        """Take in an update."""
        if self.history is not None:
            self.history.add(update.columns["loss"], update.columns["accuracy"], update.sizes)
        if self.token_losses is not None and update.tokens is not None:
            self.token_losses.add(update.tokens)

    def _scored(
        self, sample: dict[str, Any], losses: TokenLosses, state: TrainingState
    ) -> ScoredBatch:
        source = sample["net_input"]["src_tokens"]
        return ScoredBatch(
            source=source,
            source_real=source.ne(self.padding_idx),
            before=sample["net_input"]["prev_output_tokens"],
            target=sample["target"],
            real=losses.real,
            loss=losses.loss.detach(),
            nll=losses.nll.detach(),
            lprobs=losses.lprobs,
            by_token=self.unit == "token",
            shared=self.shared,
            history=self.history,
            token_losses=self.token_losses,
            state=state,
        )

    def _means(self, batch: ScoredBatch) -> tuple[dict[str, Tensor], Tensor]:
        """Means over tokens by name, and sizes, each of shape (rows,)."""
        # All at once: on small batches the number of operations is what takes time.
        wanted = {name: TOKEN_MEANS[name](batch) for name in TOKEN_MEANS if name in self.reads}
        sums = rows(torch.stack([*wanted.values(), batch.mask]), batch.real, self.unit)
        token_rows = batch.by_token
        means = sums[:-1] if token_rows else sums[:-1] / batch.scored
        size = sums[-1]
        if self.prefix:  # fairseq counts all tokens of a sentence, also those without a loss
            whole = batch.target.ne(self.padding_idx).sum(1).to(batch.loss)
            size = batch.of_rows(whole / batch.scored) if token_rows else whole
        if self.sentence_avg:
            one = torch.ones_like(size)
            size = one / batch.of_rows(batch.scored) if token_rows else one
        return dict(zip(wanted, means, strict=True)), size

    @staticmethod
    def _initial(sample: dict[str, Any], batch: ScoredBatch) -> Tensor | None:
        """Initial weights of the rows, shape (rows,), if the batch says any."""
        found: Tensor | None = sample.get(INITIAL_WEIGHT)
        if found is None:
            return None
        found = found.to(batch.loss)
        return found[batch.real] if found.dim() == 2 else batch.of_rows(found)

    def _states(self, states: States, batch: ScoredBatch) -> Tensor:
        gather = states.per_token if self.unit == "token" else states.pool
        return gather(batch.source_real, batch.real)

    @staticmethod
    def _tokens(batch: ScoredBatch) -> ScoredTokens:
        places = batch.buckets.flatten(1).T
        return ScoredTokens(places, batch.nll.flatten(), batch.real.flatten())
