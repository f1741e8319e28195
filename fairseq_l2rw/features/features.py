"""What a weighting may read of a batch, all detached: one row a sentence, or one a token."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class ScoredTokens(NamedTuple):
    """All reference tokens of a batch, padding included: to leave it out would wait for a GPU.

    Attributes:
        buckets: where a table has the token, and where with the one before it, shape (M, 2).
        nll: -log p of the reference token, shape (M,), nats.
        real: whether it is no padding, shape (M,), bool.
    """

    buckets: Tensor
    nll: Tensor
    real: Tensor


@dataclass(frozen=True)
class TokenLosses:
    """What a pass says of the target tokens of a batch.

    Losses are 0 at padding, and for the tokens that ``--ignore-prefix-size`` leaves out.

    Attributes:
        loss: label-smoothed, shape (N, T), nats.
        nll: -log p of the reference, shape (N, T), nats.
        lprobs: log p of every type, detached, shape (N, T, V).
        real: which tokens are neither padding nor left out, bool, shape (N, T).
    """

    loss: Tensor
    nll: Tensor
    lprobs: Tensor
    real: Tensor


@dataclass(frozen=True)
class Features:
    """The features of a batch of N sentences (N tokens with ``--weight-unit token``).

    A row never depends on the other rows of its batch, so that neither order nor bucketing changes
    a weight.

    Attributes:
        columns: numbers by name (``fairseq_l2rw.features.columns``), each of shape (N,): those
            that the weighting reads.
        sizes: n_i, what a row adds to the normaliser (its target tokens, times its importance
            weight), shape (N,).
        ids: number of the sentence in its split, shape (N,).
        positions: of the token in its sentence, 0 for a sentence, shape (N,).
        lengths: target tokens with a loss of each of the S sentences, shape (S,).
        update: number of the student's update.
        states: internal states, pooled over real tokens, shape (N, D), if the weighting reads
            them; a token gets its own decoder states and the pooled ones of the encoder.
        tokens: the batch's tokens, if a feature needs what such tokens usually cost.
        importance_weight: how many sentences the row's sentence stands for, shape (N,), where
            epochs hold only some (``fairseq_l2rw.sampling.importance_sampler``).
        initial_weight: the weight before training (``fairseq_l2rw.initial_weights``), shape
            (N,), if the weighting reads it.
        alignment: <dev gradient, grad l_i> at the student's parameters, shape (N,), if the
            weighting reads it and there is a dev gradient yet.
    """

    columns: Mapping[str, Tensor]
    sizes: Tensor
    ids: Tensor
    positions: Tensor
    lengths: Tensor
    update: int = 0
    states: Tensor | None = None
    tokens: ScoredTokens | None = None
    importance_weight: Tensor | None = None
    initial_weight: Tensor | None = None
    alignment: Tensor | None = None

    def __getitem__(self, name: str) -> Tensor:
        """A column, shape (N,).

        Raises:
            KeyError: when the weighting does not say that it reads it.
        """
        try:
            return self.columns[name]
        except KeyError:
            known = ", ".join(self.columns) or "none"
            raise KeyError(
                f"{name}: name it in the weighting's `reads`; read are: {known}"
            ) from None

    def __len__(self) -> int:
        """N."""
        return len(self.sizes)

    def matrix(self, names: Sequence[str]) -> Tensor:
        """Some columns side by side, shape (N, F), in the order of their F names."""
        return torch.stack([self[name] for name in names], 1)

    def only(self, names: Collection[str]) -> dict[str, Tensor]:
        """Some columns, of those that there are, by name, each of shape (N,)."""
        return {name: self.columns[name] for name in names if name in self.columns}


def by_sentence(values: Tensor, lengths: Tensor, unit: str) -> Tensor:
    """The mean over each sentence's rows: (N,) to (S,); 0 for a sentence without tokens.

    Args:
        values: of the rows, shape (N,).
        lengths: target tokens with a loss of each sentence, shape (S,).
        unit: ``sentence`` or ``token``: what a row is.
    """
    if unit == "sentence":
        return values
    place = torch.arange(len(lengths), device=values.device).repeat_interleave(lengths)
    sums = values.new_zeros(len(lengths)).index_add_(0, place, values)
    return sums / lengths.clamp(min=1)


def rows(values: Tensor, real: Tensor, unit: str) -> Tensor:
    """Sums over sentences, or the real tokens one by one, shape (..., rows).

    Args:
        values: numbers of tokens, shape (..., N, T), 0 where they are not real.
        real: which tokens have a loss, bool, shape (N, T).
        unit: ``sentence`` or ``token``: what a row is.
    """
    return values[..., real] if unit == "token" else values.sum(-1)
