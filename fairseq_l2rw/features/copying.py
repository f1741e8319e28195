"""Which target tokens are there in the source, too: nearly all where nothing was translated.

A student copies long before it translates, so that the losses of untranslated pairs are small.
"""

from typing import Any

import torch
from torch import Tensor


def shared_types(source: Any, target: Any) -> Tensor:
    """For each type of the source dictionary the number of the same symbol in the target's.

    Args:
        source: fairseq dictionary of the source language.
        target: of the target language.

    Returns:
        Shape (V,), with V the size of the source dictionary; -1 for a symbol that the target
        language does not have, and for special symbols, which no one copies.
    """
    found = [target.indices.get(symbol, -1) for symbol in source.symbols]
    result = torch.tensor(found)
    result[: source.nspecial] = -1
    return result


def copied(source: Tensor, target: Tensor, same: Tensor) -> Tensor:
    """Whether each target token is there in its source sentence; bool, shape (N, T).

    Args:
        source: source tokens, shape (N, S).
        target: target tokens, shape (N, T).
        same: what ``shared_types`` says, shape (V,).
    """
    return (target.unsqueeze(2) == same[source].unsqueeze(1)).any(2)
