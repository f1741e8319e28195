"""Promise: teachers learn from the exact signal, find what it says, and never harm."""

import math
from dataclasses import replace

import pytest
import torch
from rows import Recorder, differences, learn, two_parts
from rows import teacher as build

from fairseq_l2rw.metagradient.weights import weight_gradient
from fairseq_l2rw.weighting import Signal
from fairseq_l2rw.weighting.teachers.heads import HEADS


def taught(cfg, steps=40, noise=1.0, seed=0):
    """A teacher that learnt from noisy signals that favour sentences with a large third feature.

    Trusted sentences have one.
    """
    generator = torch.Generator().manual_seed(seed)
    teacher = build(**cfg)
    scale = torch.tensor([1, 9, 1, 0.1, 3, 1])
    for _ in range(steps):
        x = torch.randn(30, 6, generator=generator) * scale + 2
        trusted = torch.randn(10, 6, generator=generator) * scale + 2
        trusted[:, 2] = 3 + 0.5 * torch.randn(10, generator=generator)
        usefulness = x[:, 2] - 2 + noise * torch.randn(30, generator=generator)
        seen = two_parts(x)
        learn(teacher, seen, -usefulness * seen.sizes / 150, two_parts(trusted))
    return teacher, generator


@pytest.mark.parametrize("head", HEADS)
def test_a_teacher_tells_useful_sentences_it_never_saw(head):
    teacher, generator = taught(dict(head=head, rate=0.05), steps=80)
    x = torch.randn(200, 6, generator=generator) * torch.tensor([1, 9, 1, 0.1, 3, 1]) + 2
    weights = teacher(two_parts(x))
    assert weights[x[:, 2] > 2].mean() > 3 * weights[x[:, 2] < 2].mean()
    assert ((weights > 0) & (weights < 2)).all()


@pytest.mark.parametrize("head", HEADS)
def test_a_teacher_that_learnt_nothing_weighs_every_sentence_one(head):
    teacher = build(head=head)
    assert torch.equal(teacher(two_parts(torch.randn(4, 6))), torch.ones(4))


@pytest.mark.parametrize("head", HEADS)
def test_learning_does_not_depend_on_how_an_update_is_split(head):
    x, gradient = torch.randn(9, 6), torch.randn(9)
    sizes = torch.arange(1.0, 10.0)
    whole, split = (build(head=head) for _ in range(2))
    for _ in range(3):
        parts = zip(x.split([1, 8]), sizes.split([1, 8]), gradient.split([1, 8]), strict=True)
        seen = two_parts(x, sizes)
        learn(whole, seen, gradient)
        learn(split, seen, gradient, split=[Signal(two_parts(f, n), -g) for f, n, g in parts])
    torch.testing.assert_close(whole(two_parts(x)), split(two_parts(x)))


