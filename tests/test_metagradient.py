"""Promise: every inner product and every one-step meta-gradient is exact."""

from argparse import Namespace
from types import SimpleNamespace

import pytest
import torch
from fairseq.optim.adagrad import Adagrad as FairseqAdagrad
from fairseq.optim.adam import FairseqAdam
from fairseq.optim.nag import FairseqNAG
from fairseq.optim.sgd import SGD
from students import ARCHITECTURES, batch, pairs, sentence_losses, student

from fairseq_l2rw.errors import InputError
from fairseq_l2rw.meta import ClipWatch, MetaGradient, RandomState, adjoint_of, check_optimizer
from fairseq_l2rw.metagradient import METHODS, updates
from fairseq_l2rw.metagradient.weights import weight_gradient

pytestmark = pytest.mark.usefixtures("float64")
NO_FORWARD_MODE = ["lstm", "fconv"]
OPTIMIZERS = {
    "sgd": (SGD, {"momentum": 0.0}),
    "momentum": (SGD, {"momentum": 0.9}),
    "nag": (FairseqNAG, {"momentum": 0.9}),
    "adam": (FairseqAdam, {"adam_betas": "(0.9, 0.98)", "adam_eps": 1e-8, "use_old_adam": True}),
}


def make_optimizer(name, parameters, weight_decay=0.01):
    cls, options = OPTIMIZERS[name]
    cfg = SimpleNamespace(lr=[0.02], weight_decay=weight_decay, tpu=False, **options)
    cfg.fp16_adam_stats = False
    return cls(cfg, list(parameters))


def by_name(model):
    return {n: p.detach().clone() for n, p in model.named_parameters()}


def random_direction(model, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        n: torch.randn(p.shape, dtype=p.dtype, generator=generator)
        for n, p in model.named_parameters()
    }


def products_sentence_by_sentence(losses, parameters, direction):
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


@pytest.mark.parametrize(
    ("arch", "method"),
    [(a, m) for a in ARCHITECTURES for m in METHODS if m != "forward" or a not in NO_FORWARD_MODE],
)
def test_products_are_inner_products_with_each_sentence_gradient(arch, method):
    model = student(arch)
    losses = sentence_losses(model, batch(pairs(5)))
    parameters, direction = by_name(model), random_direction(model)
    expected = products_sentence_by_sentence(losses, parameters, direction)
    # These two of fairseq round to float32 in places.
    rtol = {"lstm": 1e-5, "fconv": 1e-6}.get(arch, 1e-9)
    torch.testing.assert_close(
        METHODS[method](losses, parameters, direction), expected, rtol=rtol, atol=rtol
    )


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_auto_takes_forward_where_the_model_allows_it_and_else_reverse(arch):
    model = student(arch)
    meta = MetaGradient(model, pattern=".", method="auto", average=0.0)
    losses = sentence_losses(model, batch(pairs(4)))
    meta.products(losses, meta.snapshot(), random_direction(model))
    assert meta.method == ("reverse" if arch in NO_FORWARD_MODE else "forward")


@pytest.mark.parametrize("method", METHODS)
def test_a_parameter_left_out_of_the_direction_counts_as_zero(method):
    model = student()
    losses = sentence_losses(model, batch(pairs(5)))
    parameters, direction = by_name(model), random_direction(model)
    some = {n: d for n, d in direction.items() if "encoder_attn" in n}
    zeros = {n: d if n in some else torch.zeros_like(d) for n, d in direction.items()}
    assert 0 < len(some) < len(direction)
    torch.testing.assert_close(
        METHODS[method](losses, parameters, some), METHODS[method](losses, parameters, zeros)
    )


def literal_nag_step(optimizer):
    """NAG in float64: fairseq's own rounds the gradient to float32."""
    for group in optimizer.param_groups:
        mu, lr = group["momentum"], group["lr"]
        for p in group["params"]:
            buffer = optimizer.optimizer.state[p]["momentum_buffer"].double()
            p.data.mul_(1 - lr * group["weight_decay"]).add_(buffer, alpha=mu * mu)
            p.data.add_(p.grad, alpha=-(1 + mu) * lr)


