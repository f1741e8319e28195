"""Tests may import the examples' modules by name, and run fairseq's softmaxes in float64."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples" / "translation"))


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
