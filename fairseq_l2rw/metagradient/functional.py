"""A module's parameters, and it as a function of them, safe for modules that occur twice."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fairseq_l2rw.metagradient.checkpointing import without_checkpointing


def trained_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters of a module that are trained, by name."""
    return {n: p for n, p in module.named_parameters() if p.requires_grad}


def call(module: nn.Module, parameters: Mapping[str, Tensor], *args: Any, **kwargs: Any) -> Any:
    """Run ``module`` with other values for its parameters.

    ``torch.func.functional_call`` replaces a parameter once for every name it can be reached by,
    and puts them back in the same order: where two names lead to one *module* (fairseq's shared
    embeddings), the second replacement remembers the first one as the original and the module
    keeps the replacement for good. Here every parameter slot of every distinct module is named
    exactly once. Activation checkpointing is left out, since it knows no other parameters.

    Args:
        module: what to run; unchanged afterwards, also after an exception.
        parameters: values by name, as in ``module.named_parameters()``; the others stay. Without
            any the module simply runs: a search for parameters takes as long as a small pass.
        args: positional arguments for ``module``.
        kwargs: keyword arguments for ``module``.

    Returns:
        What the module returns.
    """
    own = not parameters or all(parameters.get(n, p) is p for n, p in module.named_parameters())
    if own:
        with without_checkpointing(module):
            return module(*args, **kwargs)
    values = {id(p): parameters[n] for n, p in module.named_parameters() if n in parameters}
    slots = {
        f"{path}.{name}" if path else name: values[id(p)]
        for path, owner in module.named_modules()
        for name, p in owner.named_parameters(recurse=False, remove_duplicate=False)
        if id(p) in values
    }
    with without_checkpointing(module):
        return torch.func.functional_call(module, slots, args, kwargs, tie_weights=False)
