"""Promise: neither weighing a batch nor keeping what an update came to waits for a GPU."""

from unittest.mock import patch

import pytest
import torch
from commands import OURS, make_corpus, train
from torch.utils._python_dispatch import TorchDispatchMode

from fairseq_l2rw.criterions.l2rw_label_smoothed_cross_entropy import L2RWLabelSmoothedCrossEntropy
from fairseq_l2rw.training.bookkeeping import Bookkeeping
from fairseq_l2rw.training.weigher import Weigher

aten = torch.ops.aten
# What tells the host a value, has an output whose shape depends on values, or is told values.
WAITS = {
    *(aten._local_scalar_dense, aten.equal, aten.is_nonzero, aten.nonzero, aten.masked_select),
    *(aten.repeat_interleave, aten.bincount, aten._unique2, aten.unique_dim, aten.lift_fresh),
}


FETCHES = ("cpu", "numpy", "tolist")


class NoWaiting(TorchDispatchMode):
    """Raises where a GPU would be waited for."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        places = args[1] if func.overloadpacket in (aten.index, aten.index_put) else ()
        masks = [p for p in places if p is not None and p.dtype == torch.bool]
        if func.overloadpacket in WAITS or masks:
            raise AssertionError(f"{func} waits for the device")
        return func(*args, **(kwargs or {}))

    def __enter__(self):
        # On a CPU these do not come by here.
        self.patches = [patch.object(torch.Tensor, name, _waits) for name in FETCHES]
        for one in self.patches:
            one.start()
        return super().__enter__()

    def __exit__(self, *error):
        for one in self.patches:
            one.stop()
        return super().__exit__(*error)


def _waits(*_, **__):
    raise AssertionError("fetching values waits for the device")


@pytest.mark.parametrize(
    "wait",
    [
        lambda x: float(x.sum()),
        lambda x: bool((x > 0).any()),
        lambda x: x[x > 0],
        lambda x: (x > 0).nonzero(),
        lambda x: x.unique(),
        lambda x: x.new_tensor([1.0, 2.0]),
        lambda x: x.cpu(),
        lambda x: x.numpy(),
        lambda x: x.tolist(),
    ],
)
def test_waiting_would_be_noticed(wait):
    with NoWaiting(), pytest.raises(AssertionError, match="waits"):
        wait(torch.randn(4))


def without_waiting(method):
    def watched(self, *args):
        with NoWaiting():
            return method(self, *args)

    return watched


@pytest.mark.parametrize("kind", ["deep", "l2rw", "trim", "uniform"])
def test_the_trainer_is_not_given_a_size_that_it_would_wait_for(tmp_path, monkeypatch, kind):
    """It reads the size of an update between the backward pass and clipping."""
    forward = L2RWLabelSmoothedCrossEntropy.forward

    def watched(self, *args, **options):
        loss, size, log = forward(self, *args, **options)
        assert type(size) is int
        return loss, size, log

    monkeypatch.setattr(L2RWLabelSmoothedCrossEntropy, "forward", watched)
    train(make_corpus(tmp_path), *OURS, "--weighting", kind, "--max-update", 6, "--no-save")


@pytest.mark.parametrize(
    ("kind", "workers"), [("deep", 1), ("mwnet", 1), ("lilaw", 1), ("trim", 1), ("deep", 2)]
)
def test_weighing_sentences_and_bookkeeping_never_wait(tmp_path, monkeypatch, kind, workers):
    for part, name in ((Weigher, "weigh"), (Bookkeeping, "add")):
        monkeypatch.setattr(part, name, without_waiting(getattr(part, name)))
    flags = [*OURS, "--weighting", kind, "--max-update", 14, "--save-dir", tmp_path]
    flags += ["--weights-dir", tmp_path / "weights"]
    train(make_corpus(tmp_path), *flags, workers=workers)
