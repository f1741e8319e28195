"""Promise: teachers learn from the exact signal, find what it says, and never harm."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fairseq_l2rw import weighting
from fairseq_l2rw.metagradient.weights import weight_gradient
from fairseq_l2rw.observation import Observation
from fairseq_l2rw.weighting import Signal, Weighting, register, safe
from fairseq_l2rw.weighting.heads import HEADS
from fairseq_l2rw.weighting.moments import Moments

OPTIONS = {
    "weighting": "deep",
    "teacher_head": "least-squares",
    "teacher_hidden_size": 6,
    "teacher_lr": 1e-2,
    "teacher_memory": 50,
    "teacher_ridge": 0.1,
    "teacher_sharpness": 3.0,
    "teacher_tolerance": 1.5,
    "teacher_learns_from": "gradient,looks",
    "teacher_reads": "surface,encoder,decoder",
    "seed": 1,
    "weighting_options": "",
}


def options(**changes):
    return SimpleNamespace(**{**OPTIONS, **changes})


def observation(features, sizes=None, **changes):
    n = len(features)
    one, ids = torch.ones(n), torch.arange(n)
    known = {"loss": one, "p_reference": one, "p_best": one, "correct": one, "ids": ids}
    known |= {"sizes": one * 5 if sizes is None else sizes, "positions": torch.zeros_like(ids)}
    known |= {"surface": features[:, :2], "states": features[:, 2:]}
    return Observation(**{**known, **changes})


def local(tensor):
    return tensor


def taught(cfg, steps=40, noise=1.0, seed=0):
    """A teacher that learnt from noisy signals that favour sentences with a large third feature.

    Trusted sentences have one.
    """
    generator = torch.Generator().manual_seed(seed)
    teacher = weighting.build(cfg)
    scale = torch.tensor([1, 9, 1, 0.1, 3, 1])
    for _ in range(steps):
        x = torch.randn(30, 6, generator=generator) * scale + 2
        if teacher.learns_from_dev:
            trusted = torch.randn(10, 6, generator=generator) * scale + 2
            trusted[:, 2] = 3 + 0.5 * torch.randn(10, generator=generator)
            teacher.learn_from_dev(observation(trusted))
        usefulness = x[:, 2] - 2 + noise * torch.randn(30, generator=generator)
        seen = observation(x)
        teacher.learn([Signal(seen, -usefulness * seen.sizes / 150)], local)
    return teacher, generator


@pytest.mark.parametrize("head", HEADS)
def test_a_teacher_tells_useful_sentences_it_never_saw(head):
    teacher, generator = taught(options(teacher_head=head, teacher_lr=0.05), steps=80)
    x = torch.randn(200, 6, generator=generator) * torch.tensor([1, 9, 1, 0.1, 3, 1]) + 2
    weights = teacher(observation(x))
    assert weights[x[:, 2] > 2].mean() > 3 * weights[x[:, 2] < 2].mean()
    assert ((weights > 0) & (weights < 2)).all()


@pytest.mark.parametrize("head", HEADS)
def test_a_teacher_that_learnt_nothing_weighs_every_sentence_one(head):
    teacher = weighting.build(options(teacher_head=head))
    assert torch.equal(teacher(observation(torch.randn(4, 6))), torch.ones(4))


@pytest.mark.parametrize("head", HEADS)
def test_weights_of_a_sentence_do_not_depend_on_its_batch(head):
    teacher, generator = taught(options(teacher_head=head), steps=5)
    x = torch.randn(7, 6, generator=generator)
    together = teacher(observation(x))
    alone = torch.cat([teacher(observation(row.unsqueeze(0))) for row in x])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("head", HEADS)
def test_learning_does_not_depend_on_how_an_update_is_split(head):
    x, gradient = torch.randn(9, 6), torch.randn(9)
    sizes = torch.arange(1.0, 10.0)
    whole, split = (weighting.build(options(teacher_head=head)) for _ in range(2))
    for _ in range(3):
        whole.learn([Signal(observation(x, sizes), gradient)], local)
        parts = zip(x.split([1, 8]), sizes.split([1, 8]), gradient.split([1, 8]), strict=True)
        split.learn([Signal(observation(f, n), g) for f, n, g in parts], local)
    torch.testing.assert_close(whole(observation(x)), split(observation(x)))


@pytest.mark.parametrize("head", HEADS)
def test_state_survives_the_safe_loader_and_learning_goes_on_bit_for_bit(head, tmp_path):
    cfg = options(teacher_head=head)
    teacher, generator = taught(cfg, steps=5)
    torch.save(teacher.state_dict(), tmp_path / "state.pt")
    twin = weighting.build(cfg)
    twin.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    x = torch.randn(8, 6, generator=generator)
    for one in (teacher, twin):
        one.learn([Signal(observation(x), torch.linspace(-1, 1, 8))], local)
    assert torch.equal(teacher(observation(x)), twin(observation(x)))


def test_mlp_meta_gradient_agrees_with_central_differences():
    """dL_dev/dphi = sum_i dL_dev/dw_i dw_i/dphi, through a dev loss known in closed form."""
    teacher, generator = taught(options(teacher_head="mlp"), steps=3)
    head = teacher.head
    head.net.double()
    head._standardised = lambda f: f  # the double of float32 features would hide the differences
    x = torch.randn(5, 6, generator=generator).double()
    seen = observation(x, torch.ones(5).double())
    target, sizes = torch.randn(5, generator=generator).double(), seen.sizes

    @torch.no_grad()
    def dev_loss():
        w = teacher(seen)
        return (w @ target) / (w @ sizes)

    gradient = weight_gradient(target, sizes, teacher(seen).detach())
    head.net.zero_grad()
    (teacher(seen) @ gradient).backward()
    for p in head.net.parameters():
        for k in range(min(p.numel(), 4)):
            flat, h = p.data.view(-1), 1e-5
            flat[k] += h
            up = float(dev_loss())
            flat[k] -= 2 * h
            down = float(dev_loss())
            flat[k] += h
            assert float(p.grad.view(-1)[k]) == pytest.approx(
                (up - down) / (2 * h), rel=1e-6, abs=1e-10
            )


def test_least_squares_is_the_ridge_regression_written_out():
    """Two parts of 2 and 4 features; both regressions, compared with trusted pairs, multiplied."""
    teacher = weighting.build(
        options(
            teacher_memory=1e12,
            teacher_ridge=0.1,
            teacher_learns_from="looks gradient",
            teacher_tolerance=2.0,
        )
    )
    torch.manual_seed(0)
    x, y = torch.randn(40, 6).double(), torch.randn(40).double()
    n, m = torch.randint(1, 9, (40,)).double(), torch.randint(1, 9, (12,)).double()
    trusted = torch.randn(12, 6).double() + torch.tensor([0, 1, 0, 0, -1, 0])
    seen = observation(x, n)
    teacher.learn_from_dev(observation(trusted, m))
    teacher.learn([Signal(seen, -y * n)], local)
    y = (y / ((n * y.square()).sum() / n.sum()).sqrt()).clamp(-3, 3)
    mean = (n @ x) / n.sum()
    deviation = ((n @ (x - mean).square()) / n.sum()).sqrt()
    z, theirs = (x - mean) / deviation, (trusted - mean) / deviation
    ridge = torch.tensor([0.2, 0.2, 0.4, 0.4, 0.4, 0.4]).double()
    normal = z.T @ (n.unsqueeze(1) * z) / n.sum() + ridge.diag()
    gradient = z.T @ (n * (y - (n @ y) / n.sum())) / n.sum()
    looks = (m @ theirs) / m.sum()

    def passed(target):
        solution = torch.linalg.solve(normal, target)
        score, anchor = z @ solution, theirs @ solution
        middle = (m @ anchor) / m.sum()
        distance = (score - middle) / ((m @ (anchor - middle).square()) / m.sum()).sqrt()
        return torch.sigmoid(3 * (distance + 2)) / torch.sigmoid(torch.tensor(6.0))

    expected = passed(gradient) * passed(looks)
    torch.testing.assert_close(teacher(seen), expected.double(), rtol=1e-5, atol=1e-6)


def test_many_states_do_not_drown_the_surface():
    """The loss says all, every one of 200 states says nothing; half as many pairs as states."""
    generator = torch.Generator().manual_seed(0)
    teacher = weighting.build(options(teacher_learns_from="gradient"))
    fresh = torch.randn(400, 202, generator=generator)
    x = torch.randn(100, 202, generator=generator)
    noise = 2 * torch.randn(100, generator=generator)
    teacher.learn([Signal(observation(x), x[:, 0] + noise)], local)
    weights = teacher(observation(fresh))
    ranked = torch.corrcoef(
        torch.stack([weights.argsort().argsort(), fresh[:, 0].argsort().argsort()]).double()
    )
    assert ranked[0, 1] < -0.7


def spoilt_pairs(generator, share, pairs=400):
    """Training pairs of which a share is spoilt, what the dev set says of them, trusted pairs."""
    train, trusted = (torch.randn(pairs, 6, generator=generator) for _ in range(2))
    spoilt = torch.rand(pairs, generator=generator) < share
    train[spoilt, 3] -= 4
    signal = spoilt.float() + 3 * torch.randn(pairs, generator=generator)
    return train, spoilt, signal, trusted


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("sources", ["gradient", "looks", "gradient,looks"])
def test_any_share_of_spoilt_pairs_is_weighed_down(sources, share):
    generator = torch.Generator().manual_seed(0)
    teacher = weighting.build(options(teacher_learns_from=sources))
    for _ in range(40):
        train, _, signal, trusted = spoilt_pairs(generator, share)
        teacher.learn_from_dev(observation(trusted))
        teacher.learn([Signal(observation(train), signal)], local)
    train, spoilt, *_ = spoilt_pairs(generator, share)
    weights = teacher(observation(train))
    assert weights[~spoilt].mean() > 0.85
    assert weights[spoilt].mean() < 0.1


def test_looks_tell_spoilt_pairs_while_the_gradient_says_nothing():
    generator = torch.Generator().manual_seed(0)
    teacher = weighting.build(options())
    for _ in range(40):
        train, _, signal, trusted = spoilt_pairs(generator, 0.5)
        teacher.learn_from_dev(observation(trusted))
        teacher.learn([Signal(observation(train), torch.randn_like(signal))], local)
    train, spoilt, *_ = spoilt_pairs(generator, 0.5)
    weights = teacher(observation(train))
    assert weights[spoilt].mean() < 0.1 * weights[~spoilt].mean()


def test_clean_pairs_keep_their_weights():
    """Nothing tells training from trusted pairs: what is learnt is chance, and costs little."""
    generator = torch.Generator().manual_seed(0)
    teacher = weighting.build(options())
    for _ in range(20):
        train, _, signal, trusted = spoilt_pairs(generator, share=0.0)
        teacher.learn_from_dev(observation(trusted))
        teacher.learn([Signal(observation(train), signal)], local)
    weights = teacher(observation(train))
    ess = weights.sum().square() / (len(weights) * weights.square().sum())
    assert ess > 0.85


def test_trusted_pairs_are_judged_as_the_student_of_today_sees_them():
    """All scores drift as the student learns; a pair just like the trusted ones keeps weight 1."""
    generator = torch.Generator().manual_seed(0)
    teacher = weighting.build(options(teacher_memory=500))
    for update in range(300):
        train, _, signal, trusted = spoilt_pairs(generator, share=0.5)
        drift = torch.zeros(6)
        drift[3] = -0.005 * update
        teacher.learn_from_dev(observation(trusted + drift))
        teacher.learn([Signal(observation(train + drift), signal)], local)
    alike = observation((trusted + drift).mean(0, keepdim=True))
    assert float(teacher(alike)) == pytest.approx(1.0, abs=0.05)


def test_a_constant_feature_is_harmless():
    teacher = weighting.build(options())
    x = torch.randn(20, 6)
    x[:, 4] = 1e6 / 3
    teacher.learn([Signal(observation(x), torch.randn(20))], local)
    x[:, 4] += 1.0
    assert torch.isfinite(teacher(observation(x))).all()


def test_one_sentence_is_enough_to_learn_from_without_harm():
    for head in HEADS:
        teacher = weighting.build(options(teacher_head=head))
        seen = observation(torch.randn(1, 6))
        teacher.learn([Signal(seen, torch.ones(1))], local)
        assert torch.isfinite(teacher(seen)).all()


def test_moments_forget_exponentially():
    moments = Moments(decay=0.5)
    one = torch.ones(1, dtype=torch.float64)
    for value in (8.0, 2.0):
        moments.add(torch.full((1, 1), value).double(), one, one, local)
    mean, _, _ = moments.scale()
    assert float(mean) == pytest.approx((0.5 * 8 + 2) / 1.5)


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1, max_size=6))
def test_whatever_a_weighting_returns_training_gets_usable_weights(values):
    raw = torch.tensor(values)
    usable = bool(torch.isfinite(raw).all() and (raw >= 0).all() and (raw > 0).any())
    weights, replaced = safe(raw)
    assert bool(replaced) == (not usable)
    assert torch.equal(weights, raw if usable else torch.ones_like(raw))


def test_a_weighting_of_ones_own_is_found_by_name():
    @register("constant_for_this_test")
    class Constant(Weighting):
        def forward(self, seen):
            return torch.full_like(seen.loss, 0.5)

    try:
        assert "constant_for_this_test" in weighting.names()
        built = weighting.build(options(weighting="constant_for_this_test"))
        assert built(observation(torch.randn(2, 6))).tolist() == [0.5, 0.5]
        with pytest.raises(ValueError, match="already"):
            register("constant_for_this_test")(weighting.Uniform)
    finally:
        weighting.base._registry.pop("constant_for_this_test")
