"""Tests import modules of examples and benchmarks by name, and run softmaxes in float64.

Those marked ``slow`` hold in more cases what others hold in some; they run with ``--all``.
"""

import sys
from pathlib import Path

import pytest
import torch

_ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_ROOT / "examples" / "translation"), str(_ROOT / "scripts")]


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="run the slow tests, too")
    parser.addoption(
        "--report",
        action="append",
        default=[],
        metavar="PAGE",
        help="a report to read in a browser",
    )


def pytest_collection_modifyitems(config, items):
    if config.getoption("--all"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A corpus that fairseq's commands can train on, see ``commands.make_corpus``."""
    from commands import make_corpus

    return make_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def float64(monkeypatch):
    """Keep float64 through fairseq's softmaxes, which round to float32 whatever they are given."""
    from fairseq import utils

    def softmax(x, dim, onnx_trace=False):
        return torch.softmax(x, dim)

    def log_softmax(x, dim, onnx_trace=False):
        return torch.log_softmax(x, dim)

    monkeypatch.setattr(utils, "softmax", softmax)
    monkeypatch.setattr(utils, "log_softmax", log_softmax)
