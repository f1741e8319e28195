"""What a weighting may read of a batch, all detached: one row a sentence, or one a token."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fairseq_l2rw.copying import copied
from fairseq_l2rw.costs import TokenCosts
from fairseq_l2rw.drawing import PRIOR, STANDS_FOR
from fairseq_l2rw.history import History
from fairseq_l2rw.states import States, pooled

#: Surface information of a pair that a regression reads, by column. Lengths are in tokens, losses
#: in nats.
PAIR = (
    "excess",  # of what the tokens cost over what they usually do, see costs.py; per token
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
COURSE = (
    "progress",  # fraction of training done
    "train_accuracy",  # fraction of training tokens predicted right in recent updates
    "dev_loss",  # per token, of the last dev batch (0 before the first)
)
SURFACE = (*PAIR, *FIT, *COURSE)


@dataclass(frozen=True)
class Observation:
    """What is seen of a batch of N sentences (N tokens with ``--weight-unit token``).

    A row never depends on the other rows of its batch, so that neither order nor bucketing changes
    a weight.

    Attributes:
        loss: loss per target token, shape (N,), nats.
        sizes: n_i, what a row adds to the normaliser (its target tokens, as often as it stands for
            others), shape (N,).
        p_reference: probability of the reference token, its mean over a sentence, shape (N,).
        p_best: probability of the likeliest token, likewise, shape (N,).
        correct: fraction of tokens whose reference is the likeliest, shape (N,).
        surface: surface information, shape (N, len(SURFACE)).
        ids: number of the sentence in its split, shape (N,).
        positions: of the token in its sentence, 0 for a sentence, shape (N,).
        update: number of the student's update.
        states: internal states, pooled over real tokens, shape (N, D), if the weighting asks for
            them; a token gets its own decoder states and the pooled ones of the encoder.
        bigrams: all reference tokens of the batch, each after the token before it, shape (M, 2),
            padding included: to leave it out a GPU would have to be waited for.
        nll: -log p of each of them, shape (M,), nats.
        real: whether it is no padding, shape (M,), bool.
        stands_for: how many sentences the row's sentence stands for, shape (N,), where epochs hold
            only some (:mod:`fairseq_l2rw.drawing`).
        prior: weights by what pairs look like before any training (:mod:`fairseq_l2rw.prior`),
            shape (N,), if the weighting asks for them.
        alignment: <dev gradient, grad l_i> at the student's parameters, shape (N,), if the
            weighting asks for it and there is a dev gradient yet.
    """

    loss: Tensor
    sizes: Tensor
    p_reference: Tensor
    p_best: Tensor
    correct: Tensor
    surface: Tensor
    ids: Tensor
    positions: Tensor
    update: int = 0
    states: Tensor | None = None
    bigrams: Tensor | None = None
    nll: Tensor | None = None
    real: Tensor | None = None
    stands_for: Tensor | None = None
    prior: Tensor | None = None
    alignment: Tensor | None = None

    def column(self, name: str) -> Tensor:
        """A column of the surface information, by its name in :data:`SURFACE`, shape (N,)."""
        return self.surface[:, SURFACE.index(name)]


def rows(values: Tensor, real: Tensor, unit: str) -> Tensor:
    """Sums over sentences, or the real tokens one by one: (..., N, T) to one number a row."""
    return values[..., real] if unit == "token" else values.sum(-1)


def _spread(values: Tensor, real: Tensor) -> Tensor:
    """Standard deviation over the real tokens of each sentence: (N, T) to (N,)."""
    mean = pooled(values.unsqueeze(2), real)
    return pooled((values - mean).square().unsqueeze(2), real).squeeze(1).sqrt()


def _ends(values: Tensor, real: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The values of each sentence's first and last real token: (N, T) to (N,) each.

    Padding comes before all real tokens or after them.
    """
    first = real.byte().argmax(1)
    last = (first + lengths - 1).clamp(min=0)  # a dummy sentence may have none
    found = values.gather(1, torch.stack([first, last], 1))
    return found[:, 0], found[:, 1]


@dataclass(frozen=True)
class Moment:
    """When something is seen, and how training was going.

    Attributes:
        update: number of the student's update.
        progress: fraction of training done.
        dev_loss: last dev loss per token, nats.
    """

    update: int
    progress: float
    dev_loss: float


