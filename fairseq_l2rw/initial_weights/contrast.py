"""Contrast: how likely a pair is bad, by the likeness to pairs that were made bad.

What bad pairs of some kind look like need not be guessed, if one can make as many as one likes:
a source with the target of another pair, or a target whose words are shuffled. Training pairs are a
mixture of such pairs and of good ones, in unknown shares; where a training pair is no likelier than
one that was made bad, it is bad (docs/mathematics.md, "Initial weights"). Nothing is compared with
trusted pairs alone: a good pair of another kind of text is not a bad one.
"""

import math
from dataclasses import dataclass, replace
from enum import Enum, auto

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from fairseq_l2rw.initial_weights.cost import worth
from fairseq_l2rw.scoring.acceptance import precision_of_samples
from fairseq_l2rw.scoring.post_stratification import COMPARABLE, post_stratified

_STEPS = 200  # of the maximisation, at most
_FIRST = 0.1  # share of bad pairs that it begins with
_RIDGE = 1e-5
_MOST = 1 - 1e-9  # share of bad pairs
# How much better a mixture explains the training pairs, as twice a difference of log-likelihoods:
_CERTAIN = 9.0  # of all pairs: three standard errors
# Of a pair, where nothing else shows that any is bad. In clean text it was at most 0.008, and with
# 2% of mismatched pairs 0.027 to 0.15.
_CLEAR = 0.02
_LARGEST = 600.0  # log odds, so that odds are finite
_SAMPLE = 200_000  # training pairs that are looked at while learning


class Kind(Enum):
    """What has to show that some training pairs are bad in some way."""

    #: The training pairs alone can: good pairs hardly ever look like it.
    GROSS = auto()
    #: The trusted pairs: good pairs may look like it, and they tell how many do.
    MILD = auto()
    #: Likewise, but where some pairs are bad in another way, some are likely to be bad in this one,
    #: too, and the trusted pairs may be too few to tell.
    RARE = auto()


@dataclass(frozen=True)
class Contrast:
    """Odds that a pair is bad, by D scores, by which pairs made bad differ, and a log length.

    A logistic regression on these, the products of scores and log length, and the squared log
    length: a short pair has little to tell by.

    Attributes:
        mean, deviation: of scores and log length, shape (D + 1,).
        slope: gives log(good / bad), shape (2 D + 3,).
        share: of the training pairs that are bad, a scalar, 0 where there may be none.
    """

    mean: Tensor
    deviation: Tensor
    slope: Tensor
    share: Tensor

    @classmethod
    def learn(
        cls,
        train: Tensor,
        made: Tensor,
        trusted: Tensor,
        *,
        kind: Kind,
        good: Tensor | None = None,
        repeats: Tensor | None = None,
        is_corrupted: bool = False,
    ) -> "Contrast":
        """From scores and log lengths.

        Args:
            train: of N training pairs, shape (N, D + 1).
            made: of K pairs that were made bad, shape (K, D + 1).
            trusted: of M trusted pairs, shape (M, D + 1).
            kind: what has to show that some training pairs are bad.
            good: how likely each training pair is good by what is known already, shape (N,). What
                is bad for another reason would be taken for a likeness to made pairs.
            repeats: how often each training pair is there, shape (N,). What a pair looks like that
                is there a thousand times is no thousand times as usual.
            is_corrupted: whether some training pairs are known to be bad in another way.
        """
        ones = torch.ones(len(train), dtype=torch.double)
        good, repeats = (ones if x is None else x for x in (good, repeats))
        some = torch.randperm(len(train), generator=torch.Generator().manual_seed(1))[:_SAMPLE]
        some = some.sort().values
        train, good, once = train[some], good[some], (good / repeats)[some]
        mean, deviation = train.mean(0), train.std(0, correction=0).clamp(min=1e-9)
        of_train, of_made, of_trusted = (_rows(x, mean, deviation) for x in (train, made, trusted))
        if not len(made) or not float(good.sum()):
            slope, share = (mean.new_zeros(shape) for shape in (of_train.shape[1:], ()))
            return cls(mean, deviation, slope, share)
        likewise = post_stratified(train[:, -1], good, trusted[:, -1])
        comparable = bool(likewise.sum() >= COMPARABLE)
        if not comparable:  # their lengths alone would tell trusted pairs from the others
            of_trusted = of_trusted[:0]
        slope, share, misfit = _fit(of_train, of_made, of_trusted, once)
        model = cls(mean, deviation, slope, share)
        least = model._least_gain(train, trusted, likewise, kind, is_corrupted)
        has_bad = least < 0
        # Where most would be bad by the training pairs alone, good pairs look as the made ones do.
        if 0 <= least < math.inf and share < 0.5:
            _, _, alone = _fit(of_train, of_made, of_trusted, once, mixed=False)
            pairs = min(float(once.sum()), len(made))
            has_bad = bool(2 * (alone - misfit) > max(least, _CERTAIN / pairs))
        return replace(model, share=share * has_bad)

    def _least_gain(
        self, train: Tensor, trusted: Tensor, likewise: Tensor, kind: Kind, is_corrupted: bool
    ) -> float:
        """How much better a mixture must explain a training pair, so that some are bad.

        Args:
            train: see ``learn``.
            trusted: likewise.
            likewise: training pairs, post-stratified, shape (N,).
            kind: see ``learn``.
            is_corrupted: likewise.

        Returns:
            Twice a difference of log-likelihoods; minus infinity where the trusted pairs show that
            some are bad, and infinity where no mixture can show it.
        """
        clear = _CLEAR if kind is Kind.GROSS else math.inf
        if is_corrupted and kind is Kind.RARE:
            return 0.0
        if likewise.sum() < COMPARABLE:
            return 0.0 if is_corrupted else clear
        rejected = ((1 - self.probability(train)) * likewise).sum() / likewise.sum()
        falsely = (1 - self.probability(trusted)).mean()
        # 0 where the one is within three standard errors of the other.
        if precision_of_samples(rejected, falsely, likewise.sum(), len(trusted)) > 0:
            return -math.inf
        # By the trusted pairs, too, most of what is rejected is to be bad.
        return clear if rejected > 2 * falsely else math.inf

    def probability(self, evidence: Tensor) -> Tensor:
        """The probability that pairs are good, shape (N,), by evidence of shape (N, D + 1)."""
        return worth(self.odds(evidence), 1.0)

    def odds(self, evidence: Tensor) -> Tensor:
        """The odds that pairs are bad.

        Args:
            evidence: of pairs, shape (N, D + 1).

        Returns:
            Shape (N,); exactly 0 where no training pair may be bad.
        """
        ratio = _rows(evidence, self.mean, self.deviation) @ self.slope
        odds = self.share.clamp(max=_MOST).logit() - ratio
        return torch.exp(odds.clamp(max=_LARGEST))


