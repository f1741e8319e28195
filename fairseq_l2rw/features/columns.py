"""The features of a pair by name, and how each is computed from a batch that the student scored.

Lengths are in tokens, losses in nats. Adding a feature is adding a line to one of the tables.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from fairseq_l2rw.features.copying import copied
from fairseq_l2rw.features.loss_history import LossHistory
from fairseq_l2rw.features.student_states import pooled
from fairseq_l2rw.features.token_losses import TokenLossTable

# Nats: below any residual, as usual costs are hardly above those of a uniform guess.
_NO_RESIDUAL = -20.0

#: What a regression reads of a pair.
SENTENCE = (
    "surprisal_residual",  # -log p beyond what such tokens usually have (token_losses.py); mean
    "largest_residual",  # of the sentence's tokens: one wrong word is lost in a mean
    "copied",  # fraction of tokens that the source sentence has, too
    "first_log_probability",  # of the sentence's first token, which decides on copying
    "last_log_probability",  # of its end: low where a translation stops too early
    "log_source_length",
    "log_target_length",
    "log_length_ratio",  # log(target / source)
    "squared_log_length_ratio",  # so that a linear score can find either end of it suspicious
)
#: More measures of how well the student fits a pair. They say nearly the same, and with all of them
#: a regression takes longer to learn which to go by.
FIT = (
    "loss",  # per target token, label smoothing included
    "log_probability",  # of the reference, per token
    "margin",  # mean of log p(reference) - log p(best token); 0 where the reference is best
    "accuracy",  # fraction of tokens whose reference is the likeliest
    "spread",  # standard deviation of the log-probability over the sentence's tokens
    "loss_rank",  # the fraction of recent training sentences whose loss per token is smaller
)
#: How training is going: the same for all pairs of an update.
PROGRESS = (
    "progress",  # fraction of training done
    "train_accuracy",  # fraction of training tokens predicted right in recent updates
    "dev_loss",  # per token, of the last batch of trusted pairs (0 before the first)
)
#: All surface information: what can be known without the student's internal states.
SURFACE = (*SENTENCE, *FIT, *PROGRESS)


@dataclass(frozen=True)
class TrainingState:
    """When a batch is scored, and how training was going.

    Attributes:
        update: number of the student's update.
        progress: fraction of training done.
        dev_loss: last dev loss per token, nats.
    """

    update: int
    progress: float
    dev_loss: float


@dataclass(frozen=True)
class ScoredBatch:
    """A batch of N sentences, and what the student's pass said of its tokens, all detached.

    Attributes:
        source: source tokens, shape (N, S).
        source_real: which of them are no padding, bool, likewise.
        before: the token before each target token, shape (N, T).
        target: target tokens, likewise.
        real: which of them have a loss, bool, likewise.
        loss: label-smoothed loss of each, nats, 0 where it is not real, likewise.
        nll: -log p(reference), likewise.
        lprobs: log p of every type, shape (N, T, V).
        by_token: whether a row is a token, and not a sentence.
        shared: which types the languages have in common, shape (V,), see
            ``fairseq_l2rw.data.dictionaries.shared_types``.
        history: of recent training losses, if it is kept.
        token_losses: what recent training tokens cost, if it is kept.
        state: when it was scored.
    """

    source: Tensor
    source_real: Tensor
    before: Tensor
    target: Tensor
    real: Tensor
    loss: Tensor
    nll: Tensor
    lprobs: Tensor
    by_token: bool
    shared: Tensor
    history: LossHistory | None
    token_losses: TokenLossTable | None
    state: TrainingState

    @cached_property
    def mask(self) -> Tensor:
        """1 for real tokens, (N, T)."""
        return self.real.to(self.loss)

    @cached_property
    def lengths(self) -> Tensor:
        """Target tokens with a loss, (N,)."""
        return self.real.sum(1)

    @cached_property
    def scored(self) -> Tensor:
        """The same, at least 1, (N,)."""
        return self.lengths.clamp(min=1)

    @cached_property
    def _places(self) -> tuple[Tensor, Tensor]:
        if self.by_token:
            sentence, position = self.real.nonzero(as_tuple=True)
            return sentence, position
        sentence = torch.arange(len(self.real), device=self.real.device)
        return sentence, torch.zeros_like(sentence)

    @property
    def sentence(self) -> Tensor:
        """Which sentence a row is of, (rows,)."""
        return self._places[0]

    @property
    def position(self) -> Tensor:
        """Where in it, 0 for a whole sentence, (rows,)."""
        return self._places[1]

    def of_rows(self, values: Tensor) -> Tensor:
        """What is known of sentences, (N, ...), as it is known of rows, (rows, ...)."""
        return values[self.sentence] if self.by_token else values

    @cached_property
    def log_source_length(self) -> Tensor:
        """Logarithm of the source length, (rows,)."""
        return self.of_rows(self.source_real.sum(1)).to(self.loss).log()

    @cached_property
    def log_target_length(self) -> Tensor:
        """Logarithm of the target length, (rows,)."""
        return self.of_rows(self.scored).to(self.loss).log()

    @cached_property
    def log_length_ratio(self) -> Tensor:
        """Logarithm of how many times as long as the source the target is, (rows,)."""
        return self.log_target_length - self.log_source_length

    @cached_property
    def log_best(self) -> Tensor:
        """Log p of the likeliest token, 0 without a loss, (N, T)."""
        return self.lprobs.amax(-1) * self.real

    @cached_property
    def error_norm(self) -> Tensor:
        """Euclidean distance of p from the reference's one-hot vector, 0 without a loss, (N, T)."""
        squares = (2 * self.lprobs).exp().sum(-1) - 2 * torch.exp(-self.nll) + 1
        return squares.clamp(min=0).sqrt() * self.real

    @cached_property
    def residual(self) -> Tensor:
        """-log p(reference) beyond what such tokens usually have, 0 without a loss, (N, T)."""
        assert self.token_losses is not None
        usual = self.token_losses.usual(self.buckets).to(self.loss)
        return torch.addcmul(self.nll, usual, self.mask, value=-1)

    @cached_property
    def buckets(self) -> Tensor:
        """Places of the reference tokens in the table of what tokens cost, (2, N, T)."""
        assert self.token_losses is not None
        return self.token_losses.buckets(self.before, self.target)

    @cached_property
    def largest_residual(self) -> Tensor:
        """The largest residual of each sentence's tokens, (N,); -20 if none has a loss."""
        # Padding must not count: whether there is any depends on the rest of the batch.
        return torch.where(self.real, self.residual, _NO_RESIDUAL).amax(1)

    @cached_property
    def ends(self) -> tuple[Tensor, Tensor]:
        """Log p of the first and last real token, (rows,) each.

        Padding is before or after them all.
        """
        first = self.mask.argmax(1)
        places = torch.stack([first, first + self.scored - 1], 1)  # a dummy sentence may have none
        found = self.of_rows(-self.nll.gather(1, places))
        return found[:, 0], found[:, 1]

    def constant(self, value: float | Tensor) -> Tensor:
        """A number, a scalar, as a column that is the same for every row, (rows,)."""
        return torch.ones_like(self.log_target_length) * value