@dataclass(frozen=True)
class Observer:
    """Turns a batch and the losses of the student's pass into an :class:`Observation`.

    Attributes:
        unit: ``sentence`` or ``token``: what a row is.
        padding_idx: of the dictionaries.
        sentence_avg: whether the normaliser counts sentences instead of tokens.
        history: of the training losses so far.
        costs: of the training tokens so far.
        same: which types the languages have in common, see :mod:`fairseq_l2rw.copying`.
        prefix: first target tokens of every sentence that have no loss.
    """

    unit: str
    padding_idx: int
    sentence_avg: bool
    history: History
    costs: TokenCosts
    same: Tensor
    prefix: int = 0

    @torch.no_grad()
    def observe(
        self, sample: dict[str, Any], states: States | None, tokens: Any, moment: Moment
    ) -> Observation:
        """What is seen of ``sample``; ``tokens`` are its per-token losses, shapes (N, T)."""
        real: Tensor = tokens.real
        source: Tensor = sample["net_input"]["src_tokens"]
        source_real = source.ne(self.padding_idx)
        before, target = sample["net_input"]["prev_output_tokens"], sample["target"]
        lengths = real.sum(1)
        token_rows = self.unit == "token"
        if token_rows:
            sentence, position = real.nonzero(as_tuple=True)
        else:
            sentence = torch.arange(len(real), device=real.device)
            position = torch.zeros_like(sentence)
        scored = lengths.clamp(min=1)
        per = 1 if token_rows else scored
        loss, nll, log_best = (x.detach() for x in (tokens.loss, tokens.nll, tokens.log_best))
        mask = real.to(loss)
        usual = self.costs.usual(before, target).to(loss) * mask
        # All means at once: on small batches the number of operations is what takes time.
        by_token = {
            "loss": loss,
            "nll": nll,
            "excess": nll - usual,
            "margin": -(nll + log_best),
            "correct": (-nll >= log_best) * mask,
            "copied": copied(source, target, self.same) * mask,
            "p_reference": torch.exp(-nll) * mask,
            "p_best": torch.exp(log_best) * mask,
            "one": mask,
        }
        sums = rows(torch.stack(list(by_token.values())), real, self.unit)
        size = sums[-1]
        if self.prefix:  # fairseq counts all tokens of a sentence, also those without a loss
            whole = target.ne(self.padding_idx).sum(1).to(loss)
            size = (whole / scored)[sentence] if token_rows else whole
        means = dict(zip(by_token, sums / per, strict=True))
        if self.sentence_avg:
            size = 1 / scored[sentence].to(loss) if token_rows else torch.ones_like(size)
        stands_for = sample[STANDS_FOR].to(size)[sentence] if STANDS_FOR in sample else None
        constant = torch.ones_like(size)
        target_length = scored[sentence].to(loss).log()
        source_length = source_real.sum(1)[sentence].to(loss).log()
        ratio = target_length - source_length
        first, last = _ends(nll, real, lengths)
        columns = {
            "excess": means["excess"],
            "copied": means["copied"],
            "first_log_probability": -first[sentence],
            "last_log_probability": -last[sentence],
            "log_source_length": source_length,
            "log_target_length": target_length,
            "log_length_ratio": ratio,
            "squared_log_length_ratio": ratio.square(),
            "loss": means["loss"],
            "log_probability": -means["nll"],
            "margin": means["margin"],
            "accuracy": means["correct"],
            "spread": _spread(nll, real)[sentence],
            "loss_rank": self.history.rank(means["loss"]),
            "progress": constant * moment.progress,
            "train_accuracy": constant * self.history.accuracy(),
            "dev_loss": constant * moment.dev_loss,
        }
        return Observation(
            loss=means["loss"],
            sizes=size if stands_for is None else size * stands_for,
            p_reference=means["p_reference"],
            p_best=means["p_best"],
            correct=means["correct"],
            surface=torch.stack([columns[name] for name in SURFACE], dim=1),
            ids=sample["id"][sentence.to(sample["id"].device)].to(sentence.device),
            positions=position,
            update=moment.update,
            states=None if states is None else self._states(states, source_real, real),
            bigrams=torch.stack([before.flatten(), target.flatten()], 1),
            nll=nll.flatten(),
            real=real.flatten(),
            stands_for=stands_for,
            prior=sample[PRIOR].to(size)[sentence] if PRIOR in sample else None,
        )

    def _states(self, states: States, source_real: Tensor, target_real: Tensor) -> Tensor:
        gather = states.per_token if self.unit == "token" else states.pool
        return gather(source_real, target_real)
