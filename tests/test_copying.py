"""Copies lose their weight where more pairs are copies than trusted pairs, and only then."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fairseq_l2rw.features import copying
from fairseq_l2rw.initial_weights.copying import Copying
from fairseq_l2rw.initial_weights.cost import worth


def texts(count, seed, copied=0.1):
    """Text features of pairs: two that are not looked at, copying, and both log lengths."""
    chance = torch.Generator().manual_seed(seed)

    def about(mean, deviation):
        return mean + deviation * torch.randn(count, generator=chance, dtype=torch.double)

    zero, length = torch.zeros(count).double(), about(2.5, 0.5)
    return torch.stack([zero, zero, about(copied, 0.05), length, length + about(0, 0.2)], 1)


def weights(train, trusted=500):
    return worth(Copying.learn(train, texts(trusted, 3)).odds(train), 1.0)


@pytest.mark.parametrize("copies", [30, 300, 3000])
def test_copies_lose_their_weight(copies):
    found = weights(torch.cat([texts(copies, 1, 1.2), texts(3000, 2)]), 100)
    assert found[:copies].mean() < 0.15
    assert found[copies:].mean() > 0.95


@pytest.mark.parametrize("copies", [0, 3])
def test_a_handful_of_copies_is_to_be_expected(copies):
    assert (weights(torch.cat([texts(copies, 1, 1.2), texts(3000, 2)])) == 1).all()


def test_little_copying_is_not_odd():
    assert (weights(torch.cat([texts(500, 1, -1.0), texts(3000, 2)])) == 1).all()


@pytest.mark.parametrize(("copied", "kept"), [(0.6, True), (1.2, False)])
def test_names_and_numbers_may_be_copied_but_not_nearly_all(copied, kept):
    """Trusted pairs copy a tenth of their tokens, and another kind of text copies more."""
    found = weights(torch.cat([texts(1000, 1, copied), texts(3000, 2)]))[:1000]
    assert (found == 1).double().mean() > 0.9 if kept else found.mean() < 0.05


@given(st.lists(st.integers(4, 9), min_size=1), st.lists(st.integers(4, 9), min_size=1))
def test_a_pair_alone_is_read_as_beside_others(source, target):
    same = torch.tensor([-1, -1, -1, -1, 4, 5, -1, 8, 7, 9])
    one = torch.tensor([source]), torch.tensor([target])
    two = (torch.cat([side, side.flip(1)]) for side in one)
    assert torch.equal(copying.copied(*one, same), copying.copied(*two, same)[:1])


def test_a_pair_of_very_long_sides_takes_no_matrix():
    length = 1 << 20
    found = copying.copied(*(torch.full((1, length), 5),) * 2, torch.arange(9))
    assert found.all() and found.shape == (1, length)


def test_odds_are_written_out():
    """300 of 3,300 pairs beyond ten deviations, where a t-distribution expects next to none."""
    train = torch.cat([texts(300, 1, 1.2), texts(3000, 2)])
    share, beyond = 300 / 3300, stats.t.sf(10 / math.sqrt(3 / 5), 5)
    chance = (5 / 3300) * (1 - 5 / 3300) / 3300 + beyond * (1 - beyond) / 100
    certain = 1 - 9 * chance / (share - beyond) ** 2
    bad = (1 - beyond / (1 - beyond) / (share / (1 - share))) * certain
    odds = Copying.learn(train, texts(100, 3)).odds(train)
    assert float(odds[0]) == pytest.approx(bad / (1 - bad), rel=1e-6)
