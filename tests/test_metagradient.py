"""Promise: every inner product is exact, by every method, and meta passes do no harm."""

import copy
from types import SimpleNamespace

import pytest
import torch
from fairseq.optim.adagrad import Adagrad as FairseqAdagrad
from hypothesis import given, settings
from hypothesis import strategies as st
from students import ARCHITECTURES, DICTIONARY, batch, criterion, pairs, sentence_losses, student
from trajectories import ADJOINTS, Trajectory

from fairseq_l2rw.metagradient import METHODS, Clipping, MethodChoice, Update, difference, updates
from fairseq_l2rw.metagradient.engine import MetaGradient
from fairseq_l2rw.metagradient.weights import weight_gradient
from fairseq_l2rw.training.optimizers import FAIRSEQ_ADJOINTS, check_adjoint, check_optimizer
from fairseq_l2rw.training.replay import Replay, evaluating
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.utils.rng import RandomState

pytestmark = pytest.mark.usefixtures("float64")
NO_FORWARD_MODE = ["lstm", "fconv"]
EXACT = ["forward", "reverse"]
EVERY_WAY = [(a, m) for a in ARCHITECTURES for m in EXACT if (a, m) not in
             [(a, "forward") for a in NO_FORWARD_MODE]]  # fmt: skip


def by_name(model):
    return {n: p.detach().clone() for n, p in model.named_parameters()}


def random_direction(model, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        n: torch.randn(p.shape, dtype=p.dtype, generator=generator)
        for n, p in model.named_parameters()
    }


def products_one_by_one(losses, parameters, direction):
    """<direction, grad l_i>, a backward pass for every loss."""
    leaves = {n: v.clone().requires_grad_() for n, v in parameters.items()}
    result = []
    for loss in losses(leaves):
        gradients = torch.autograd.grad(
            loss, list(leaves.values()), retain_graph=True, allow_unused=True
        )
        inner = [
            (g * direction[n]).sum()
            for n, g in zip(leaves, gradients, strict=True)
            if g is not None and n in direction
        ]
        result.append(sum(inner))
    return torch.stack(result)


def tolerance(arch):
    """These two of fairseq round to float32 in places."""
    return {"lstm": 1e-5, "fconv": 1e-6}.get(arch, 1e-9)


@pytest.mark.parametrize("unit", ["sentence", "token"])
@pytest.mark.parametrize(("arch", "method"), EVERY_WAY)
def test_products_are_inner_products_with_each_gradient(arch, method, unit):
    model, sample = student(arch), batch(pairs(5))
    losses = sentence_losses(model, sample, unit)
    parameters, direction = by_name(model), random_direction(model)
    expected = products_one_by_one(losses, parameters, direction)
    assert len(expected) == (5 if unit == "sentence" else sample["ntokens"])
    found = METHODS[method].products(losses, parameters, direction)
    torch.testing.assert_close(found, expected, rtol=tolerance(arch), atol=tolerance(arch))


