"""What a reference token usually costs the student, before it looks at the source sentence.

A good translation with rare words has a large loss, a wrong one of everyday words a small one. So a
token's loss is held against what recent tokens of the same type, after the same token, have cost.
What is left tells how much the source sentence helped: a language model's score is taken out, for
the price of a table.
"""

import torch
from torch import Tensor, nn

from fairseq_l2rw.features.features import ScoredTokens

# Pairs of tokens share a table of this size, at least, by their hash; few of them recur.
_LEAST = 1 << 16
_HASH = 1_000_003
_MEMORY = 200  # updates; longer than other histories, because most tokens are rare
# A mean starts from its backoff, as if a token had been seen so many times at that cost.
_PRIOR = 5.0


class TokenLossTable(nn.Module):
    """Mean of -log p(reference) by its type and the token before it, forgotten exponentially.

    With c the number of times and S the sum of costs, each over recent training tokens,

        u(y) = (S(y) + k a) / (c(y) + k),   u(x, y) = (S(x, y) + k u(y)) / (c(x, y) + k),

    where a is the average cost of all tokens: the bigram backs off to the type, the type to the
    average (docs/mathematics.md, "What it reads").

    Args:
        types: size of the vocabulary: every type has a place of its own.

    Attributes:
        sums: by type and by bigram, S in nats and c, in each of B places, shape (2, 2, B), float64.
    """

    sums: Tensor

    def __init__(self, types: int) -> None:
        super().__init__()
        places = max(types, _LEAST)
        self.register_buffer("sums", torch.zeros(2, 2, places, dtype=torch.float64))

    def add(self, tokens: ScoredTokens) -> None:
        """Add the tokens of one update, of all workers; losses that are not finite do not count."""
        self.sums.mul_(1 - 1 / _MEMORY)
        nll = tokens.nll.to(self.sums)
        counts = tokens.real & (nll < torch.inf)  # never below 0
        cost = torch.stack([torch.where(counts, nll, 0.0), counts.to(nll)])
        for sums, bucket in zip(self.sums, tokens.buckets.unbind(1), strict=True):
            sums.index_add_(1, bucket, cost)

    def usual(self, places: Tensor) -> Tensor:
        """What tokens cost of late, in nats, of any shape; 0 at first.

        Args:
            places: what ``buckets`` gives of them, shape (2, ...).
        """
        nats, times = self.sums[0].sum(1)
        mean = nats / times.clamp(min=1e-300)
        for sums, bucket in zip(self.sums, places, strict=True):
            nats, times = sums[:, bucket]
            mean = torch.add(nats, mean, alpha=_PRIOR) / (times + _PRIOR)
        return mean

    def buckets(self, before: Tensor, tokens: Tensor) -> Tensor:
        """Places in the tables of types and of bigrams, shape (2, ...).

        Args:
            before: the token before each, of the same shape.
            tokens: reference tokens, any shape.
        """
        bigrams = torch.add(tokens, before, alpha=_HASH)
        return torch.stack([tokens, bigrams]) % self.sums.shape[-1]