def test_mlp_meta_gradient_agrees_with_central_differences():
    """dL_dev/dphi = sum_i dL_dev/dw_i dw_i/dphi, through a dev loss known in closed form."""
    teacher, generator = taught(dict(head="mlp"), steps=3)
    head = teacher.head
    head.net.double()
    head.descent.optimizer = Recorder(head.net)
    head._standardised = lambda f: f  # the double of float32 features would hide the differences
    x = torch.randn(5, 6, generator=generator).double()
    seen = two_parts(x, torch.ones(5).double())
    target, sizes = torch.randn(5, generator=generator).double(), seen.sizes

    @torch.no_grad()
    def dev_loss():
        w = teacher(seen)
        return float((w @ target) / (w @ sizes))

    learn(teacher, seen, weight_gradient(target, sizes, teacher(seen).detach()))
    for p, found in zip(head.net.parameters(), head.descent.optimizer.taken, strict=True):
        torch.testing.assert_close(found, differences(p, dev_loss, 1e-5), rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("worse", [False, True])
def test_least_squares_is_the_ridge_regression_written_out(worse):
    """Two parts of 2 and 4 features, two updates, the comparison with the trusted pairs' scores."""
    teacher = build(memory=10**12, tolerance=2.0, reads="surface+encoder+decoder")
    torch.manual_seed(0)
    useful = torch.tensor([0, 1, 0, 0, -1, 0]).double()
    x = torch.randn(3000, 6).double()
    y = x @ useful + torch.randn(3000)
    n, m = torch.randint(1, 9, (3000,)).double(), torch.randint(1, 9, (1000,)).double()
    trusted = torch.randn(1000, 6).double() / 2
    trusted += (-0.2 if worse else 0.2) * useful
    updates, rates = [slice(0, 2000), slice(2000, 3000)], (3e-3, 1e-3)
    signals = [
        Signal(two_parts(x[u], n[u]), (y * n)[u], rate**2)
        for u, rate in zip(updates, rates, strict=True)
    ]
    seen = two_parts(x, n)
    for _ in range(2):  # again the same, so that only the comparison is new
        learn(teacher, seen, -y * n, two_parts(trusted, m), split=signals)
    tokens = n.clone()
    for u, rate in zip(updates, rates, strict=True):
        n[u] *= rate**2
    y = (y / ((n * y.square()).sum() / n.sum()).sqrt()).clamp(-3, 3)
    mean = (n @ x) / n.sum()
    deviation = ((n @ (x - mean).square()) / n.sum()).sqrt()
    z = (x - mean) / deviation
    ridge = torch.tensor([0.04, 0.04, 0.16, 0.16, 0.16, 0.16]).double()
    normal = z.T @ (n.unsqueeze(1) * z) / n.sum() + ridge.diag()
    solution = torch.linalg.solve(normal, z.T @ (n * (y - (n @ y) / n.sum())) / n.sum())
    score, anchor = z @ solution, (trusted - mean) / deviation @ solution
    middle = (m @ anchor) / m.sum()
    spread = ((m @ (anchor - middle).square()) / m.sum()).sqrt()
    ahead, of_trusted = ((s - middle) / spread for s in (score, anchor))

    def passed(distance, factor=1.0):
        top = torch.sigmoid(mean.new_tensor(6 * factor))
        return torch.sigmoid(3 * (distance + 2 * factor)) / top

    def good(distance, counts):  # the mean of those around
        counts = counts * passed(distance) * passed(-distance)
        return (counts @ distance) / counts.sum()

    lead = good(ahead, tokens) - good(of_trusted, m)
    assert (lead > 0) == worse
    away = (tokens @ (1 - passed(ahead)).clamp(min=0)) / tokens.sum()
    falsely = (m @ (1 - passed(of_trusted)).clamp(min=0)) / m.sum()
    alarms = 1 - (1 - away) / (1 - falsely) * falsely / away
    pairs = [counts.sum() ** 2 / counts.square().sum() for counts in (tokens, m)]
    chance = away * (1 - away) / pairs[0] + falsely * (1 - falsely) / pairs[1]
    certain = 1 - 9 * chance / (away - falsely) ** 2
    assert 0.1 < alarms < 0.9 and 0.1 < certain < 0.99
    alarms *= certain
    of_good = (1 - away) / (1 - falsely)
    factor = 1 + min(1, float((of_good / (1 - of_good)).log()) / math.log(5))
    assert factor > 1
    expected = passed(ahead - lead.clamp(min=0), factor) ** alarms
    torch.testing.assert_close(teacher(seen), expected, rtol=1e-5, atol=1e-6)


def test_the_likeness_tells_what_deviates_to_either_side():
    """Corrupted pairs lie around the good ones in every direction; no linear score tells them."""
    generator = torch.Generator().manual_seed(0)
    told = {}
    for reads in ("surface+encoder+decoder", "surface+encoder+decoder+likeness"):
        teacher = build(reads=reads)
        for _ in range(40):
            x, trusted = (torch.randn(200, 6, generator=generator) for _ in range(2))
            corrupted = torch.rand(200, generator=generator) < 0.5
            x[corrupted] *= 3
            signal = corrupted.float() + torch.randn(200, generator=generator)
            learn(teacher, two_parts(x), signal, two_parts(trusted))
        weights = teacher(two_parts(x))
        told[reads] = float(weights[corrupted].mean() / weights[~corrupted].mean())
    assert told["surface+encoder+decoder+likeness"] < 0.3
    assert told["surface+encoder+decoder"] > 0.6


def test_a_pair_must_look_right_in_every_part():
    """Some are far out in their surface; a few in their states alone, and else very usual."""
    generator = torch.Generator().manual_seed(0)
    teacher = build(by="both")
    for _ in range(40):
        x, trusted = (torch.randn(200, 6, generator=generator) for _ in range(2))
        kind = torch.rand(200, generator=generator)
        by_surface, by_states = kind < 0.4, kind > 0.9
        x[by_surface, :2] *= 4
        x[by_states, :2] *= 0.2
        x[by_states, 2:] += 2
        learn(teacher, two_parts(x), torch.randn(200, generator=generator), two_parts(trusted))
    weights = teacher(two_parts(x))
    assert weights[by_surface].mean() < 0.4
    assert weights[by_states].mean() < 0.1
    assert weights[~by_surface & ~by_states].mean() > 0.9


def test_many_states_do_not_drown_the_surface():
    """The loss says all, every one of 200 states says nothing; half as many pairs as states."""
    generator = torch.Generator().manual_seed(0)
    teacher = build(reads="surface+encoder+decoder")
    fresh = torch.randn(400, 202, generator=generator)
    x = torch.randn(100, 202, generator=generator)
    noise = 2 * torch.randn(100, generator=generator)
    trusted = two_parts(x[x[:, 0] < 0])
    for _ in range(2):
        learn(teacher, two_parts(x), x[:, 0] + noise, trusted)
    weights = teacher(two_parts(fresh))
    ranks = torch.stack([weights.argsort().argsort(), fresh[:, 0].argsort().argsort()])
    assert ranks.double().corrcoef()[0, 1] < -0.7


def test_a_trusted_pair_seen_again_counts_once():
    """As it was seen last: few pairs leave more to chance than many, however often they come."""
    teacher = build()
    x, sizes = torch.randn(300, 6), torch.randint(1, 9, (300,)).double()
    pairs = [two_parts(x[part] + 1, sizes[part]) for part in (slice(90), slice(50, 200))]
    again = replace(pairs[1], ids=torch.cat([pairs[0].ids[50:], pairs[1].ids[40:]]))
    for trusted in (pairs[0], again):
        learn(teacher, two_parts(x), torch.randn(300), trusted)
    assert len(teacher.head.trusted) == 200
    assert teacher.head.trusted_sizes.tolist() == sizes[:200].tolist()
    fewness = teacher.head.calibration.trusted_location[-1]
    assert float(fewness) == pytest.approx(
        float(sizes[:200].square().sum() / sizes[:200].sum() ** 2)
    )


@pytest.mark.parametrize(
    ("tokens", "inputs", "kept"), [(1, 6, 1000), (3, 6, 3000), (9, 6, 4000), (9, 800, 2500)]
)
def test_a_thousand_trusted_pairs_are_remembered_with_all_their_tokens(tokens, inputs, kept):
    """A thousand tokens could not tell a few wrong ones from chance. But there must be room."""
    teacher = build()
    for _ in range(8):
        ids = torch.arange(500) // tokens + 1000 * len(teacher.head.trusted)
        seen = two_parts(torch.randn(500, inputs), ids=ids)
        learn(teacher, seen, torch.randn(500))
    assert len(teacher.head.trusted) == len(teacher.head.trusted_sizes)
    assert len(teacher.head.trusted) == pytest.approx(kept, rel=0.01)
    assert torch.equal(teacher.head.trusted_ids[-500:], seen.ids)


def test_a_batch_in_which_nothing_looks_like_a_trusted_pair_is_harmless():
    """As soon after the first look, of which the trusted pairs were too few to know them by."""
    generator = torch.Generator().manual_seed(0)
    teacher = build()
    trusted = two_parts(0.01 * torch.randn(20, 6, generator=generator))
    for _ in range(3):
        x = torch.randn(20, 6, generator=generator) * 100 + 1000
        learn(teacher, two_parts(x), torch.randn(20, generator=generator), trusted)
    assert torch.isfinite(teacher.head.slope).all()
    assert torch.isfinite(teacher(two_parts(x))).all()


def test_a_constant_feature_is_harmless():
    teacher = build()
    x = torch.randn(20, 6)
    x[:, 4] = 1e6 / 3
    for _ in range(3):
        learn(teacher, two_parts(x), torch.randn(20))
    x[:, 4] += 1.0
    assert torch.isfinite(teacher(two_parts(x))).all()


def test_one_sentence_is_enough_to_learn_from_without_harm():
    for head in HEADS:
        teacher = build(head=head)
        seen = two_parts(torch.randn(1, 6))
        for _ in range(3):
            learn(teacher, seen, torch.ones(1))
        assert torch.isfinite(teacher(seen)).all()


@pytest.mark.parametrize(("by", "rejected"), [("quality", False), ("domain", True), ("both", True)])
def test_hidden_states_that_are_merely_unlike_reject_only_by_the_domain(by, rejected):
    """Half of the pairs have states of another kind; the meta-gradient does not mind."""
    generator = torch.Generator().manual_seed(0)
    teacher = build(by=by)
    for _ in range(40):
        x, trusted = (torch.randn(200, 6, generator=generator) for _ in range(2))
        other = torch.rand(200, generator=generator) < 0.5
        x[other, 2:] += 4
        learn(teacher, two_parts(x), torch.randn(200, generator=generator), two_parts(trusted))
    weights, factors = teacher.explained(two_parts(x))
    assert (weights[other].mean() < 0.2) == rejected and weights[~other].mean() > 0.85
    assert ("likeness_states" in factors) == rejected
