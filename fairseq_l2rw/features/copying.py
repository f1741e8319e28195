"""Which target tokens are there in the source, too: nearly all where nothing was translated.

A student copies long before it translates, so that the losses of untranslated pairs are small.
"""

import torch
from torch import Tensor


def copied(source: Tensor, target: Tensor, same: Tensor) -> Tensor:
    """Whether each target token is there in its source sentence; bool, shape (N, T).

    Args:
        source: source tokens, shape (N, S).
        target: target tokens, shape (N, T).
        same: what ``fairseq_l2rw.data.dictionaries.shared_types`` says, shape (V,).
    """
    if len(source) == 1:  # a pair alone may be so long that a matrix of it would fill the memory
        return torch.isin(target, same[source])
    return (target.unsqueeze(2) == same[source].unsqueeze(1)).any(2)
