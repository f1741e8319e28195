"""Promise: ghost products are the inner products, or something that is takes their place."""

import logging

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from students import batch, criterion, pairs, sentence_losses, student
from test_metagradient import by_name, products_one_by_one, random_direction
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from trajectories import ADJOINTS, Trajectory

from fairseq_l2rw.config import L2RWTranslationConfig, check
from fairseq_l2rw.metagradient import (
    LEAST_WEIGHT,
    Batch,
    MethodChoice,
    PassRecorder,
    layer_uses,
)
from fairseq_l2rw.metagradient.engine import MetaGradient
from fairseq_l2rw.training.replay import Replay
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.utils.rng import RandomState

pytestmark = pytest.mark.usefixtures("float64")
CPU = torch.device("cpu")


def trained_on(model, sample, weights, recorder=None):
    """A batch after the student's backward pass."""
    recorder = recorder or PassRecorder(model, by_name(model))
    random, rule = RandomState.now(CPU), criterion()
    with recorder.recording(len(weights)) as record:
        output = model(**sample["net_input"])
    (weights @ rule.row_losses(model, output, sample)).backward()
    replayed = Replay(model, rule, replay=True).training(sample, random)
    return Batch(replayed, weights, torch.ones_like(weights), record=record)


def some_weights(count):
    return torch.rand(count, generator=torch.Generator().manual_seed(1)).double() + 0.5


