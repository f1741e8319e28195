"""When a meta step is taken: evenly over updates, or over what the updates do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairseq_l2rw.training.meta_schedule import MetaSchedule

RATES = st.lists(st.floats(1e-8, 1e-2), min_size=1, max_size=80)


def taken(schedule, rates):
    """Number and mass of every update that got a meta step."""
    masss = [schedule.advance(rate) for rate in rates]
    return [(number, mass) for number, mass in enumerate(masss) if mass is not None]


@settings(deadline=None)
@given(interval=st.integers(1, 9), rates=RATES)
def test_even_meta_steps_come_every_so_many_updates_whatever_the_rate(interval, rates):
    found = taken(MetaSchedule(interval, by_rate=False), rates)
    assert [number for number, _ in found] == list(range(0, len(rates), interval))


@settings(deadline=None)
@given(interval=st.integers(1, 9), rate=st.floats(1e-8, 1e-2), updates=st.integers(1, 60))
def test_at_one_rate_both_ways_are_the_same(interval, rate, updates):
    even, by_rate = (taken(MetaSchedule(interval, b), [rate] * updates) for b in (False, True))
    assert even == by_rate


@settings(deadline=None)
@given(interval=st.integers(1, 9), rates=RATES)
def test_meta_steps_by_rate_speak_for_as_much_of_the_training(interval, rates):
    """Sums of squared rates, in units of the highest one's, written out."""
    (last, _), *found = taken(MetaSchedule(interval, by_rate=True), rates)
    for number, mass in found:
        squares = [rate**2 for rate in rates[last + 1 : number + 1]]
        assert mass == pytest.approx(sum(squares))
        assert mass >= interval * max(rates[: number + 1]) ** 2 * (1 - 1e-5)
        assert sum(squares[:-1]) < interval * max(rates[:number]) ** 2
        last = number


@settings(deadline=None)
@given(interval=st.integers(1, 9), by_rate=st.booleans(), rates=RATES, rate=st.floats(1e-4, 1e-2))
def test_ahead_says_how_many_updates_of_a_rate_are_to_come(interval, by_rate, rates, rate):
    schedule = MetaSchedule(interval, by_rate)
    taken(schedule, [min(r, rate) for r in rates])
    ahead = schedule.ahead(rate)
    assert [n for n, _ in taken(schedule, [rate] * (ahead + 1))] == [ahead]


def test_a_meta_step_that_cannot_be_taken_is_put_off_and_speaks_for_its_updates_later():
    schedule = MetaSchedule(4, by_rate=False)
    schedule.advance(0.1)
    for _ in range(3):
        assert schedule.advance(0.1) is None
    assert schedule.advance(0.1, complete=False) is None
    assert schedule.ahead(0.1) == 0
    assert schedule.advance(0.1) == pytest.approx(5 * 0.1**2)


def test_a_falling_rate_makes_meta_steps_rare():
    """Linear from 1 to 0: a third of the meta steps, since the square's mean is a third."""
    rates = [1 - t / 1000 for t in range(1000)]
    found = [number for number, _ in taken(MetaSchedule(4, by_rate=True), rates)]
    assert len(found) == pytest.approx(1000 / 4 / 3, rel=0.1)
    assert found[1] == 5 and found[-1] - found[-2] > 50


def test_a_rate_of_zero_gets_no_meta_step_after_a_larger_one():
    schedule = MetaSchedule(2, by_rate=True)
    assert taken(schedule, [0.1, 0.1, 0.1]) and not taken(schedule, [0.0] * 10)


@settings(deadline=None)
@given(interval=st.integers(1, 9), by_rate=st.booleans(), rates=RATES, cut=st.integers(0, 80))
def test_a_resumed_run_takes_meta_steps_when_the_whole_one_does(interval, by_rate, rates, cut):
    whole, first, second = (MetaSchedule(interval, by_rate) for _ in range(3))
    expected = taken(whole, rates)
    begun = taken(first, rates[:cut])
    second.load_state_dict(first.state_dict())
    cut = min(cut, len(rates))
    assert begun + [(cut + n, s) for n, s in taken(second, rates[cut:])] == expected
