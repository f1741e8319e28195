"""When the trusted pairs are asked: evenly over updates, or over what the updates do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairseq_l2rw.looks import Looks

RATES = st.lists(st.floats(1e-8, 1e-2), min_size=1, max_size=80)


def looked(looks, rates):
    """Number and span of every update that got a look."""
    spans = [looks.advance(rate) for rate in rates]
    return [(number, span) for number, span in enumerate(spans) if span is not None]


@settings(deadline=None)
@given(interval=st.integers(1, 9), rates=RATES)
def test_even_looks_come_every_so_many_updates_whatever_the_rate(interval, rates):
    found = looked(Looks(interval, by_rate=False), rates)
    assert [number for number, _ in found] == list(range(0, len(rates), interval))


@settings(deadline=None)
@given(interval=st.integers(1, 9), rate=st.floats(1e-8, 1e-2), updates=st.integers(1, 60))
def test_at_one_rate_both_ways_are_the_same(interval, rate, updates):
    even, by_rate = (looked(Looks(interval, b), [rate] * updates) for b in (False, True))
    assert even == by_rate


@settings(deadline=None)
@given(interval=st.integers(1, 9), rates=RATES)
def test_looks_by_rate_speak_for_as_much_of_the_training(interval, rates):
    """Sums of squared rates, in units of the highest one's, written out."""
    (last, _), *found = looked(Looks(interval, by_rate=True), rates)
    for number, span in found:
        squares = [rate**2 for rate in rates[last + 1 : number + 1]]
        assert span == pytest.approx(sum(squares))
        assert span >= interval * max(rates[: number + 1]) ** 2 * (1 - 1e-5)
        assert sum(squares[:-1]) < interval * max(rates[:number]) ** 2
        last = number


@settings(deadline=None)
@given(interval=st.integers(1, 9), by_rate=st.booleans(), rates=RATES, rate=st.floats(1e-4, 1e-2))
def test_ahead_says_how_many_updates_of_a_rate_are_to_come(interval, by_rate, rates, rate):
    looks = Looks(interval, by_rate)
    looked(looks, [min(r, rate) for r in rates])
    ahead = looks.ahead(rate)
    assert [n for n, _ in looked(looks, [rate] * (ahead + 1))] == [ahead]


def test_a_falling_rate_makes_looks_rare():
    """Linear from 1 to 0: a third of the looks, since the square's mean is a third."""
    rates = [1 - t / 1000 for t in range(1000)]
    found = [number for number, _ in looked(Looks(4, by_rate=True), rates)]
    assert len(found) == pytest.approx(1000 / 4 / 3, rel=0.1)
    assert found[1] == 5 and found[-1] - found[-2] > 50


def test_a_rate_of_zero_is_never_looked_at_after_a_larger_one():
    looks = Looks(2, by_rate=True)
    assert looked(looks, [0.1, 0.1, 0.1]) and not looked(looks, [0.0] * 10)


@settings(deadline=None)
@given(interval=st.integers(1, 9), by_rate=st.booleans(), rates=RATES, cut=st.integers(0, 80))
def test_a_resumed_run_looks_when_the_whole_one_does(interval, by_rate, rates, cut):
    whole, first, second = (Looks(interval, by_rate) for _ in range(3))
    expected = looked(whole, rates)
    begun = looked(first, rates[:cut])
    second.load_state_dict(first.state_dict())
    cut = min(cut, len(rates))
    assert begun + [(cut + n, s) for n, s in looked(second, rates[cut:])] == expected
