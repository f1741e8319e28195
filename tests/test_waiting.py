"""Promise: weighing a batch never waits for a GPU: backward follows forward without a gap."""

import pytest
import torch
from commands import OURS, make_corpus, train
from torch.utils._python_dispatch import TorchDispatchMode

from fairseq_l2rw.training.weigher import Weigher

aten = torch.ops.aten
# What tells the host a value, has an output whose shape depends on values, or is told values.
WAITS = {
    *(aten._local_scalar_dense, aten.equal, aten.is_nonzero, aten.nonzero, aten.masked_select),
    *(aten.repeat_interleave, aten.bincount, aten._unique2, aten.unique_dim, aten.lift_fresh),
}


class NoWaiting(TorchDispatchMode):
    """Raises where a GPU would be waited for."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        places = args[1] if func.overloadpacket in (aten.index, aten.index_put) else ()
        masks = [p for p in places if p is not None and p.dtype == torch.bool]
        if func.overloadpacket in WAITS or masks:
            raise AssertionError(f"{func} waits for the device")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "wait",
    [
        lambda x: float(x.sum()),
        lambda x: bool((x > 0).any()),
        lambda x: x[x > 0],
        lambda x: (x > 0).nonzero(),
        lambda x: x.unique(),
        lambda x: x.new_tensor([1.0, 2.0]),
    ],
)
def test_waiting_would_be_noticed(wait):
    with NoWaiting(), pytest.raises(AssertionError, match="waits"):
        wait(torch.randn(4))


@pytest.mark.parametrize("kind", ["deep", "mwnet", "lilaw", "trim"])
def test_weighing_sentences_never_waits(tmp_path, monkeypatch, kind):
    weigh = Weigher.weigh

    def watched(self, *args):
        with NoWaiting():
            return weigh(self, *args)

    monkeypatch.setattr(Weigher, "weigh", watched)
    flags = [*OURS, "--weighting", kind, "--max-update", 14, "--save-dir", tmp_path]
    train(make_corpus(tmp_path), *flags, "--weights-dir", tmp_path / "weights")
