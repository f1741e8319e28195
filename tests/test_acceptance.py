"""Promise: corrupted pairs are turned away, good ones are not, and chance turns nothing away."""

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rows import learn, two_parts
from rows import teacher as build

from fairseq_l2rw.scoring.acceptance import rejection_precision, tolerance_factor
from fairseq_l2rw.weighting import Signal


@settings(deadline=None)
@given(*[st.floats(0.01, 1)] * 3)
def test_a_pass_counts_the_more_the_more_bad_pairs_it_turns_away(few, many, trusted):
    found = [
        float(rejection_precision(*torch.tensor([share, trusted]).double(), torch.zeros(())))
        for share in sorted((few, many))
    ]
    assert 0 <= found[0] <= found[1] < 1
    assert found[0] == 0 or trusted < min(few, many)
    assert rejection_precision(torch.tensor(few), torch.tensor(0.0), torch.zeros(())) == 1


@settings(deadline=None)
@given(st.floats(0.01, 0.9), st.integers(20, 10**6), st.integers(20, 10**6), st.floats(0, 30))
def test_nothing_is_turned_away_that_chance_explains(trusted, n, m, errors):
    """Nothing within three standard errors; beyond ten, nine tenths or more of what it would be."""
    train = min(trusted + errors * math.sqrt(trusted * (1 - trusted) * (1 / n + 1 / m)), 0.99)
    s = math.sqrt(train * (1 - train) / n + trusted * (1 - trusted) / m)
    more = (train - trusted) / s
    assume(abs(more - 3) > 1e-6)  # where rounding decides
    shares = torch.tensor([train, trusted]).double()
    found, sure = (rejection_precision(*shares, torch.tensor(v).double()) for v in (s**2, 0.0))
    if more < 3:
        assert found == 0
    else:
        assert 0 < found < sure
    assert found >= 0.9 * sure or more < 10


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_leniency_is_bounded_and_falls_with_the_pairs_that_are_turned_away(one, other, trusted):
    few, many = sorted((one, other))
    lenient, strict = (tolerance_factor(*torch.tensor([t, trusted]).double()) for t in (few, many))
    assert 1 <= strict <= lenient <= 2


def corrupted_pairs(generator, share, pairs=400):
    """Training pairs, a share of them corrupted, what the dev set says of them, trusted pairs."""
    train, trusted = (torch.randn(pairs, 6, generator=generator) for _ in range(2))
    corrupted = torch.rand(pairs, generator=generator) < share
    train[corrupted, 3] -= 4
    signal = corrupted.float() + 3 * torch.randn(pairs, generator=generator)
    return train, corrupted, signal, trusted


# The fewer are corrupted, the larger is the part of false alarms, and the softer are the weights.
@pytest.mark.parametrize(("share", "most"), [(0.1, 0.15), (0.5, 0.1), (0.9, 0.1)])
def test_any_share_of_corrupted_pairs_is_weighed_down(share, most):
    generator = torch.Generator().manual_seed(0)
    teacher = build()
    for _ in range(40):
        train, _, signal, trusted = corrupted_pairs(generator, share)
        learn(teacher, two_parts(train), signal, two_parts(trusted))
    train, corrupted, *_ = corrupted_pairs(generator, share)
    weights = teacher(two_parts(train))
    assert weights[~corrupted].mean() > 0.85
    assert weights[corrupted].mean() < most


def test_clean_pairs_keep_their_weights():
    """Nothing tells training from trusted pairs: what is learnt is chance, and costs nothing."""
    generator = torch.Generator().manual_seed(0)
    teacher = build()
    for _ in range(20):
        train, _, signal, trusted = corrupted_pairs(generator, share=0.0)
        learn(teacher, two_parts(train), signal, two_parts(trusted))
        assert (teacher(two_parts(train)) == 1).all()


def test_trusted_pairs_trained_on_all_weigh_one():
    """However bad: no more of them are turned away than of the trusted pairs, which they are."""
    generator = torch.Generator().manual_seed(0)
    teacher = build()
    train, _, signal, _ = corrupted_pairs(generator, share=0.2)
    for _ in range(5):
        learn(teacher, two_parts(train), signal)
    weights = teacher(two_parts(train))
    torch.testing.assert_close(weights, torch.ones(len(train)))


