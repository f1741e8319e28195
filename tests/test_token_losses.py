"""Promise: a token is held against what its type, after the token before it, usually costs."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fairseq_l2rw.features.features import ScoredTokens
from fairseq_l2rw.features.token_losses import TokenLossTable

buckets = TokenLossTable(9).buckets
K = 5.0  # the prior of the published formula


def tokens(bigrams, nll):
    return ScoredTokens(
        buckets=buckets(*torch.tensor(bigrams, dtype=torch.long).view(-1, 2).T).T,
        nll=torch.tensor(nll, dtype=torch.float64),
        real=torch.ones(len(nll), dtype=torch.bool),
    )


def usual(costs, before, token):
    return float(costs.usual(buckets(torch.tensor(before), torch.tensor(token))))


def test_before_anything_was_seen_nothing_is_usual():
    places = buckets(torch.tensor([[2, 5]]), torch.tensor([[5, 6]]))
    assert TokenLossTable(9).usual(places).tolist() == [[0, 0]]


def test_a_bigram_backs_off_to_its_type_and_a_type_to_the_average():
    costs = TokenLossTable(9)
    seen = [((1, 4), 2.0)] * 20 + [((3, 4), 6.0)] * 4 + [((2, 7), 1.0)] * 6
    costs.add(tokens([b for b, _ in seen], [c for _, c in seen]))
    average = (20 * 2 + 4 * 6 + 6) / 30
    of_type = (20 * 2 + 4 * 6 + K * average) / (24 + K)
    assert usual(costs, 1, 4) == pytest.approx((20 * 2 + K * of_type) / (20 + K))
    assert usual(costs, 3, 4) == pytest.approx((4 * 6 + K * of_type) / (4 + K))
    assert usual(costs, 9, 4) == pytest.approx(of_type)  # never after 9
    assert usual(costs, 9, 8) == pytest.approx(average)  # never at all


def test_what_was_usual_is_forgotten():
    costs = TokenLossTable(9)
    costs.add(tokens([[0, 1]] * 1000, [9.0] * 1000))
    for _ in range(1000):
        costs.add(tokens([[0, 1]] * 1000, [1.0] * 1000))
    assert usual(costs, 0, 1) == pytest.approx(1.0, abs=0.1)


cases = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.floats(0, 20)), min_size=1)


@settings(deadline=None)
@given(cases)
def test_the_usual_cost_lies_among_the_costs(seen):
    costs = TokenLossTable(9)
    costs.add(tokens([s[:2] for s in seen], [s[2] for s in seen]))
    pairs = torch.cartesian_prod(torch.arange(8), torch.arange(8))
    found = costs.usual(buckets(*pairs.unbind(1)))
    low, high = min(s[2] for s in seen), max(s[2] for s in seen)
    assert bool(((found >= low - 1e-9) & (found <= high + 1e-9)).all())


def test_padding_costs_nothing():
    costs, padded = TokenLossTable(9), tokens([[2, 5], [5, 1]], [3.0, 9.0])
    padded.real[1] = False
    costs.add(padded)
    assert usual(costs, 5, 1) == pytest.approx(3.0)  # the average


def test_token_numbers_beyond_the_table_have_a_place():
    costs = TokenLossTable(9)
    costs.add(tokens([[250_000, 300_000]], [3.0]))
    assert usual(costs, 250_000, 300_000) == pytest.approx(3.0)


def test_every_type_has_a_place_of_its_own_however_many_there_are():
    many = TokenLossTable(100_000)
    frequent, rare = torch.tensor([2]), torch.tensor([2 + (1 << 16)])
    places = many.buckets(frequent, frequent)
    for _ in range(50):
        many.add(ScoredTokens(places.T, torch.tensor([0.1]).double(), torch.ones(1).bool()))
    others = many.buckets(torch.tensor([5]), torch.tensor([6]))
    many.add(ScoredTokens(others.T, torch.tensor([9.0]).double(), torch.ones(1).bool()))
    never_seen = many.usual(many.buckets(rare, rare))
    assert float(many.usual(places)) < 0.2 < float(never_seen)
