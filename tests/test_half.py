"""Promise: in half precision meta-gradients are as good as half precision is."""

from types import SimpleNamespace

import pytest
import torch
from fairseq.dataclass.configs import FairseqConfig
from fairseq.optim import FP16Optimizer, MemoryEfficientFP16Optimizer, build_optimizer
from fairseq.optim.adam import FairseqAdamConfig
from omegaconf import OmegaConf
from students import batch, criterion, pairs, sentence_losses, student
from test_metagradient import by_name, options, products_one_by_one, random_direction

from fairseq_l2rw.metagradient import (
    LEAST_WEIGHT_HALF,
    Batch,
    Clipping,
    MethodChoice,
    PassRecorder,
    weight_gradient,
)
from fairseq_l2rw.metagradient.engine import MetaGradient
from fairseq_l2rw.training.optimizers import FAIRSEQ_ADJOINTS, check_optimizer, loss_scale, masters
from fairseq_l2rw.utils.errors import InputError

WEIGHTS = torch.tensor([0.3, 1.0, 0.7, 0.1, 0.9])


def off(found, expected):
    """Relative distance."""
    found, expected = (torch.as_tensor(x).double() for x in (found, expected))
    return float((found - expected).norm() / expected.norm())


def rounded(dtype):
    """A student with parameters that half precision holds, in float32 and in half."""
    half = student().to(dtype)
    wide = student()
    with torch.no_grad():
        for p, q in zip(wide.parameters(), half.parameters(), strict=True):
            p.copy_(q)
    return wide.float(), half


def exact(wide, sample, direction):
    """The products, in float64."""
    losses = sentence_losses(wide.double(), sample)
    return products_one_by_one(losses, by_name(wide), {n: v.double() for n, v in direction.items()})


def trained_on(model, sample, weights, recorder, scale):
    """A batch after the student's backward pass, in half precision."""
    with recorder.recording(len(weights), scale) as record:
        output = model(**sample["net_input"])
    losses = criterion().row_losses(model, output, sample)
    ((weights * losses).sum() * scale).backward()
    sizes = sample["target"].ne(1).sum(1).float()
    return Batch(sentence_losses(model, sample), weights, sizes, record=record)


@pytest.mark.parametrize(("dtype", "error"), [(torch.float16, 0.005), (torch.bfloat16, 0.05)])
@pytest.mark.parametrize("method", ["ghost", "forward", "reverse"])
@pytest.mark.parametrize("size", [1.0, 1e-9])
def test_products_are_those_of_float64_as_far_as_rounding_goes(dtype, error, method, size):
    """However small the direction: 1e-9 is nothing to float16."""
    wide, half = rounded(dtype)
    sample = batch(pairs(5))
    direction = {n: size * v.float() for n, v in random_direction(wide).items()}
    expected = exact(wide, sample, direction)
    if method == "ghost":
        trained = trained_on(half, sample, WEIGHTS, PassRecorder(half, by_name(half)), 128.0)
        found = trained.record.products(direction, WEIGHTS)
    else:
        found = MethodChoice(method, half=True).products(
            sentence_losses(half, sample), by_name(half), direction
        )
    assert found.dtype == torch.float32
    assert 0 < off(found, expected) < error


def test_the_least_weight_is_one_that_half_precision_can_tell_from_nothing():
    wide, half = rounded(torch.float16)
    sample, direction = batch(pairs(5)), random_direction(wide)
    direction = {n: v.float() for n, v in direction.items()}
    least = torch.tensor([LEAST_WEIGHT_HALF, 1.0, 1.0, LEAST_WEIGHT_HALF, 1.0])
    trained = trained_on(half, sample, least, PassRecorder(half, by_name(half)), 128.0)
    expected = exact(wide, sample, direction)
    found = trained.record.products(direction, least)
    assert off(found[[0, 3]], expected[[0, 3]]) < 0.01


