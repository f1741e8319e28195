"""Promise: an update takes hardly more operations than plain training's, which is what a GPU pays.

Where a GPU waits for Python the number of operations counts, and not their size.
"""

import benchmark
import pytest
from benchmarking.operations import operations
from benchmarking.students import Setting

UPDATES = 16  # two meta steps of `deep`


def of_update(data, folder, side):
    """Operations of an update, once everything has come up for the first time."""
    student = benchmark.sides()[side](Setting(data, folder, width=16, layers=6, max_tokens=64))
    samples = (student.samples(UPDATES) * UPDATES)[:UPDATES]
    operations(student.update, samples * 2)
    return operations(student.update, samples)


@pytest.fixture(scope="module")
def plain(data, tmp_path_factory):
    return of_update(data, tmp_path_factory.mktemp("plain"), "plain")


@pytest.mark.parametrize(
    ("side", "most"), [("uniform", 1.015), ("deep", 1.09), ("ghost, every 1", 1.6)]
)
def test_an_update_takes_hardly_more_operations_than_in_plain_training(
    data, tmp_path, plain, side, most
):
    assert 1 < of_update(data, tmp_path, side) / plain < most