def test_a_layer_is_seen_once_where_something_else_watches_the_functions_too():
    class Watcher(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            return function(*args, **(kwargs or {}))

    model = student()
    with Watcher():
        watched = trained_on(model, batch(pairs(5)), some_weights(5))
    alone = trained_on(model, batch(pairs(5)), some_weights(5))
    assert [u.key for u in watched.record.uses] == [u.key for u in alone.record.uses]


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("arch", ["transformer", "transformer_align"])
def test_products_are_inner_products_with_each_gradient(arch, dropout):
    model = student(arch, dropout)
    trained = trained_on(model, batch(pairs(5)), some_weights(5))
    direction = random_direction(model)
    expected = products_one_by_one(trained.losses, by_name(model), direction)
    torch.testing.assert_close(trained.record.products(direction, trained.weights), expected)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_any_part_of_the_parameters_may_be_looked_back_through(data):
    model = student()
    names = data.draw(st.sets(st.sampled_from(sorted(by_name(model))), min_size=1))
    count = data.draw(st.integers(2, 6))
    recorder = PassRecorder(model, names)
    trained_on(model, batch(pairs(7, seed=1, longest=2)), some_weights(7), recorder)  # has its axes
    sample = batch(pairs(count, seed=data.draw(st.integers(0, 20))))
    trained = trained_on(model, sample, some_weights(count), recorder)
    direction = {n: v for n, v in random_direction(model).items() if n in names}
    expected = products_one_by_one(trained.losses, by_name(model), direction)
    assert trained.record.layout_known
    with pytest.MonkeyPatch.context() as patch:
        # However many layers are taken together.
        patch.setattr(layer_uses, "_ON_CPU", data.draw(st.sampled_from([1, 300, 1 << 24])))
        found = trained.record.products(direction, trained.weights)
    torch.testing.assert_close(found, expected)


def test_a_sentence_that_hardly_counts_has_products_as_exact_as_any():
    model, weights = student(), torch.tensor([1.0, LEAST_WEIGHT, 1.0, 0.0]).double()
    sample, direction = batch(pairs(4, longest=2)), random_direction(model)
    trained = trained_on(model, sample, weights)
    expected = products_one_by_one(trained.losses, by_name(model), direction)
    found = trained.record.products(direction, weights)
    torch.testing.assert_close(found[:3], expected[:3])
    assert found[3] == 0


def test_products_before_the_students_own_backward_pass_leave_it_as_it_is():
    model, sample, weights = student(dropout=0.3), batch(pairs(5)), some_weights(5)
    direction = {n: q for n, q in random_direction(model).items() if "encoder_attn" in n}
    torch.manual_seed(3)
    (weights @ sentence_losses(model, sample)(dict(model.named_parameters()))).backward()
    plain = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    torch.manual_seed(3)
    with PassRecorder(model, direction).recording(5) as record:
        losses = sentence_losses(model, sample)(dict(model.named_parameters()))
    record.differentiate(losses)
    found = record.products(direction, torch.ones_like(weights))
    assert all(p.grad is None for p in model.parameters())
    (weights @ losses).backward()
    assert all(torch.equal(p.grad, plain[n]) for n, p in model.named_parameters() if n in plain)
    for number, product in enumerate(found):
        model.zero_grad()
        torch.manual_seed(3)
        sentence_losses(model, sample)(dict(model.named_parameters()))[number].backward()
        named = dict(model.named_parameters())
        expected = sum((named[n].grad * q).sum() for n, q in direction.items())
        torch.testing.assert_close(product, expected)


def test_the_students_gradients_stay_the_same_to_the_last_bit():
    model, sample, weights = student(dropout=0.3), batch(pairs(5)), some_weights(5)
    torch.manual_seed(3)
    trained_on(model, sample, weights)
    watched = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    torch.manual_seed(3)
    (weights @ sentence_losses(model, sample)(dict(model.named_parameters()))).backward()
    assert all(torch.equal(p.grad, watched[n]) for n, p in model.named_parameters() if n in watched)


def test_torch_is_as_it_was_afterwards_also_after_an_exception():
    before = functional.linear, functional.embedding, functional.layer_norm
    with pytest.raises(ZeroDivisionError), PassRecorder(student(), ["any"]).recording(3):
        assert functional.linear is not before[0]
        raise ZeroDivisionError
    assert (functional.linear, functional.embedding, functional.layer_norm) == before


def test_as_many_sentences_as_tokens_are_not_mistaken_for_each_other(caplog):
    caplog.set_level(logging.INFO)
    model = student()
    recorder, method = PassRecorder(model, by_name(model)), MethodChoice("ghost")
    square = batch(pairs(4, shortest=3, longest=3))  # and an end of sentence
    wide = batch(pairs(4, seed=1, shortest=1, longest=2))
    direction = random_direction(model)
    for sample, clear in ((square, False), (wide, True), (square, True)):
        trained = trained_on(model, sample, some_weights(4), recorder)
        assert trained.record.layout_known == clear
        expected = products_one_by_one(trained.losses, by_name(model), direction)
        found = method.first_order(trained, by_name(model), direction)
        torch.testing.assert_close(found, expected)
    assert "meta-gradient method: ghost (compared with forward" in caplog.text


class WithAnother(nn.Module):
    """A layer whose output is not linear in its parameters."""

    def __init__(self):
        super().__init__()
        self.usual, self.other = nn.Linear(3, 4), nn.Parameter(torch.ones(4))

    def forward(self, x):
        return self.usual(x) * self.other.exp()


def test_a_model_with_other_layers_is_found_out(caplog):
    caplog.set_level(logging.INFO)
    model, weights = WithAnother().double(), some_weights(6)
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(1)).double()

    def losses(parameters):
        return torch.func.functional_call(model, parameters, x).square().sum(1)

    def trained():
        with PassRecorder(model, by_name(model)).recording(6) as record:
            output = model(x)
        (weights @ output.square().sum(1)).backward()
        return Batch(losses, weights, torch.ones_like(weights), record=record)

    method, direction = MethodChoice("ghost"), random_direction(model)
    # Through the layer that it knows alone, there is nothing to find.
    known = {n: q for n, q in direction.items() if n != "other"}
    expected = products_one_by_one(losses, by_name(model), known)
    torch.testing.assert_close(trained().record.products(known, weights), expected)
    nothing = {n: torch.zeros_like(q) for n, q in direction.items()}
    expected = products_one_by_one(losses, by_name(model), direction)
    assert not method.first_order(trained(), by_name(model), nothing).any()  # tells nothing yet
    for _ in range(2):
        found = method.first_order(trained(), by_name(model), direction)
        torch.testing.assert_close(found, expected)
    assert caplog.text.count("does not know all layers of this model") == 1
    assert not method.ghost


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"meta_dropout": "off"}, "use --meta-dropout replay, got off"),
        ({"meta_window": 2}, "use --meta-window 1, got 2"),
        ({"weight_unit": "token"}, "use --weight-unit sentence, got"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(flags, says):
    cfg = L2RWTranslationConfig(meta_method="ghost", **{"weighting": "mwnet", **flags})
    with pytest.raises(InputError, match=says):
        check(cfg)
    cfg.meta_method = "auto"  # another takes its place
    check(cfg)


@pytest.mark.parametrize(("optimizer", "reads"), [("adam", False), ("torch adam", True)])
def test_parameters_that_nobody_will_read_are_not_kept(optimizer, reads):
    run = Trajectory(optimizer, 1)
    meta = MetaGradient(run.model, "encoder_attn", "ghost", adjoints=ADJOINTS)
    kept = []
    for _ in range(2):
        run.run(run.weights, meta)
        kept.append(set(meta.steps[-1].parameters))
        meta.dev_gradient(run.dev_loss)
        meta.look_back(run.optimizer)
    assert kept == [set(by_name(run.model)), set(meta.parameters) if reads else set()]


def test_a_student_without_a_layer_that_is_known_is_found_out_also_before_its_backward_pass():
    """As `l2rw` asks, which needs the products before there are weights."""
    model, x = WithAnother().double(), torch.randn(6, 3).double()
    with PassRecorder(model, ["other"]).recording(6) as record:
        losses = model(x).square().sum(1)
    record.differentiate(losses)
    assert not record.products({"other": torch.ones(4).double()}, some_weights(6)).any()


def test_the_bias_of_a_frozen_weight_has_products_also_before_the_backward_pass():
    model, x = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).double(), torch.randn(5, 3).double()
    model[1].weight.requires_grad_(False)
    direction = {"1.bias": torch.tensor([2.0, -1.0]).double()}
    with PassRecorder(model, direction).recording(5) as record:
        output = model(x)
        losses = output.square().sum(1)
    record.differentiate(losses)
    found = record.products(direction, torch.ones(5).double())
    torch.testing.assert_close(found, (2 * output @ direction["1.bias"]).detach())


def test_what_was_found_out_of_a_model_is_not_asked_again_after_a_resume(caplog):
    caplog.set_level(logging.INFO)
    meta = MetaGradient(student(), method="ghost")
    meta.method.ghost, meta.method.name, meta.method._compared = False, "forward", True
    resumed = MetaGradient(student(), method="ghost")
    resumed.load_state_dict(meta.state_dict())
    assert not resumed.method.ghost and resumed.method.name == "forward"
    other = MetaGradient(student(), method="reverse")
    other.load_state_dict(meta.state_dict())
    assert other.method.name == "reverse"
