"""Kernels that can be differentiated as often as a pass is."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextmanager
def differentiable_attention() -> Iterator[None]:
    """Plain kernels only: fused attention and cuDNN's recurrent cells have no second derivative."""
    with sdpa_kernel(SDPBackend.MATH), torch.backends.cudnn.flags(enabled=False):
        yield


@contextmanager
def differentiable_once() -> Iterator[None]:
    """Fused attention, too; but cuDNN's recurrent cells have no derivative where dropout is off."""
    with torch.backends.cudnn.flags(enabled=False):
        yield