class Update:
    """A student in the middle of training, whose next update can be taken again and again."""

    def __init__(self, optimizer, clip_norm, dropout):
        self.model = student(dropout=dropout)
        self.kind, self.clip_norm = optimizer, clip_norm
        self.optimizer = make_optimizer(optimizer, self.model.parameters())
        self.samples = [batch(pairs(4, seed=5)), batch(pairs(3, seed=6))]  # --update-freq 2
        self.dev = batch(pairs(6, seed=7))
        self.sizes = torch.cat([s["target"].ne(1).sum(1) for s in self.samples]).double()
        self.weights = torch.linspace(0.5, 1.7, len(self.sizes), dtype=torch.float64)
        for _ in range(3):  # so that the optimizer has a past
            self.step(self.weights)
            self.optimizer.optimizer.step()
        self.start = by_name(self.model)
        torch.manual_seed(11)
        self.random = []

    def gradients(self, weights):
        """Put the clipped gradient of the update into the parameters; also keep random states."""
        self.optimizer.zero_grad()
        torch.manual_seed(11)
        self.random = []
        for sample, w in zip(self.samples, weights.split([4, 3]), strict=True):
            self.random.append(RandomState.now(torch.device("cpu")))
            (
                w @ sentence_losses(self.model, sample)(dict(self.model.named_parameters()))
            ).backward()
        self.optimizer.multiply_grads(1 / float(weights @ self.sizes))
        gradients = [p.grad for p in self.model.parameters()]
        norm = torch.nn.utils.get_total_norm(gradients)
        if self.clip_norm > 0:
            factor = min(1.0, self.clip_norm / (float(norm) + 1e-6))
            for g in gradients:
                g.mul_(factor)
        return norm

    def step(self, weights):
        return self.gradients(weights)

    def dev_loss(self, parameters):
        return sentence_losses(self.model, self.dev)(parameters).sum() / self.dev["ntokens"]

    def after(self, weights):
        """Dev loss after the update with these weights; the student is put back."""
        state = {
            p: {k: v.clone() if torch.is_tensor(v) else v for k, v in s.items()}
            for p, s in self.optimizer.optimizer.state.items()
        }
        self.gradients(weights)
        if self.kind == "nag":
            literal_nag_step(self.optimizer)
        else:
            self.optimizer.optimizer.step()
        with torch.no_grad():
            self.model.eval()
            value = float(self.dev_loss(by_name(self.model)))
            self.model.train()
            for name, p in self.model.named_parameters():
                p.copy_(self.start[name])
        self.optimizer.optimizer.state.update(state)
        return value

    def meta_gradient(self, method):
        """dL_dev/dw by the package, through the update that really happens."""
        meta = MetaGradient(self.model, pattern=".", method=method, average=0.0)
        clip = ClipWatch(self.optimizer)
        clip.norm, clip.max_norm = self.gradients(self.weights), self.clip_norm
        before = meta.snapshot()
        self.optimizer.optimizer.step()
        self.model.eval()
        meta.dev_gradient(self.dev_loss)
        self.model.train()
        direction = meta.direction(self.optimizer, clip)
        products = []
        for sample, random in zip(self.samples, self.random, strict=True):
            with random.replayed():
                losses = sentence_losses(self.model, sample)
                products.append(meta.products(losses, before, direction))
        with torch.no_grad():
            for name, p in self.model.named_parameters():
                p.copy_(self.start[name])
        return weight_gradient(torch.cat(products), self.sizes, self.weights)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
@pytest.mark.parametrize("clip_norm", [0.0, 0.05])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_one_step_meta_gradient_agrees_with_central_differences(
    optimizer, method, clip_norm, dropout
):
    update = Update(optimizer, clip_norm, dropout)
    expected = torch.zeros_like(update.weights)
    h = 1e-4
    for i in range(len(expected)):
        up, down = update.weights.clone(), update.weights.clone()
        up[i] += h
        down[i] -= h
        expected[i] = (update.after(up) - update.after(down)) / (2 * h)
    found = update.meta_gradient(method)
    assert (found - expected).norm() <= 1e-6 * expected.norm()