def _rows(evidence: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """Rows of the regression, shape (N, 2 D + 3), by evidence of shape (N, D + 1)."""
    scaled = ((evidence - mean) / deviation).clamp(-5, 5)
    scores, length = scaled[:, :-1], scaled[:, -1:]
    ones = torch.ones_like(length)
    return torch.cat([ones, scores, length, scores * length, length.square()], 1)


def _fit(
    train: Tensor, made: Tensor, trusted: Tensor, good: Tensor, mixed: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """Slope, share of bad training pairs, and misfit, from rows of a regression, each (n, R).

    Maximum likelihood of telling training pairs, each as far as it is ``good``, (n,), from made
    ones, of which as many are drawn, and trusted pairs from made ones. The misfit is minus the log
    of that, for a training pair. Unless ``mixed``, none of these is bad.
    """
    slope = train.new_zeros(train.shape[1], requires_grad=True)
    count = good.sum()
    odds = train.new_tensor(_FIRST if mixed else 1 - _MOST).logit()  # log odds of a bad pair
    free = [slope, odds.requires_grad_()] if mixed else [slope]
    optimizer = torch.optim.LBFGS(
        free, max_iter=_STEPS, tolerance_change=1e-10, line_search_fn="strong_wolfe"
    )

    def misfit() -> Tensor:
        optimizer.zero_grad()
        shares = logsigmoid(odds), logsigmoid(-odds)
        # Log odds that a pair is a training pair, and not one that was made.
        of_train, of_made = (
            torch.logaddexp(shares[0], shares[1] + x @ slope) for x in (train, made)
        )
        of_trusted = -logsigmoid(trusted @ slope).sum() / count
        found = -(good * logsigmoid(of_train)).sum() / count - logsigmoid(-of_made).mean()
        found = found + of_trusted + _RIDGE * slope[1:].square().sum()
        found.backward()
        return found

    optimizer.step(misfit)  # type: ignore[arg-type]
    return slope.detach(), torch.sigmoid(odds).detach(), misfit().detach()