def test_a_scaled_dev_gradient_is_kept_where_half_precision_would_lose_it():
    wide, half = rounded(torch.float16)

    def dev_gradient(model, scale):
        meta, losses = MetaGradient(model, half=model is half), sentence_losses(model, DEV)
        meta.dev_gradient(lambda values: losses(values).sum() * 1e-8, scale)
        return torch.cat([g.flatten() for g in meta.mean.values()])

    exact, scaled = dev_gradient(wide, 1.0), dev_gradient(half, 2.0**20)
    assert scaled.dtype == torch.float32 and off(scaled, exact) < 0.005
    with pytest.raises(InputError, match="lost in that"):
        dev_gradient(half, 1.0)


DEV = batch(pairs(4, seed=9))
BATCHES = [batch(pairs(5, seed=seed)) for seed in range(4)]


def settings(**changes):
    config = OmegaConf.structured(FairseqConfig)
    adam = OmegaConf.structured(FairseqAdamConfig(use_old_adam=True, weight_decay=0.01))
    config.optimizer = OmegaConf.merge(adam, {"_name": "adam", "lr": [0.01]})
    config.common = OmegaConf.merge(config.common, {"fp16": True, **changes})
    return config


def flat(parameters, monkeypatch):
    monkeypatch.setattr(torch.cuda, "current_device", lambda: None)  # fairseq asks, also on a CPU
    return FP16Optimizer.build_optimizer(settings(), parameters)


KINDS = {
    "one copy each": lambda p, _: FP16Optimizer.build_optimizer(
        settings(fp16_no_flatten_grads=True), p
    ),
    "one vector": flat,
    "none": lambda p, _: MemoryEfficientFP16Optimizer.build_optimizer(settings(), p),
}


def derivative(model, optimizer, half):
    """dL_dev/dw of the last of some updates, with its gradient clipped."""
    meta = MetaGradient(model, method="ghost", adjoints=FAIRSEQ_ADJOINTS, half=half)
    meta.masters = masters(optimizer, model)
    recorder = PassRecorder(model, meta.parameters)
    for sample in BATCHES:
        optimizer.zero_grad()
        with recorder.recording(5, loss_scale(optimizer)) as record:
            output = model(**sample["net_input"])
        optimizer.backward((WEIGHTS * criterion().row_losses(model, output, sample)).sum())
        sizes = sample["target"].ne(1).sum(1).float()
        trained = Batch(sentence_losses(model, sample), WEIGHTS, sizes, record=record)
        optimizer.multiply_grads(1 / float(WEIGHTS @ sizes))
        norm = float(optimizer.clip_grad_norm(0.3))
        assert norm > 0.3
        meta.before_step(optimizer.optimizer, [trained])
        optimizer.step()
        meta.after_step(optimizer.optimizer, [trained], Clipping(norm, 0.3))
    dev = sentence_losses(model, DEV)
    tokens = int(DEV["ntokens"])
    scale = loss_scale(optimizer) * tokens
    meta.dev_gradient(lambda values: dev(values).sum() / tokens, scale)
    meta.method._compared = True  # else what was recorded is only compared, and not used
    ((batches, products),) = meta.look_back(optimizer.optimizer)
    assert meta.method.ghost
    return weight_gradient(products[0], batches[0].sizes, batches[0].weights)


@pytest.mark.parametrize("kind", KINDS)
def test_one_looks_back_through_the_copies_that_the_optimizer_steps(kind, monkeypatch):
    wide, half = rounded(torch.float16)
    expected = derivative(
        wide, build_optimizer(settings().optimizer, list(wide.parameters())), False
    )
    optimizer = KINDS[kind](list(half.parameters()), monkeypatch)
    assert loss_scale(optimizer) == 128
    assert off(derivative(half, optimizer, True), expected) < 0.05


def test_second_derivatives_are_refused():
    with pytest.raises(InputError, match="--meta-window 2 takes second derivatives"):
        check_optimizer(options(fp16=True, meta_window=2))
    check_optimizer(options(fp16=True))
    check_optimizer(options(meta_window=2))


def test_running_backwards_is_refused():
    with pytest.raises(InputError, match="--meta-trajectory rewind runs updates backwards"):
        check_optimizer(options(amp=True, meta_trajectory="rewind", optimizer="sgd"))


def test_a_loss_is_not_scaled_without_half_precision():
    assert loss_scale(SimpleNamespace()) == 1.0