def test_pairs_are_judged_as_the_student_of_today_sees_them():
    """What is seen drifts as the student learns; that is no difference between pairs."""
    still, moved = (build(memory=500) for _ in range(2))
    drift = torch.zeros(6)
    for teacher in (still, moved):
        generator = torch.Generator().manual_seed(0)
        for update in range(300):
            train, corrupted, signal, trusted = corrupted_pairs(generator, share=0.5)
            drift[3] = -0.02 * update if teacher is moved else 0.0
            learn(teacher, two_parts(train + drift), signal, two_parts(trusted + drift))
    assert drift[3] < -5
    weights = moved(two_parts(train + drift))
    assert weights[~corrupted].mean() > 0.85 and weights[corrupted].mean() < 0.1
    torch.testing.assert_close(weights, still(two_parts(train)), rtol=0.0, atol=0.15)


def test_good_pairs_keep_their_weights_when_the_corrupted_ones_are_gone():
    """Scores shrink with the share of bad pairs; trusted pairs are judged by the same scores."""
    generator = torch.Generator().manual_seed(0)
    teacher = build(memory=10)
    for update in range(60):
        share = 0.5 if update < 30 else 0.0
        train, corrupted, signal, trusted = corrupted_pairs(generator, share)
        learn(teacher, two_parts(train), signal, two_parts(trusted))
        assert teacher(two_parts(train))[~corrupted].mean() > 0.8


def test_good_pairs_known_by_heart_are_not_forgotten():
    """Late in training only what is not yet fitted still lowers the dev loss; steps are small."""
    generator = torch.Generator().manual_seed(0)
    teacher = build(memory=1000, reads="surface+decoder")
    for update in range(80):
        late = update >= 30
        train, corrupted, _, trusted = corrupted_pairs(generator, share=0.5)
        signal = (-1.0 if late else 1.0) * corrupted + torch.randn(len(train), generator=generator)
        split = [Signal(two_parts(train), -signal, 1e-8 if late else 1e-6)]
        learn(teacher, two_parts(train), signal, two_parts(trusted), split)
    weights = teacher(two_parts(train))
    assert weights[~corrupted].mean() > 0.85
    assert weights[corrupted].mean() < 0.1


def test_corrupted_pairs_known_by_heart_are_told_from_good_ones_that_are():
    """Whatever is trained on fits better and better; trusted pairs are not trained on."""
    generator = torch.Generator().manual_seed(0)
    teacher = build(reads="surface+encoder+decoder")
    for update in range(300):
        train, corrupted, signal, trusted = corrupted_pairs(generator, share=0.5)
        train[:, 3] += 0.01 * update
        learn(teacher, two_parts(train), signal, two_parts(trusted))
    assert train[corrupted, 3].mean() > trusted[:, 3].mean() - 1.2
    weights = teacher(two_parts(train))
    assert weights[~corrupted].mean() > 0.85
    assert weights[corrupted].mean() < 0.15  # 0.08 to 0.13 with other seeds


def test_what_looks_like_no_trusted_pair_is_told_by_its_looks_and_teaches_nothing():
    """The gradient praises outliers that the student no longer fits, and tells a milder kind."""
    generator = torch.Generator().manual_seed(0)
    teacher = build(by="both")

    def pairs():
        train, outlier, _, trusted = corrupted_pairs(generator, share=0.3)
        train[outlier, 3] -= 4
        mild = ~outlier & (torch.rand(len(train), generator=generator) < 0.3)
        train[mild, 3] -= 1.5
        return train, outlier, mild, trusted

    for update in range(60):
        train, outlier, mild, trusted = pairs()
        signal = mild + (outlier.float() if update < 5 else -2.0 * outlier)
        signal = signal + torch.randn(len(train), generator=generator)
        learn(teacher, two_parts(train), signal, two_parts(trusted))
    train, outlier, mild, _ = pairs()
    weights = teacher(two_parts(train))
    good = ~(outlier | mild)
    assert weights[outlier].mean() < 0.05
    assert weights[good].mean() > 0.85
    assert (weights[good].unsqueeze(1) > weights[mild]).double().mean() > 0.75


def test_where_initial_weights_tell_all_bad_pairs_good_ones_keep_their_weights():
    """What is turned away then is as good as trusted pairs that would be."""
    mean, reads = {}, "surface+encoder+decoder+likeness+initial"
    for told in (False, True):
        generator = torch.Generator().manual_seed(0)
        teacher = build(reads=reads, tolerance=0.75)
        for _ in range(40):
            train, corrupted, signal, trusted = corrupted_pairs(generator, share=0.5)
            initial = (~corrupted).float() if told else torch.ones(len(train))
            learn(teacher, two_parts(train, initial_weight=initial), signal, two_parts(trusted))
        weights = teacher(two_parts(train, initial_weight=initial))
        assert weights[corrupted].mean() < 0.1
        mean[told] = weights[~corrupted].mean()
    assert mean[False] < 0.95 and mean[True] > 0.98