@pytest.mark.parametrize("arch", ["transformer", "fconv"])
def test_choosing_a_method_uses_up_no_random_numbers(arch):
    model = student(arch, dropout=0.3)
    losses, direction = sentence_losses(model, batch(pairs(4))), random_direction(model)
    random = RandomState.now(torch.device("cpu"))
    meta = MetaGradient(model, pattern=".", method="auto", average=0.0)
    results = []
    for _ in ("choosing", "chosen"):
        with random.replayed():
            results.append(meta.products(losses, meta.snapshot(), direction))
    assert torch.equal(*results)


def test_clipping_was_active_in_the_test_above():
    update = Update("adam", 0.05, 0.0)
    assert float(update.gradients(update.weights)) > 0.05


def test_literal_nag_of_this_file_is_fairseqs():
    model = student()
    optimizer = make_optimizer("nag", model.parameters())
    for step in (0, 1):
        for p in model.parameters():
            p.grad = torch.full_like(p, 0.3 + step)
        before = by_name(model)
        if step == 0:
            optimizer.optimizer.step()
    literal_nag_step(optimizer)
    literal = by_name(model)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(before[name])
    optimizer.optimizer.step()
    for name, p in model.named_parameters():
        torch.testing.assert_close(literal[name], p.detach(), rtol=1e-6, atol=1e-6)


def test_adam_adjoint_is_finite_where_a_parameter_never_had_a_gradient():
    state = {"step": 1, "exp_avg": torch.zeros(2), "exp_avg_sq": torch.zeros(2)}
    group = {"betas": (0.9, 0.98), "lr": 0.1, "eps": 1e-8}
    assert torch.isfinite(torch.as_tensor(updates.adam(group, state, torch.zeros(2)))).all()


def test_scaling_all_weights_changes_nothing_to_first_order():
    update = Update("adam", 0.05, 0.0)
    gradient = update.meta_gradient("forward")
    assert abs(float(gradient @ update.weights)) < 1e-12 * float(gradient.norm())


def test_a_meta_pass_leaves_every_parameter_of_the_student_in_place():
    model = student()  # with one embedding module on both sides, which is where torch slips
    slots = dict(model.named_parameters(remove_duplicate=False))
    values = by_name(model)
    losses = sentence_losses(model, batch(pairs(4)))
    for method in METHODS.values():
        method(losses, values, random_direction(model))
    after = dict(model.named_parameters(remove_duplicate=False))
    assert all(after[name] is p for name, p in slots.items())
    assert all(torch.equal(p, values[n]) for n, p in model.named_parameters())


def test_an_exception_in_a_meta_pass_leaves_the_student_as_it_was():
    model = student()
    slots = dict(model.named_parameters(remove_duplicate=False))
    sample = batch(pairs(4))
    sample["net_input"]["prev_output_tokens"] = torch.full((4, 2), 10_000)
    with pytest.raises(IndexError):
        METHODS["forward"](sentence_losses(model, sample), by_name(model), random_direction(model))
    after = dict(model.named_parameters(remove_duplicate=False))
    assert all(after[name] is p for name, p in slots.items())


@pytest.mark.parametrize(("name", "half"), [("adagrad", False), ("adam", True)])
def test_an_optimizer_without_adjoint_is_refused_naming_those_that_work(name, half):
    with pytest.raises(InputError, match=r"use --optimizer adam .* nag or sgd in fp32"):
        check_optimizer(name, half_precision=half)
    with pytest.raises(InputError, match="Adagrad"):
        adjoint_of(FairseqAdagrad(Namespace(lr=[0.1], weight_decay=0), student().parameters()))


def test_a_dev_gradient_that_is_not_finite_leaves_the_running_mean_alone():
    model = student()
    meta = MetaGradient(model, pattern=".", method="forward", average=0.9)
    dev = sentence_losses(model, batch(pairs(3)))
    meta.dev_gradient(lambda values: dev(values).sum())
    before = meta.state_dict()
    meta.dev_gradient(lambda values: dev(values).sum() * float("nan"))
    assert meta.count == before["count"] == 1
    assert all(torch.equal(meta.mean[n], v) for n, v in before["mean"].items())
