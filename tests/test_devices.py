"""Promise: what is restored ends where the student is. torch's meta device stands for a GPU."""

import warnings

import pytest
import torch
from rows import RULES, options, teach
from students import batch, pairs, sentence_losses, student

from fairseq_l2rw import weighting
from fairseq_l2rw.features.loss_history import LossHistory
from fairseq_l2rw.features.token_losses import TokenLossTable
from fairseq_l2rw.metagradient.engine import MetaGradient


def tensors(module):
    """All tensors that a module holds, by name: its own, and those of its optimizers."""
    found = dict([*module.named_parameters(), *module.named_buffers()])
    for path, part in module.named_modules():
        if isinstance(getattr(part, "optimizer", None), torch.optim.Optimizer):
            for number, state in enumerate(part.optimizer.state.values()):
                found |= {f"{path} {number} {n}": v for n, v in state.items()}
            stepped = [p for g in part.optimizer.param_groups for p in g["params"]]
            assert all(any(p is own for own in module.parameters()) for p in stepped)
    return {n: v for n, v in found.items() if not n.endswith("step")}  # which torch keeps on a CPU


def restored(fresh, state):
    fresh = fresh.to("meta")
    with warnings.catch_warnings():  # meta tensors hold no numbers
        warnings.filterwarnings("ignore", message=".*copying from a non-meta parameter")
        fresh.load_state_dict(state)
    return fresh


@pytest.mark.parametrize(("name", "changes"), RULES)
@pytest.mark.parametrize("looks", [0, 3])
def test_a_weighting_restored_from_a_cpus_state_is_on_its_own_device(name, changes, looks):
    cfg = options(name, **changes)
    taught = weighting.build(cfg)
    for seed in range(looks):
        teach(taught, seed)
    fresh = restored(weighting.build(cfg), taught.state_dict())
    assert {n: v.shape for n, v in tensors(fresh).items()} == {
        n: v.shape for n, v in tensors(taught).items()
    }
    assert not looks or not taught.learns or tensors(fresh)
    assert [n for n, v in tensors(fresh).items() if v.device.type != "meta"] == []


@pytest.mark.parametrize("make", [LossHistory, lambda: TokenLossTable(9)])
def test_so_is_what_recent_updates_were_like(make):
    fresh = restored(make(), make().state_dict())
    assert {v.device.type for v in tensors(fresh).values()} == {"meta"}


def test_so_is_the_mean_of_dev_gradients():
    model = student(share_all_embeddings=False)  # moved to it, tied parameters come apart
    meta, dev = MetaGradient(model), sentence_losses(model, batch(pairs(3)))
    meta.dev_gradient(lambda values: dev(values).sum())
    fresh = MetaGradient(student(share_all_embeddings=False).to("meta"))
    fresh.load_state_dict(meta.state_dict())
    assert {v.device.type for v in fresh.mean.values()} == {"meta"}
