"""Promise: an update takes hardly more operations than plain training's, which is what a GPU pays.

Where a GPU waits for Python the number of operations counts, and not their size. Unlike time, it is
the same on every machine.
"""

import benchmark
import pytest
from benchmarking.students import Setting
from torch.utils._python_dispatch import TorchDispatchMode

UPDATES = 16  # two meta steps of `deep`


class Operations(TorchDispatchMode):
    """Counts what is called of torch's operations in the ``with`` block."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


def operations(data, folder, side):
    """Of an update, once everything has come up for the first time."""
    student = benchmark.sides()[side](Setting(data, folder, width=16, layers=6, max_tokens=64))
    samples = (student.samples(UPDATES) * UPDATES)[:UPDATES]
    for sample in samples:
        student.update(sample)
    with Operations() as found:
        for sample in samples:
            student.update(sample)
    return found.count / UPDATES


@pytest.fixture(scope="module")
def plain(data, tmp_path_factory):
    return operations(data, tmp_path_factory.mktemp("plain"), "plain")


@pytest.mark.parametrize(("side", "most"), [("uniform", 1.02), ("deep", 1.14)])
def test_an_update_takes_hardly_more_operations_than_in_plain_training(
    data, tmp_path, plain, side, most
):
    assert 1 < operations(data, tmp_path, side) / plain < most