@pytest.mark.parametrize("arch", [a for a in ARCHITECTURES if a not in NO_FORWARD_MODE])
def test_forward_and_reverse_agree_on_products_and_curvature(arch):
    model = student(arch)
    losses, weights = sentence_losses(model, batch(pairs(5))), torch.rand(5, dtype=torch.float64)
    given = losses, by_name(model), random_direction(model), weights
    one, two = (METHODS[m].curvature(*given) for m in EXACT)
    torch.testing.assert_close(one.products, two.products, rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(one.hessian, two.hessian, rtol=1e-9, atol=1e-11)
    assert max(float(h.abs().max()) for h in one.hessian.values()) > 1e-3


def test_difference_is_close_and_its_error_is_stated():
    model = student()
    losses, direction = sentence_losses(model, batch(pairs(5))), random_direction(model)
    exact = METHODS["reverse"].curvature(losses, by_name(model), direction, torch.ones(5).double())
    close = difference.curvature(losses, by_name(model), direction, torch.ones(5).double())
    torch.testing.assert_close(close.products, exact.products, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(close.hessian, exact.hessian, rtol=1e-4, atol=1e-6)
    found, error = difference.estimate(losses, by_name(model), direction)
    assert ((found - exact.products).abs() <= error).all() and (error < 1e-3).all()


def test_the_stated_error_shows_the_rounding_of_float32():
    model = student().float()
    losses, direction = sentence_losses(model, batch(pairs(5))), random_direction(model)
    exact = METHODS["reverse"].products(losses, by_name(model), direction)
    found, error = difference.estimate(losses, by_name(model), direction)
    wrong = float((found - exact).norm() / exact.norm())
    assert 1e-6 < wrong < float(error.norm() / found.norm()) < 0.5


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_auto_takes_forward_where_the_model_allows_it_and_else_reverse(arch):
    model, auto = student(arch), MethodChoice("auto")
    losses = sentence_losses(model, batch(pairs(4)))
    found = auto.products(losses, by_name(model), random_direction(model))
    assert auto.name == ("reverse" if arch in NO_FORWARD_MODE else "forward")
    expected = METHODS["reverse"].products(losses, by_name(model), random_direction(model))
    assert torch.equal(found, auto.products(losses, by_name(model), random_direction(model)))
    torch.testing.assert_close(found, expected, rtol=tolerance(arch), atol=tolerance(arch))


@pytest.mark.parametrize("method", METHODS)
def test_a_parameter_left_out_of_the_direction_counts_as_zero(method):
    model = student()
    losses = sentence_losses(model, batch(pairs(5)))
    parameters, direction = by_name(model), random_direction(model)
    some = {n: d for n, d in direction.items() if "encoder_attn" in n}
    zeros = {n: d if n in some else torch.zeros_like(d) for n, d in direction.items()}
    assert 0 < len(some) < len(direction)
    products = METHODS[method].products
    torch.testing.assert_close(
        products(losses, parameters, some),
        products(losses, parameters, zeros),
        atol=1e-6,
        rtol=1e-6,
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_direction_that_no_loss_depends_on_gives_zero(method):
    parameters = {"a": torch.ones(3), "b": torch.ones(2)}
    found = METHODS[method].curvature(
        lambda p: p["a"] ** 2, parameters, {"b": torch.ones(2)}, torch.ones(3)
    )
    assert torch.equal(found.products, torch.zeros(3))
    assert torch.equal(found.hessian["b"], torch.zeros(2))


def test_the_students_dropout_is_replayed_as_often_as_one_asks():
    model, sample = student(dropout=0.3), batch(pairs(4))
    rule = criterion()
    random = RandomState.now(torch.device("cpu"))
    output = model(**sample["net_input"])
    expected = rule.row_losses(model, output, sample)
    after = torch.get_rng_state()
    replayed = Replay(model, rule, replay=True).training(sample, random)
    for _ in range(2):
        assert torch.equal(replayed(dict(model.named_parameters())), expected)
    assert torch.equal(torch.get_rng_state(), after)
    off = Replay(model, rule, replay=False)
    found = off.training(sample, random)(dict(model.named_parameters()))
    assert not torch.allclose(found, expected)
    with evaluating(model):
        output = model(**sample["net_input"])
    assert torch.equal(found, rule.row_losses(model, output, sample)) and model.training


def test_trusted_pairs_judge_by_the_likelihood_without_dropout_or_label_smoothing():
    model, sample = student(dropout=0.3), batch(pairs(4))
    passes = Replay(model, criterion(smoothing=0.3), replay=True)
    found = passes.evaluation(sample)(dict(model.named_parameters()))
    with evaluating(model):
        log_p = model.get_normalized_probs(model(**sample["net_input"]), log_probs=True)
    target = sample["target"]
    nll = -log_p.gather(2, target.unsqueeze(2)).squeeze(2) * target.ne(DICTIONARY.pad())
    torch.testing.assert_close(found, nll.sum(1))


def test_adam_adjoint_is_finite_where_a_parameter_never_had_a_gradient():
    zero = torch.zeros(2)
    state = {"step": 1, "exp_avg": zero, "exp_avg_sq": zero}
    group = {"betas": (0.9, 0.98), "lr": 0.1, "eps": 1e-8, "weight_decay": 0.0}
    pulled = updates.fairseq_adam(Update(group, state, zero, zero), torch.ones(2), {})
    for value in (pulled.gradient, pulled.parameter, *pulled.state.values()):
        assert torch.isfinite(value).all()


def test_clipping_of_nothing_is_nothing():
    Clipping(norm=5.0, max_norm=1.0, scale=128.0).pull_back([], [])


def test_clipping_that_was_not_active_changes_nothing():
    for clipping in (Clipping(norm=0.5, max_norm=1.0), Clipping(norm=5.0, max_norm=0.0)):
        q = [torch.ones(2)]
        clipping.pull_back(q, [torch.ones(2)])
        assert torch.equal(q[0], torch.ones(2))


def test_scaling_all_weights_changes_nothing_to_first_order():
    run = Trajectory("adam", 3, 0.05)
    gradient, _ = run.meta_gradient("forward")
    last = run.weights[-1] @ gradient[-1]
    assert abs(float(last)) < 1e-12 * float(gradient.norm())


@settings(deadline=None, max_examples=10)
@given(
    st.permutations(range(5)), st.sampled_from([1, 4, 8]), st.sampled_from(["sentence", "token"])
)
def test_order_and_padding_change_no_product(order, multiple, unit):
    model, samples = student(), pairs(5)
    direction = random_direction(model)

    def products(chosen, **options):
        sample = batch(chosen, **options)
        losses = sentence_losses(model, sample, unit)
        found = METHODS["forward"].products(losses, by_name(model), direction)
        lengths = sample["target"].ne(1).sum(1).tolist() if unit == "token" else [1] * 5
        parts = zip(sample["id"].tolist(), found.split(lengths), strict=True)
        return dict(parts)

    plain = products(samples)
    moved = products([samples[i] for i in order], pad_to_multiple=multiple)
    for i, found in moved.items():
        torch.testing.assert_close(found, plain[i], rtol=1e-9, atol=1e-11)


def test_a_meta_pass_leaves_every_parameter_of_the_student_in_place():
    model = student()  # with one embedding module on both sides, which is where torch slips
    slots = dict(model.named_parameters(remove_duplicate=False))
    values = by_name(model)
    losses = sentence_losses(model, batch(pairs(4)))
    for method in METHODS.values():
        method.curvature(losses, values, random_direction(model), torch.ones(4).double())
    after = dict(model.named_parameters(remove_duplicate=False))
    assert all(after[name] is p for name, p in slots.items())
    assert all(torch.equal(p, values[n]) for n, p in model.named_parameters())


@pytest.mark.parametrize("method", METHODS)
def test_an_exception_in_a_meta_pass_leaves_the_student_as_it_was(method):
    model = student()
    slots = dict(model.named_parameters(remove_duplicate=False))
    sample = batch(pairs(4))
    sample["net_input"]["prev_output_tokens"] = torch.full((4, 2), 10_000)
    losses = sentence_losses(model, sample)
    with pytest.raises(IndexError):
        METHODS[method].products(losses, by_name(model), random_direction(model))
    after = dict(model.named_parameters(remove_duplicate=False))
    assert all(after[name] is p for name, p in slots.items())


def options(**changes):
    known = {"optimizer": "adam", "fp16": False, "bf16": False, "amp": False}
    return SimpleNamespace(**{**known, "meta_trajectory": "stored", "meta_window": 1, **changes})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"optimizer": "adagrad"}, "no adjoint of --optimizer adagrad is known; use --optimizer"),
        ({"meta_trajectory": "rewind"}, "cannot run --optimizer adam backwards"),
    ],
)
def test_an_optimizer_that_cannot_work_is_refused_naming_those_that_do(changes, says):
    check_optimizer(options())
    with pytest.raises(InputError, match=says) as caught:
        check_optimizer(options(**changes))
    assert "adam, nag, sgd" in str(caught.value) or "--optimizer sgd" in str(caught.value)


