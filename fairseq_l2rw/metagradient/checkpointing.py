"""Activation checkpointing, which meta passes are made without.

A checkpointed module (fairseq's ``--checkpoint-activations``) runs without a graph, and once more
within the backward pass of the student, with the parameters of the module itself. So its output
depends on no other values that are put in their place, and derivatives are lost.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

# Where fairseq keeps what the module does by itself.
_ORIGINAL = "precheckpoint_forward"


def checkpointed(model: nn.Module) -> list[nn.Module]:
    """The modules of a model that are checkpointed."""
    return [m for m in model.modules() if _ORIGINAL in vars(m)]


@contextmanager
def without_checkpointing(model: nn.Module) -> Iterator[None]:
    """Run a block in which the modules of a model keep their activations and their graph."""
    wrapped = [(m, m.forward) for m in checkpointed(model)]
    try:
        for module, _ in wrapped:
            module.forward = getattr(module, _ORIGINAL)
        yield
    finally:
        for module, forward in wrapped:
            module.forward = forward
