"""Promise: every meta-gradient is the derivative of the training run that really happened.

Against float64 central differences of the whole run, on a small transformer with tied embeddings,
label smoothing and padding, two sub-batches an update and a rate that always changes.
"""

import logging
from itertools import product

import pytest
import torch
from benchmark_window import rise_apart
from fairseq.optim.nag import NAG
from students import student
from trajectories import DECAY, OPTIMIZERS, DoubleNAG, Trajectory

from fairseq_l2rw.metagradient import moved
from fairseq_l2rw.metagradient.attention import differentiable_attention
from fairseq_l2rw.metagradient.engine import MetaGradient
from fairseq_l2rw.metagradient.trajectory import TOLERANCE
from fairseq_l2rw.utils.errors import InputError

pytestmark = pytest.mark.usefixtures("float64")


def error_of(found, expected):
    return float((found - expected).norm() / expected.norm())


def along(directions, gradient):
    return (directions * gradient).sum((1, 2))


def runs():
    """Every optimizer with 1, 3 and 10 updates; some of 3 and most of 10 with --all only."""
    for optimizer, steps, clip_norm, dropout in product(
        OPTIMIZERS, [1, 3, 10], [0.0, 0.05], [0.0, 0.2]
    ):
        apart = bool(clip_norm) != bool(dropout)
        long = steps == 10 and not (clip_norm and dropout and optimizer == "adam")
        slow = long or (steps == 3 and apart)
        marks = [pytest.mark.slow] if slow else []
        yield pytest.param(optimizer, steps, clip_norm, dropout, marks=marks)


@pytest.mark.parametrize(("optimizer", "steps", "clip_norm", "dropout"), list(runs()))
def test_meta_gradient_is_the_derivative_of_the_run(optimizer, steps, clip_norm, dropout):
    run = Trajectory(optimizer, steps, clip_norm, dropout)
    directions = run.directions(4 if steps < 10 else 2)  # each takes four runs
    expected = run.differences(directions)
    assert bool(run.clipped) == (clip_norm > 0)
    ways = [("forward", "stored"), ("reverse", "stored")]
    if steps == 1:
        ways += [("ghost", "stored")]
    if optimizer == "momentum":
        ways += [("forward", "rewind"), ("reverse", "rewind")]
    for way in ways:
        gradient, meta = run.meta_gradient(*way)
        assert meta.reached == steps
        assert error_of(along(directions, gradient), expected) <= 1e-6, way


def test_with_layer_drop_too():
    dropped = {"encoder_layerdrop": 0.5, "decoder_layerdrop": 0.5}
    run = Trajectory("adam", 6, 0.05, 0.1, **dropped)
    whole = Trajectory("adam", 6, 0.05, 0.1)
    assert run.value(run.weights) != whole.value(whole.weights)
    directions = run.directions()
    gradient, _ = run.meta_gradient("forward")
    assert error_of(along(directions, gradient), run.differences(directions)) <= 1e-6


def test_differences_are_close_and_say_how_close():
    run = Trajectory("momentum", 3, 0.05, 0.2)
    exact, _ = run.meta_gradient("forward")
    found, meta = run.meta_gradient("difference")
    assert error_of(found, exact) <= 1e-4
    assert 0 < meta.method.error < 1e-2


def test_without_replay_the_meta_gradient_is_another():
    """So that the table above would notice if dropout were not replayed."""
    run = Trajectory("momentum", 1, 0.0, 0.2)
    exact, _ = run.meta_gradient("forward")
    run.replayed = lambda losses, random: losses
    other, _ = run.meta_gradient("forward")
    assert error_of(other, exact) > 1e-3


@differentiable_attention()
def literal_algorithm(run, printed):
    """Algorithm 1 of arXiv 2007.04649, line by line, for momentum SGD with weight decay.

    The paper's last line takes the rate of step t where the update before it used that of t - 1;
    ``printed`` keeps it as it is printed.
    """
    mu, model, optimizer = 0.9, run.model, run.optimizer
    run.run(run.weights)
    names = [n for n, _ in model.named_parameters()]
    theta = [p.detach().clone() for p in model.parameters()]
    v = [optimizer.state[p]["momentum_buffer"].clone() for p in model.parameters()]
    leaves = [p.clone().requires_grad_() for p in theta]
    dev = run.dev_loss(dict(zip(names, leaves, strict=True)))
    dtheta = list(torch.autograd.grad(dev, leaves))
    dv = [-run.rate(run.steps - 1) * d for d in dtheta]
    rows = []
    for t in reversed(range(run.steps)):
        theta = [x + run.rate(t) * y for x, y in zip(theta, v, strict=True)]
        leaves = [x.clone().requires_grad_() for x in theta]
        weights = run.weights[t].clone().requires_grad_()
        torch.manual_seed(100 + t)
        losses, sizes = run.losses(t, dict(zip(names, leaves, strict=True)))
        loss = weights @ losses / (weights @ sizes)
        loss = loss + DECAY / 2 * sum((x * x).sum() for x in leaves)
        g = torch.autograd.grad(loss, leaves, create_graph=True)
        v = [(y - x.detach()) / mu for y, x in zip(v, g, strict=True)]
        inner = sum((x * y).sum() for x, y in zip(g, dv, strict=True))
        row, *second = torch.autograd.grad(inner, [weights, *leaves])
        rows.append(row)
        dtheta = [x + y for x, y in zip(dtheta, second, strict=True)]
        rate = run.rate(t) if printed else run.rate(t - 1)
        dv = [mu * y - rate * x for x, y in zip(dtheta, dv, strict=True)]
    return torch.stack(rows[::-1])


