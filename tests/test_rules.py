"""Promise: every weighting of the field is the rule that was published."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import (
    RULES,
    Recorder,
    anything,
    changed,
    differences,
    local,
    options,
    rows,
    take,
    teach,
)
from students import batch, pairs, sentence_losses, student

from fairseq_l2rw import weighting
from fairseq_l2rw.features.columns import SENTENCE, SURFACE
from fairseq_l2rw.features.loss_history import LossHistory
from fairseq_l2rw.metagradient import METHODS, weight_gradient
from fairseq_l2rw.metagradient.attention import differentiable_attention
from fairseq_l2rw.metagradient.engine import MetaGradient
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.weighting import Signal


def rule(name, text=None, **changes):
    return weighting.build(options(name, text, **changes))


# -- l2rw ------------------------------------------------------------------------------------------


@differentiable_attention()
def ren_et_al(model, sample, dev, rate):
    """Algorithm 1 of arXiv 1803.09050, literally: lines 4 to 11, on losses per token."""
    names = [n for n, _ in model.named_parameters()]
    theta = [p.detach().clone().requires_grad_() for p in model.parameters()]
    lengths = sample["target"].ne(1).sum(1)
    epsilon = torch.zeros(len(lengths), dtype=torch.float64, requires_grad=True)
    losses = sentence_losses(model, sample)(dict(zip(names, theta, strict=True))) / lengths
    gradient = torch.autograd.grad((epsilon * losses).sum(), theta, create_graph=True)
    ahead = [p - rate * g for p, g in zip(theta, gradient, strict=True)]
    dev_loss = sentence_losses(model, dev)(dict(zip(names, ahead, strict=True))).sum()
    (by_epsilon,) = torch.autograd.grad(dev_loss / dev["ntokens"], epsilon)
    weights = (-by_epsilon).clamp(min=0)
    return weights / weights.sum()


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("rate", [1e-3, 0.5])
def test_l2rw_is_the_literal_algorithm_of_ren_et_al(rate):
    model, sample, dev = student(), batch(pairs(8)), batch(pairs(1, seed=4))
    with torch.no_grad():  # surer predictions, so that some gradients are at odds
        for p in model.parameters():
            p.mul_(6)
    expected = ren_et_al(model, sample, dev, rate)
    assert 0 < int((expected > 0).sum()) < 8
    meta = MetaGradient(model)
    meta.dev_gradient(lambda p: sentence_losses(model, dev)(p).sum() / dev["ntokens"])
    seen = rows(
        8,
        alignment=meta.alignments(sentence_losses(model, sample)),
        sizes=sample["target"].ne(1).sum(1).double(),
    )
    found = rule("l2rw")(seen)
    torch.testing.assert_close(found / found.sum(), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ["l2rw", "mask"])
def test_before_there_is_a_dev_gradient_every_weight_is_one(name):
    assert torch.equal(rule(name)(rows(3)), torch.ones(3))


def test_mask_keeps_what_points_the_way_of_the_dev_gradient():
    seen = rows(4, alignment=torch.tensor([0.3, -0.1, 0.0, 2.0]))
    assert rule("mask")(seen).tolist() == [1, 0, 0, 1]


# -- lilaw -----------------------------------------------------------------------------------------


def test_lilaw_is_its_published_formula_on_numbers_worked_out_by_hand():
    """sigmoid(10 s - m) + sigmoid(-(2 s - m)) + exp(-(6 s - m)^2 / 2)."""
    seen = rows(
        3,
        reference_probability=torch.tensor([0.5, 0.1, 0.0]),
        best_probability=torch.tensor([0.5, 0.6, 0.9]),
    )
    expected = [
        0.989013057369407 + 0.377540668798145 + math.exp(-3.125),  # s 0.5, m 0.5
        0.598687660112452 + 0.598687660112452 + 1.0,  # s 0.1, m 0.6
        0.289050497374996 + 0.710949502625004 + math.exp(-0.405),  # s 0, m 0.9
    ]
    torch.testing.assert_close(rule("lilaw")(seen), torch.tensor(expected))


def trusted(s, m, loss):
    """One trusted sentence."""
    return rows(1, reference_probability=[s], best_probability=[m], loss=[loss])


def test_lilaw_takes_the_authors_first_order_step_on_the_weighted_dev_loss():
    """One SGD step of rate 5e-3 and decay 1e-4, the student frozen, differentiated by hand."""
    lilaw = rule("lilaw")
    s, m, loss = 0.3, 0.4, 1.7
    sigmoid = [1 / (1 + math.exp(-x)) for x in (10 * s - m, -(2 * s - m))]
    by_alpha = loss * s * sigmoid[0] * (1 - sigmoid[0])
    by_beta = -loss * s * sigmoid[1] * (1 - sigmoid[1])
    by_delta = -loss * s * (6 * s - m) * math.exp(-((6 * s - m) ** 2) / 2)
    lilaw.learn_from_trusted(trusted(s, m, loss))
    for name, start, slope in (
        ("alpha", 10.0, by_alpha),
        ("beta", 2.0, by_beta),
        ("delta", 6.0, by_delta),
    ):
        expected = start - 5e-3 * (slope + 1e-4 * start)
        assert float(getattr(lilaw, name)) == pytest.approx(expected, rel=1e-6)


def test_lilaw_keeps_its_scalars_in_order():
    """At a slope of 1 a step would go below it, and where both are 3 beta would overtake delta."""
    lilaw = rule("lilaw", "alpha=1.0,beta=3.0,delta=3.0")
    s, m, loss = 0.1, 0.0, 50.0
    sigmoid = [1 / (1 + math.exp(-x)) for x in (s - m, -(3 * s - m))]
    by_alpha = loss * s * sigmoid[0] * (1 - sigmoid[0])
    assert by_alpha > 0  # a step down
    lilaw.learn_from_trusted(trusted(s, m, loss))
    assert float(lilaw.alpha) == 1
    lilaw = rule("lilaw", "alpha=1.0,beta=3.0,delta=3.0")
    s, m = 0.3, 0.9  # where the slope by delta is 0
    sigmoid = 1 / (1 + math.exp(3 * s - m))
    expected = 3.0 + 5e-3 * (loss * s * sigmoid * (1 - sigmoid) - 1e-4 * 3.0)
    lilaw.learn_from_trusted(trusted(s, m, loss))
    assert float(lilaw.beta) == pytest.approx(expected, rel=1e-9) and expected > 3
    assert float(lilaw.delta) == float(lilaw.beta)


def test_lilaw_follows_the_true_meta_gradient_by_option():
    lilaw = rule("lilaw", "meta_gradient=true rate=0.1")
    assert lilaw.learns and not lilaw.learns_from_trusted
    seen = rows(
        2,
        reference_probability=torch.tensor([0.05, 0.9]),
        best_probability=torch.tensor([0.9, 0.9]),
    )
    before = lilaw(seen).detach()
    for _ in range(20):  # more weight to the first would lower the dev loss, to the second raise it
        lilaw.learn([Signal(seen, torch.tensor([1.0, -1.0]))], local)
    after = lilaw(seen).detach()
    assert after[0] / after[1] > before[0] / before[1]


# -- mwnet -----------------------------------------------------------------------------------------


def test_mwnet_is_a_network_of_the_loss_with_one_hidden_layer_of_a_hundred():
    net = rule("mwnet")
    assert [tuple(p.shape) for p in net.net.parameters()] == [(100, 1), (100,), (1, 100), (1,)]
    loss = torch.tensor([0.5, 2.0, 7.0])
    weights = net(rows(3, loss=loss))
    w1, b1, w2, b2 = net.net.parameters()
    hidden = (loss.unsqueeze(1) * w1.T + b1).clamp(min=0)
    torch.testing.assert_close(weights, torch.sigmoid(hidden @ w2.T + b2).squeeze(1))


def test_mwnet_learns_which_losses_to_trust():
    net = rule("mwnet", "rate=0.01")
    loss = torch.tensor([1.0, 6.0])
    for _ in range(100):
        net.learn([Signal(rows(2, loss=loss), torch.tensor([1e-7, -1e-7]))], local)
    low, high = net(rows(2, loss=loss)).tolist()
    assert low > 0.7 and high < 0.3


# -- trim ------------------------------------------------------------------------------------------


def test_trim_drops_the_largest_losses():
    seen = rows(5, loss_rank=[0.0, 0.69, 0.71, 0.9, 0.3])
    assert rule("trim")(seen).tolist() == [1, 1, 0, 0, 1]
    assert rule("trim", "drop=0.2")(seen).tolist() == [1, 1, 1, 0, 1]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.floats(0.0, 0.9))
def test_trim_drops_the_fraction_it_is_told(seed, drop):
    """Ranks come from the history; losses of one distribution are dropped in that proportion."""
    generator = torch.Generator().manual_seed(seed)
    loss = torch.rand(4000, generator=generator) * 6
    history = LossHistory()
    history.add(loss, torch.zeros(4000), torch.ones(4000))
    weights = rule("trim", f"drop={drop}")(rows(4000, loss_rank=history.rank(loss)))
    assert float(1 - weights.mean()) == pytest.approx(drop, abs=0.01)


def test_before_any_loss_is_known_trim_drops_nothing():
    history = LossHistory()
    rank = history.rank(torch.tensor([1.0, 5.0, 9.0]))
    assert rule("trim", "drop=0.6")(rows(3, loss_rank=rank)).tolist() == [1, 1, 1]


# -- error norm ------------------------------------------------------------------------------------


def test_error_norm_leaves_out_what_the_student_is_sure_to_be_wrong():
    seen = rows(4, error_norm=[0.0, 1.0, 1.29, 1.4])
    assert rule("error_norm")(seen).tolist() == [1, 1, 1, 0]
    assert rule("error_norm", "threshold=0.9")(seen).tolist() == [1, 0, 0, 0]


# -- random ----------------------------------------------------------------------------------------


def test_random_weights_are_rectified_gaussians():
    seen = rows(100_000, ids=torch.arange(100_000), update=7)
    w = rule("random")(seen).double()
    assert float((w == 0).double().mean()) == pytest.approx(0.5, abs=0.01)
    positive = w[w > 0]
    assert float(positive.square().mean()) == pytest.approx(1.0, abs=0.02)
    assert float(positive.mean()) == pytest.approx(math.sqrt(2 / math.pi), abs=0.01)


def test_random_weights_change_with_update_seed_sentence_and_position():
    ids = torch.arange(64)

    def draw(seed=1, **changes):
        return rule("random", seed=seed)(rows(64, **{"ids": ids, "update": 3, **changes}))

    base = draw()
    for other in (draw(seed=2), draw(update=4), draw(ids=ids + 64), draw(positions=ids * 0 + 1)):
        assert int((base != other).sum()) > 20
        both = torch.stack([base - base.mean(), other - other.mean()])
        assert abs(float(torch.corrcoef(both)[0, 1])) < 0.5
    assert torch.equal(base, draw())


def test_random_weights_leave_the_students_random_numbers_alone():
    before = torch.get_rng_state()
    rule("random")(rows(5))
    rule("mwnet"), rule("deep", head="mlp")
    assert torch.equal(before, torch.get_rng_state())


# -- all of them -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("head", "read"), [("least-squares", SENTENCE), ("mlp", SURFACE)])
def test_a_regression_reads_one_measure_of_fit_and_a_network_all(head, read):
    built = weighting.build(options("surface", head=head, reads="surface+likeness"))
    for seed in range(3):
        teach(built, seed)
    seen = anything(6, 0)
    before = built(seen)
    for name in SURFACE:
        other = changed(seen, lambda x: x + torch.linspace(-1, 1, 6), name)
        assert (not torch.equal(built(other), before)) == (name in read), name


@pytest.mark.parametrize(("name", "changes"), RULES)
@settings(deadline=None, max_examples=5)
@given(st.permutations(range(6)), st.integers(1, 5), st.integers(0, 99))
def test_order_and_bucketing_change_no_weight(name, changes, order, cut, seed):
    built = rule(name, **changes)
    for step in range(3):  # so that there is something learnt
        teach(built, seed + step)
    seen = anything(6, seed)
    together, index = built(seen), torch.tensor(order)
    assert not built.learns or (together != 1).any()
    torch.testing.assert_close(built(take(seen, index)), together[index])
    apart = torch.cat([built(take(seen, index[:cut])), built(take(seen, index[cut:]))])
    torch.testing.assert_close(apart, together[index])


@pytest.mark.parametrize(("name", "changes"), RULES)
def test_state_survives_the_safe_loader_and_learning_goes_on_bit_for_bit(name, changes, tmp_path):
    built, twin = rule(name, **changes), rule(name, **changes)
    for seed in (1, 2):
        teach(built, seed)
    torch.save(built.state_dict(), tmp_path / "state.pt")
    twin.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for one in (built, twin):
        teach(one, 3)
    assert torch.equal(built(anything(9, 5)), twin(anything(9, 5)))
    assert not built.learns or (built(anything(9, 5)) != 1).any()


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("trim", "dorp=0.1", r"Key 'dorp' not in.*the options of trim and their defaults: drop"),
        ("trim", "drop=much", "could not be converted to Float"),
        ("trim", "drop", "not of the form NAME=VALUE"),
        ("trim", "drop=1.0", r"drop must be in \[0, 1\), got 1.0"),
        ("error_norm", "threshold=1.5", "above 0 and at most 1.41, got 1.5"),
        ("error_norm", "threshold=0", "above 0 and at most 1.41, got 0.0"),
        ("uniform", "drop=0.1", "the options of uniform and their defaults: none"),
    ],
)
def test_an_option_that_a_weighting_does_not_have_is_refused_in_one_line(name, text, says):
    with pytest.raises(InputError, match=says) as caught:
        rule(name, text)
    assert "\n" not in str(caught.value)


def test_options_have_the_type_of_their_default():
    built = rule("mwnet", "hidden=7, rate=0.5")
    assert built.options.hidden == 7 and built.options.rate == 0.5


@pytest.mark.usefixtures("float64")
def test_a_networks_meta_gradient_is_the_derivative_through_the_students_step():
    """dL_dev/dphi of mwnet by central differences of a real step of the student."""
    model, sample, dev = student(activation_fn="tanh"), batch(pairs(6)), batch(pairs(4, seed=9))
    net = rule("mwnet", "hidden=4").double()
    sizes = sample["target"].ne(1).sum(1).double()
    values = {n: p.detach().clone() for n, p in model.named_parameters()}
    loss = (sentence_losses(model, sample)(values) / sizes).detach()
    # Not through float32.
    net.forward = lambda features: net.net(features["loss"].unsqueeze(1)).squeeze(1)
    seen = rows(6, loss=loss, sizes=sizes)

    def gradient(weights):
        leaves = {n: v.clone().requires_grad_() for n, v in values.items()}
        value = weights @ sentence_losses(model, sample)(leaves) / (weights @ sizes)
        found = torch.autograd.grad(value, list(leaves.values()))
        return dict(zip(leaves, found, strict=True))

    def after_step():
        step = gradient(net(seen).detach())
        moved = {n: v - 0.1 * step[n] for n, v in values.items()}
        return float(sentence_losses(model, dev)(moved).sum() / dev["ntokens"])

    weights = net(seen).detach()
    moved = {n: (v - 0.1 * gradient(weights)[n]) for n, v in values.items()}
    leaves = {n: v.requires_grad_() for n, v in moved.items()}
    dev_loss = sentence_losses(model, dev)(leaves).sum() / dev["ntokens"]
    r = torch.autograd.grad(dev_loss, list(leaves.values()))
    direction = {n: -0.1 * g for n, g in zip(leaves, r, strict=True)}
    products = METHODS["forward"].products(sentence_losses(model, sample), values, direction)
    signal = Signal(seen, -weight_gradient(products, sizes, weights))
    net.descent.optimizer = Recorder(net.net)
    net.learn([signal], local)
    for p, found in zip(net.net.parameters(), net.descent.optimizer.taken, strict=True):
        torch.testing.assert_close(found, differences(p, after_step, 1e-4), rtol=1e-5, atol=1e-11)
