"""Promise: --checkpoint-activations changes no meta-gradient."""

import logging

import pytest
import torch
from students import batch, criterion, pairs, sentence_losses, student
from test_metagradient import by_name, random_direction

from fairseq_l2rw.metagradient import METHODS, functional
from fairseq_l2rw.metagradient.engine import MetaGradient
from fairseq_l2rw.training.replay import Replay
from fairseq_l2rw.utils.rng import RandomState

pytestmark = pytest.mark.usefixtures("float64")


def both(**options):
    """The same student with and without checkpointing."""
    return [student(checkpoint_activations=on, **options) for on in (True, False)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_products_and_curvature_are_those_without_it(method, dropout):
    sample, weights, found = batch(pairs(5)), torch.rand(5).double(), []
    for model in both(dropout=dropout):
        torch.manual_seed(7)
        passes = Replay(model, criterion(), replay=True)
        losses = passes.training(sample, RandomState.now(torch.device("cpu")))
        given = losses, by_name(model), random_direction(model)
        found.append((METHODS[method].products(*given), METHODS[method].curvature(*given, weights)))
    assert float(found[0][0].abs().max()) > 1e-3
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("offload", [False, True])
def test_the_dev_gradient_is_that_without_it(offload):
    means = []
    for model in both(offload_activations=offload):
        meta, dev = MetaGradient(model, "auto"), sentence_losses(model, batch(pairs(4)))
        meta.dev_gradient(lambda values, of=dev: of(values).sum())
        means.append(meta.mean)
    torch.testing.assert_close(*means)
    assert max(float(g.abs().max()) for g in means[0].values()) > 1e-3


def test_dropout_replayed_is_that_of_the_students_own_pass():
    model, sample, rule = both(dropout=0.3)[0], batch(pairs(5)), criterion()
    random = RandomState.now(torch.device("cpu"))
    own = rule.row_losses(model, model(**sample["net_input"]), sample)
    replayed = Replay(model, rule, replay=True).training(sample, random)
    torch.testing.assert_close(replayed(by_name(model)), own)


def test_modules_are_checkpointed_again_afterwards_also_after_an_exception():
    model, sample = both()[0], batch(pairs(3))
    before = [m.forward for m in model.modules() if hasattr(m, "precheckpoint_forward")]

    def after():
        return [m.forward for m in model.modules() if hasattr(m, "precheckpoint_forward")]

    assert len(before) == 4
    functional.call(model, by_name(model), **sample["net_input"])
    assert after() == before
    with pytest.raises(TypeError):
        functional.call(model, by_name(model))
    assert after() == before


def test_ghost_is_not_used_and_the_log_says_what_is_and_why(caplog):
    caplog.set_level(logging.INFO)
    checkpointed, plain = (MetaGradient(model, method="ghost") for model in both())
    assert plain.method.ghost and not checkpointed.method.ghost
    told = [r.message for r in caplog.records if "--checkpoint-activations" in r.message]
    assert len(told) == 1 and "auto instead of ghost" in told[0] and "memory" in told[0]