#: Means over the tokens of a row: what to take the mean of, (N, T), 0 where there is no loss.
TOKEN_MEANS: dict[str, Callable[[ScoredBatch], Tensor]] = {
    "loss": lambda batch: batch.loss,
    "log_probability": lambda batch: -batch.nll,
    "surprisal_residual": lambda batch: batch.residual,
    "margin": lambda batch: -(batch.nll + batch.log_best),
    "accuracy": lambda batch: (-batch.nll >= batch.log_best) * batch.mask,
    "copied": lambda batch: copied(batch.source, batch.target, batch.shared) * batch.mask,
    "reference_probability": lambda batch: torch.exp(-batch.nll) * batch.mask,
    "error_norm": lambda batch: batch.error_norm,
    "best_probability": lambda batch: torch.exp(batch.log_best) * batch.mask,
}


def _spread(batch: ScoredBatch, _: Mapping[str, Tensor]) -> Tensor:
    mean = pooled(batch.nll.unsqueeze(2), batch.real)
    squares = (batch.nll - mean).square().unsqueeze(2)
    return batch.of_rows(pooled(squares, batch.real).squeeze(1).sqrt())


def _loss_rank(batch: ScoredBatch, means: Mapping[str, Tensor]) -> Tensor:
    assert batch.history is not None
    return batch.history.rank(means["loss"])


def _train_accuracy(batch: ScoredBatch, _: Mapping[str, Tensor]) -> Tensor:
    assert batch.history is not None
    return batch.constant(batch.history.accuracy())


#: Features of a row, from the batch and the means above.
ROWS: dict[str, Callable[[ScoredBatch, Mapping[str, Tensor]], Tensor]] = {
    "largest_residual": lambda batch, _: batch.of_rows(batch.largest_residual),
    "first_log_probability": lambda batch, _: batch.ends[0],
    "last_log_probability": lambda batch, _: batch.ends[1],
    "log_source_length": lambda batch, _: batch.log_source_length,
    "log_target_length": lambda batch, _: batch.log_target_length,
    "log_length_ratio": lambda batch, _: batch.log_length_ratio,
    "squared_log_length_ratio": lambda batch, _: batch.log_length_ratio.square(),
    "spread": _spread,
    "loss_rank": _loss_rank,
    "progress": lambda batch, _: batch.constant(batch.state.progress),
    "train_accuracy": _train_accuracy,
    "dev_loss": lambda batch, _: batch.constant(batch.state.dev_loss),
}
NAMES = frozenset([*TOKEN_MEANS, *ROWS])
# Those that need what recent updates were like, and what tokens of a type usually cost.
_FROM_HISTORY = frozenset(["loss_rank", "train_accuracy"])
_FROM_TOKEN_LOSSES = frozenset(["surprisal_residual", "largest_residual"])
#: What the history of updates is learnt from.
HISTORY = ("loss", "accuracy")


def reads_history(names: Collection[str]) -> bool:
    """Whether some of these features need ``LossHistory``."""
    return not _FROM_HISTORY.isdisjoint(names)


def reads_token_losses(names: Collection[str]) -> bool:
    """Whether some of these features need ``TokenLossTable``."""
    return not _FROM_TOKEN_LOSSES.isdisjoint(names)