def test_algorithm_1_is_exact_with_the_right_rate_and_not_as_it_is_printed():
    run = Trajectory("momentum", 5)
    directions = run.directions()
    expected = run.differences(directions)
    assert error_of(along(directions, literal_algorithm(run, printed=False)), expected) <= 1e-6
    assert error_of(along(directions, literal_algorithm(run, printed=True)), expected) > 1e-2
    for trajectory in ("stored", "rewind"):
        ours, _ = run.meta_gradient("reverse", trajectory)
        assert error_of(ours, literal_algorithm(run, printed=False)) <= 1e-8


@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
def test_an_offloaded_trajectory_gives_what_the_stored_one_gives(optimizer):
    run = Trajectory(optimizer, 3, 0.05, 0.2)
    expected, _ = run.meta_gradient("forward")
    found, _ = run.meta_gradient("forward", "offloaded")
    assert torch.equal(found, expected)


def test_a_step_is_moved_as_a_whole_and_shares_what_it_shared():
    run = Trajectory("adam", 2)
    _, meta = run.meta_gradient("forward")
    step = moved(meta.steps[0], torch.device("meta"))
    for name, update in step.updates.items():
        assert update.before is step.parameters[name]
        tensors = [update.gradient, update.before, *update.state.values()]
        assert {t.device.type for t in tensors if torch.is_tensor(t)} == {"meta"}
    assert len(step.updates) == len(step.parameters) > 0


def test_rewinding_that_loses_precision_says_so_and_ends_the_window(caplog):
    """With little momentum, rounding errors grow a hundredfold at every update."""
    run = Trajectory("momentum", 10)
    run.past["param_groups"][0]["momentum"] = 0.01
    exact, _ = run.meta_gradient("reverse")
    with caplog.at_level(logging.WARNING):
        gradient, meta = run.meta_gradient("reverse", "rewind")
    assert "rewinding lost precision" in caplog.text and "--meta-trajectory stored" in caplog.text
    assert 1 <= meta.reached == len(gradient) < 10
    assert meta.rewind_error > TOLERANCE
    assert error_of(gradient, exact[-meta.reached :]) < 0.1


def test_the_error_of_rewinding_is_measured():
    run = Trajectory("momentum", 10)
    _, meta = run.meta_gradient("reverse", "rewind")
    assert 0 < meta.rewind_error < 1e-9 and meta.reached == 10


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "nesterov"])
def test_only_momentum_sgd_can_be_rewound(optimizer):
    meta = MetaGradient(student(), trajectory="rewind")
    with pytest.raises(InputError, match=r"needs SGD with momentum|no adjoint"):
        meta.check(OPTIMIZERS[optimizer](list(meta.model.parameters())))


def test_nag_of_these_tests_is_fairseqs():
    models = [student().float() for _ in range(2)]
    pair = [
        cls(m.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
        for cls, m in zip((NAG, DoubleNAG), models, strict=True)
    ]
    for step in range(3):
        for model, optimizer in zip(models, pair, strict=True):
            optimizer.param_groups[0]["lr"] = 0.1 / (step + 1)
            for p in model.parameters():
                p.grad = torch.full_like(p, 0.3 + step)
            optimizer.step()
    for a, b in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["auto", "reverse"])
def test_rewinding_needs_no_more_for_a_longer_window(method):
    """Beside a window of one a copy of parameters and momentum, and the way back through them."""
    one = rise_apart(1, "stored", method)
    three, ten = (rise_apart(b, "rewind", method) for b in (3, 10))
    assert abs(ten - three) < 0.1
    assert ten <= one + 3
    assert rise_apart(10, "stored", method) > ten + 10
