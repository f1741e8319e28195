"""Contrast: how likely a pair is bad, by the likeness to pairs that were made bad.

What bad pairs of some kind look like need not be guessed, if one can make as many as one likes:
a source with the target of another pair, or a target whose words are shuffled. Training pairs are a
mixture of such pairs and of good ones, in unknown shares; where a training pair is no likelier than
one that was made bad, it is bad (docs/mathematics.md, "Initial weights"). Nothing is compared with
trusted pairs alone: a good pair of another kind of text is not a bad one.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from fairseq_l2rw.initial_weights.cost import HIGHEST_COST, affordable_cost, worth
from fairseq_l2rw.scoring.acceptance import rejection_precision, sampling_variance

_STEPS = 200  # of the maximisation, at most
_FIRST = 0.1  # share of bad pairs that it begins with
_RIDGE = 1e-5
_MOST = 1 - 1e-9  # share of bad pairs
_SAMPLE = 200_000  # training pairs that are looked at while learning


class Contrast:
    """Odds that a pair is bad, by a score that is low of pairs made bad, and a log length.

    A logistic regression on both, their product, and the squared log length: a short pair has
    little to tell by.

    Args:
        numbers: what was learnt: ``mean`` and ``deviation`` of the score and the log length, shape
            (2,); ``slope``, shape (5,), which gives log(good / bad); ``share``, of the training
            pairs that are bad, a scalar, 0 where there may be none; ``cost`` of a bad pair in good
            ones, a scalar, 0 where trusted pairs can bear none.
    """

    def __init__(self, numbers: Mapping[str, Tensor]) -> None:
        self.numbers = dict(numbers)

    @classmethod
    def learn(
        cls,
        train: Tensor,
        made: Tensor,
        trusted: Tensor,
        good: Tensor | None = None,
        copies: Tensor | None = None,
        highest_cost: float = HIGHEST_COST,
    ) -> "Contrast":
        """From scores and log lengths.

        Args:
            train: of N training pairs, shape (N, 2).
            made: of K pairs that were made bad, shape (K, 2).
            trusted: of M trusted pairs, shape (M, 2).
            good: how likely each training pair is good by what is known already, shape (N,). What
                is bad for another reason would be taken for a likeness to made pairs.
            copies: how often each training pair is there, shape (N,). What a pair looks like that
                is there a thousand times is no thousand times as usual.
            highest_cost: of a bad pair in good ones.
        """
        good, copies = (
            torch.ones(len(train), dtype=torch.double) if x is None else x for x in (good, copies)
        )
        some = torch.randperm(len(train), generator=torch.Generator().manual_seed(1))[:_SAMPLE]
        some = some.sort().values
        train, good, once = train[some], good[some], (good / copies)[some]
        mean, deviation = train.mean(0), train.std(0, correction=0).clamp(min=1e-9)
        model = cls({"mean": mean, "deviation": deviation})
        real, false, known = (model._rows(x) for x in (train, made, trusted))
        there = len(made) > 0 and float(good.sum()) > 0
        slope, share = _fit(real, false, known, once) if there else _nothing(real)
        model.numbers |= {"slope": slope, "share": share}
        if not model._is_certain(real, known, good):
            model.numbers["share"] = torch.zeros_like(share)
        cost = affordable_cost(model.odds(trusted), highest_cost)
        model.numbers["cost"] = torch.tensor(cost, dtype=torch.double)
        return model

    def _is_certain(self, train: Tensor, trusted: Tensor, good: Tensor) -> bool:
        """Whether chance does not explain that more training than trusted pairs look bad."""
        slope, share = self.numbers["slope"], self.numbers["share"]
        real = (_bad(train @ slope, share) * good).sum() / good.sum()
        false = _bad(trusted @ slope, share).mean()
        chance = sampling_variance(real, good.sum()) + sampling_variance(false, len(trusted))
        return bool(rejection_precision(real, false, chance) > 0)

    def weights(self, evidence: Tensor) -> Tensor:
        """What pairs are worth, from 0 to 1.

        Args:
            evidence: of pairs, shape (N, 2).

        Returns:
            Shape (N,); exactly 1 where no training pair may be bad.
        """
        return worth(self.odds(evidence), self.numbers["cost"])

    def probability(self, evidence: Tensor) -> Tensor:
        """The probability that pairs are good, shape (N,), by evidence of shape (N, 2)."""
        return worth(self.odds(evidence), 1.0)

    def odds(self, evidence: Tensor) -> Tensor:
        """The odds that pairs are bad, shape (N,), by evidence of shape (N, 2)."""
        ratio = self._rows(evidence) @ self.numbers["slope"]
        return torch.exp(self.numbers["share"].clamp(max=_MOST).logit() - ratio)

    def _rows(self, evidence: Tensor) -> Tensor:
        scaled = (evidence - self.numbers["mean"]) / self.numbers["deviation"]
        score, length = scaled.clamp(-5, 5).unbind(1)
        ones = torch.ones_like(length)
        return torch.stack([ones, score, length, score * length, length.square()], 1)


def _fit(train: Tensor, made: Tensor, trusted: Tensor, good: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and share of bad training pairs, from rows of a regression, each of shape (n, 5).

    Maximum likelihood of telling training pairs, each as far as it is ``good``, (n,), from made
    ones, of which as many are drawn, and trusted pairs from made ones.
    """
    slope = train.new_zeros(train.shape[1], requires_grad=True)
    count = good.sum()
    odds = train.new_tensor(_FIRST).logit().requires_grad_()  # log odds of a bad pair
    optimizer = torch.optim.LBFGS(
        [slope, odds], max_iter=_STEPS, tolerance_change=1e-10, line_search_fn="strong_wolfe"
    )

    def misfit() -> Tensor:
        optimizer.zero_grad()
        shares = logsigmoid(odds), logsigmoid(-odds)
        real, false = (torch.logaddexp(shares[0], shares[1] + x @ slope) for x in (train, made))
        known = -logsigmoid(trusted @ slope).sum() / count
        found = -(good * logsigmoid(real)).sum() / count - logsigmoid(-false).mean() + known
        found = found + _RIDGE * slope[1:].square().sum()
        found.backward()
        return found

    optimizer.step(misfit)  # type: ignore[arg-type]
    return slope.detach(), torch.sigmoid(odds).detach()


def _nothing(train: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and share where there are too few pairs to make any bad."""
    return train.new_zeros(train.shape[1]), train.new_zeros(())


def _bad(ratio: Tensor, share: Tensor) -> Tensor:
    """The probability of being bad, by log(good / bad) and the share of bad pairs."""
    share = share.clamp(1e-9, _MOST)
    return torch.sigmoid(share.logit() - ratio)