def test_an_optimizer_or_option_without_adjoint_is_named():
    model = student()
    meta = MetaGradient(model, adjoints=FAIRSEQ_ADJOINTS)
    wrapped = FairseqAdagrad(SimpleNamespace(lr=[0.1], weight_decay=0), list(model.parameters()))
    with pytest.raises(InputError, match=r"no adjoint of Adagrad.*NAG, SGD"):
        meta.check(wrapped.optimizer)
    with pytest.raises(InputError, match="AdamW with amsgrad"):
        meta.check(torch.optim.AdamW(model.parameters(), amsgrad=True))


def test_apexs_adam_is_refused_with_what_takes_its_place():
    class FusedAdamV1(torch.optim.Adam):
        """As fairseq calls it."""

    model = student()
    wrapped = SimpleNamespace(optimizer=FusedAdamV1(model.parameters()))
    with pytest.raises(InputError, match=r"no adjoint of FusedAdamV1.*; --use-old-adam takes"):
        check_adjoint(MetaGradient(model, adjoints=FAIRSEQ_ADJOINTS), wrapped)


def test_a_dev_gradient_that_is_not_finite_leaves_the_running_mean_alone():
    model = student()
    meta = MetaGradient(model, average=0.9)
    dev = sentence_losses(model, batch(pairs(3)))
    meta.dev_gradient(lambda values: dev(values).sum())
    before = copy.deepcopy(meta.state_dict())
    meta.dev_gradient(lambda values: dev(values).sum() * float("nan"))
    assert meta.count == before["count"] == 1
    assert all(torch.equal(meta.mean[n], v) for n, v in before["mean"].items())


