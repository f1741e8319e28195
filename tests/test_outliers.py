"""What is odd as hardly any trusted pair is loses its weight if many are, and only then."""

import math

import pytest
import torch
from scipy import stats

from fairseq_l2rw.initial_weights.outliers import RESPECTS, Outliers


def texts(count, seed, copied=0.1, ratio=0.0):
    """Text features of pairs: two that are not looked at, copying, log lengths, and their ratio."""
    chance = torch.Generator().manual_seed(seed)

    def about(mean, deviation):
        return mean + deviation * torch.randn(count, generator=chance, dtype=torch.double)

    zero, length, far = torch.zeros(count).double(), about(2.5, 0.5), about(ratio, 0.2)
    columns = [zero, zero, about(copied, 0.05), length, length + far, far, far.square()]
    return torch.stack(columns, 1)


KINDS = {"copying": {"copied": 1.2}, "lengths": {"ratio": -2.5}}


@pytest.mark.parametrize("respect", RESPECTS)
@pytest.mark.parametrize("odd", [30, 300, 3000])
def test_odd_pairs_lose_their_weight_in_that_respect(respect, odd):
    train = torch.cat([texts(odd, 1, **KINDS[respect]), texts(3000, 2)])
    weights = Outliers.learn(train, texts(100, 3)).weights(train)
    column = RESPECTS.index(respect)
    assert weights[:odd, column].mean() < 0.15
    assert weights[odd:].prod(1).mean() > 0.95


@pytest.mark.parametrize("odd", [0, 3])
def test_a_handful_of_odd_pairs_is_to_be_expected(odd):
    train = torch.cat([texts(odd, 1, copied=1.2), texts(3000, 2)])
    assert (Outliers.learn(train, texts(500, 3)).weights(train)[:, 0] == 1).all()


def test_little_copying_is_not_odd():
    train = torch.cat([texts(500, 1, copied=-1.0), texts(3000, 2)])
    assert (Outliers.learn(train, texts(500, 3)).weights(train)[:, 0] == 1).all()


@pytest.mark.parametrize(("copied", "kept"), [(0.6, True), (1.2, False)])
def test_names_and_numbers_may_be_copied_but_not_nearly_all(copied, kept):
    """Trusted pairs copy a tenth of their tokens, and another kind of text copies more."""
    train = torch.cat([texts(1000, 1, copied=copied), texts(3000, 2)])
    weights = Outliers.learn(train, texts(500, 3)).weights(train)[:1000, 0]
    assert (weights == 1).double().mean() > 0.9 if kept else weights.mean() < 0.05


def test_a_share_is_written_out():
    """300 of 3,300 pairs beyond ten deviations, where a t-distribution expects next to none."""
    train = torch.cat([texts(300, 1, copied=1.2), texts(3000, 2)])
    model = Outliers.learn(train, texts(100, 3))
    share, beyond = 300 / 3300, stats.t.sf(10 / math.sqrt(3 / 5), 5)
    chance = (5 / 3300) * (1 - 5 / 3300) / 3300 + beyond * (1 - beyond) / 100
    certain = 1 - 9 * chance / (share - beyond) ** 2
    bad = (1 - beyond / (1 - beyond) / (share / (1 - share))) * certain
    assert float(model.weights(train)[0, 0]) == pytest.approx(1 - bad, abs=1e-6)


def test_lengths_of_short_pairs_may_differ_more():
    chance = torch.Generator().manual_seed(1)

    def pairs(count):
        length = torch.rand(count, generator=chance, dtype=torch.double) * 3
        far = (
            torch.randn(count, generator=chance, dtype=torch.double)
            * (2 * torch.exp(-length)).sqrt()
        )
        zero = torch.zeros(count, dtype=torch.double)
        return torch.stack([zero, zero, zero, length, length + far, far, far.square()], 1)

    model = Outliers.learn(pairs(5000), pairs(1000))
    assert float(model.numbers["variance"][1, 1]) > 0.5
    assert (model.weights(pairs(5000))[:, 1] > 0.9).double().mean() > 0.99
