"""How likely a pair with a score is bad, where a mixture is known, and where chance decides."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fairseq_l2rw.scoring.local_rates import local_rates


def drawn(count, seed, bad=0, far=2.0):
    """Scores of good pairs, of mean 0 and variance 1, behind those of bad ones."""
    scores = torch.randn(count, generator=torch.Generator().manual_seed(seed)).double()
    scores[:bad] -= far
    return scores


def rates(train, trusted, weights=None):
    """The probability of each training pair."""
    weights = torch.ones_like(train) if weights is None else weights
    bounds, bad = local_rates(train, weights, trusted)
    return bad[torch.bucketize(train, bounds)]


def density(x):
    return torch.exp(-x.square() / 2)


@pytest.mark.parametrize("bad", [1000, 4000, 10_000])
def test_they_are_those_of_a_known_mixture(bad):
    train = drawn(20_000, 1, bad)
    good, corrupted = (20_000 - bad) * density(train), bad * density(train + 2)
    # Where good pairs are rarer among training pairs than among trusted ones.
    expected = (1 - density(train) * 20_000 / (good + corrupted)).clamp(min=0)
    assert (rates(train, drawn(5000, 2)) - expected).abs().mean() < 0.02


@pytest.mark.parametrize("trusted", [1, 10, 100, 1000])
@pytest.mark.parametrize("count", [20, 300, 1500])
def test_where_none_is_bad_all_are_exactly_0_but_for_one_text_in_a_hundred(trusted, count):
    """Within three standard errors they are 0, and chance is hardly ever beyond these."""
    texts = [rates(drawn(count, seed), drawn(trusted, seed + 5000)) for seed in range(200)]
    assert sum(bool(found.any()) for found in texts) <= 1


@given(st.integers(0, 1000), st.integers(0, 500), st.integers(1, 200))
def test_they_are_probabilities_and_never_rise_with_the_score(seed, bad, trusted):
    train = drawn(500, seed, bad)
    found = rates(train, drawn(trusted, seed + 5000))[train.argsort()]
    assert (found.diff() <= 0).all() and found.max() < 1 and found.min() >= 0


def test_higher_scores_of_other_pairs_speak_against_none():
    train = torch.cat([drawn(2000, 1), drawn(2000, 2) + 2])
    assert (rates(train, drawn(500, 3)) == 0).all()


def test_pairs_count_by_their_weights():
    """A pair of weight 2 is there twice, and one of weight 0 is not there."""
    train, trusted = drawn(2000, 1, 600), drawn(500, 2)
    weights = torch.arange(2000).remainder(3).double()
    expected = local_rates(
        train.repeat_interleave(weights.long()), torch.ones(1999).double(), trusted
    )
    for found, known in zip(local_rates(train, weights, trusted), expected, strict=True):
        torch.testing.assert_close(found, known)


def test_pairs_that_do_not_count_at_all_say_nothing():
    bounds, bad = local_rates(drawn(50, 1), torch.zeros(50).double(), drawn(50, 2))
    assert (bad == 0).all() and torch.isfinite(bounds).all()