@pytest.mark.parametrize("scale", [1.0, 64.0])
def test_products_are_with_a_mean_in_which_late_dev_gradients_count_more(scale):
    """It is (1 - a) sum_k a^(K - k) r_k / (1 - a^K), for r_1 to r_K and the average a."""
    run = Trajectory("sgd", steps=1)
    devs = [sentence_losses(run.model, batch(pairs(3, seed=k))) for k in range(3)]
    values = dict(run.model.named_parameters())
    mean, single = (MetaGradient(run.model, average=a, adjoints=ADJOINTS) for a in (0.9, 0.0))
    looked = []
    for meta in (mean, single):
        run.run(run.weights, meta)
        gradients = [torch.autograd.grad(dev(values).sum(), [*values.values()]) for dev in devs]
        expected = {
            n: (0.081 * r[0] + 0.09 * r[1] + 0.1 * r[2]) / (1 - 0.9**3)
            for n, *r in zip(values, *gradients, strict=True)
        }
        if meta is mean:
            for dev in devs:
                meta.dev_gradient(lambda leaves, dev=dev: dev(leaves).sum(), scale)
            sample = sentence_losses(run.model, batch(pairs(4, seed=9)))
            one_by_one = products_one_by_one(sample, by_name(run.model), expected)
            torch.testing.assert_close(meta.alignments(sample), one_by_one)
        else:  # of a loss whose gradient is that
            slopes = torch.cat([r.view(-1) for r in expected.values()])
            meta.dev_gradient(
                lambda _, r=slopes: torch.cat([p.view(-1) for p in values.values()]) @ r, scale
            )
        looked += [torch.cat(products) for _, products in meta.look_back(run.optimizer)]
    torch.testing.assert_close(*looked)


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_a_dev_loss_that_does_not_depend_on_the_parameters_is_an_error_that_names_them(average):
    model = student()
    meta = MetaGradient(model, "encoder_attn", average=average)
    dev = sentence_losses(model, batch(pairs(3)))
    detached = [
        lambda values: dev({n: p.detach() for n, p in model.named_parameters()}).sum(),
        lambda values: dev(values).sum() * 0 + 5,
        lambda values: torch.tensor(5.0),
    ]
    says = (
        r"^fairseq-l2rw: the dev loss does not depend on.*--meta-params encoder_attn.*such as dec"
    )
    for loss in detached:
        with pytest.raises(InputError, match=says):
            meta.dev_gradient(loss)
    meta.dev_gradient(lambda values: dev(values).sum())  # one that does, before one that does not
    with pytest.raises(InputError, match=says) as told:
        meta.dev_gradient(detached[0])
    assert "\n" not in str(told.value)


def test_a_gradient_that_is_tiny_or_of_a_loss_of_0_is_no_error():
    model = student().float()
    meta, dev = MetaGradient(model), sentence_losses(model, batch(pairs(3)))
    meta.dev_gradient(lambda values: dev(values).sum() * 1e-30)  # whose square float32 rounds to 0
    meta.dev_gradient(lambda values: dev(values).sum() * 0)
    assert meta.count == 2


def test_half_precision_may_lose_a_dev_gradient_but_not_the_first_one(caplog):
    model = student().float()
    meta, dev = MetaGradient(model, average=0.9, half=True), sentence_losses(model, batch(pairs(3)))
    with pytest.raises(InputError, match="gradient is exactly 0"):
        meta.dev_gradient(lambda values: dev(values).sum() * 0 + 5)
    meta.dev_gradient(lambda values: dev(values).sum())
    before = copy.deepcopy(meta.state_dict())
    meta.dev_gradient(lambda values: dev(values).sum() * 0 + 5)
    assert meta.count == 1 and "too small for half precision" in caplog.text
    assert all(torch.equal(meta.mean[n], v) for n, v in before["mean"].items())


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 10))
def test_scaling_all_weights_scales_the_derivative_back(seed, factor):
    generator = torch.Generator().manual_seed(seed)
    products, sizes, weights = torch.rand(3, 6, generator=generator, dtype=torch.float64) + 0.1
    once = weight_gradient(products, sizes, weights)
    torch.testing.assert_close(weight_gradient(products, sizes, factor * weights) * factor, once)
    assert abs(float(once @ weights)) < 1e-12
