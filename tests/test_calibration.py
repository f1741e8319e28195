"""How much further below trusted pairs most training pairs may be."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import local

from fairseq_l2rw.scoring.calibration import Calibration


def compared(calibration, kinds, steps=40, seed=0):
    """Compare pairs of these kinds, (mean, share) of scores of deviation 1, with trusted ones.

    Returns:
        For each kind the mean weight in the end.
    """
    generator = torch.Generator().manual_seed(seed)
    trusted = torch.randn(1000, 1, generator=generator).double()
    calibration.set_trusted(trusted, torch.ones(1000).double())
    for _ in range(steps):
        parts = [
            torch.randn(round(1000 * share), 1, generator=generator).double() + mean
            for mean, share in kinds
        ]
        scores = torch.cat(parts)
        calibration.compare(scores, torch.ones(len(scores)).double(), local)
    return [float(calibration.explained(part)[0].mean()) for part in parts]


def test_another_kind_of_text_is_as_good_where_the_offset_may_be_negative():
    kinds = [(-1.5, 0.85), (-8.0, 0.15)]
    wary, fair = (
        compared(Calibration(3.0, 1.5, negative=negative), kinds) for negative in (False, True)
    )
    assert wary[0] < 0.6 and fair[0] > 0.95
    assert wary[1] < 0.05 and fair[1] < 0.05


def test_the_offset_of_a_likeness_is_never_negative():
    """A pair as good as the mean of the trusted ones is accepted in full, and no more than that."""
    calibration, ones = Calibration(3.0, 1.5, negative=True), torch.ones(1000).double()
    generator = torch.Generator().manual_seed(0)
    calibration.set_trusted(torch.randn(1000, 2, generator=generator).double(), ones)
    for _ in range(40):
        scores = torch.randn(1000, 2, generator=generator).double() - 1
        calibration.compare(scores, ones, local)
    first, likeness = calibration.acceptances(calibration.trusted_moments[:1]).flatten().tolist()
    assert likeness == 1 < first


@settings(deadline=None, max_examples=20)
@given(st.floats(-9, -5), st.floats(0.3, 0.7), st.booleans())
def test_bad_pairs_far_below_never_move_the_offset_down_to_them(mean, share, negative):
    calibration = Calibration(3.0, 1.5, negative=negative)
    good, bad = compared(calibration, [(0.0, 1 - share), (mean, share)])
    assert float(calibration.offsets.values.mean(0)) == pytest.approx(0, abs=0.3)
    assert good > 0.85 and bad < 0.15


@settings(deadline=None, max_examples=20)
@given(st.floats(0, 2), st.floats(0.01, 0.5), st.integers(0, 99))
def test_pairs_that_fit_better_are_judged_alike_whether_or_not_it_may_be_negative(
    ahead, share, seed
):
    kinds = [(ahead + 0.2, 1 - share), (-6.0, share)]
    wary, fair = (
        compared(Calibration(3.0, 1.5, negative=negative), kinds, seed=seed)
        for negative in (False, True)
    )
    assert wary == fair


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 60), st.integers(20, 200), st.integers(0, 2**31))
def test_training_pairs_of_all_looks_leave_little_to_chance_and_trusted_ones_are_the_same(
    looks, pairs, seed
):
    generator = torch.Generator().manual_seed(seed)
    calibration, trusted = Calibration(3.0, 1.5), torch.randn(1000, 1, generator=generator).double()
    calibration.set_trusted(trusted, torch.ones(1000).double())
    for _ in range(looks):
        scores = torch.randn(pairs, 1, generator=generator).double() - 1
        calibration.compare(scores, torch.ones(pairs).double(), local)
    assert len(calibration.rejections) == min(40, (looks + 1) // 2)
    (train, few), (falsely, of_trusted) = calibration.rejections.values.mean(0).tolist()
    assert few == pytest.approx(1 / pairs) and of_trusted == pytest.approx(1e-3)
    steps = len(calibration.rejections)
    errors = train * (1 - train) / (pairs * steps) + falsely * (1 - falsely) / 1000
    expected = max(0.0, 1 - 9 * errors / (train - falsely) ** 2) * (train > falsely)
    expected *= 1 - falsely / (1 - falsely) * (1 - train) / train
    assert float(calibration.exponent()) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_first_looks_are_soon_out_of_what_is_compared():
    """When few trusted pairs are known nothing looks like them. As long again, and it is over."""
    generator = torch.Generator().manual_seed(0)
    calibration, ones = Calibration(3.0, 1.5), torch.ones(50).double()
    for look in range(41):
        trusted, train = torch.randn(2, 50, 1, generator=generator).double()
        calibration.set_trusted(trusted, ones)
        calibration.compare(train - 9 if look < 20 else train, ones, local)
        if look == 19:
            assert calibration.exponent() > 0.9
    assert calibration.exponent() == 0 and (calibration.explained(train)[0] == 1).all()


@pytest.mark.parametrize(("bad", "factor"), [(0.6, 1.0), (0.5, 1.0), (0.3, 1.526), (0.05, 2.0)])
def test_the_fewer_pairs_are_bad_the_more_tolerant_the_judge_is(bad, factor):
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(100_000, 1, generator=generator).double()
    calibration, ones = Calibration(3.0, 2.0), torch.ones(100_000).double()
    calibration.set_trusted(scores, ones)
    corrupted = torch.rand(100_000, 1, generator=generator) < bad
    calibration.compare(scores - 9 * corrupted, ones, local)
    half = torch.tensor([[-2 * factor]]).double()  # log(0.7 / 0.3) / log(5) is 0.526
    assert float(calibration.acceptances(half)) == pytest.approx(0.5, abs=0.02)
