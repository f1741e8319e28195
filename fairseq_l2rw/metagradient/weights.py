"""From inner products to the derivative of the dev loss by every weight."""

from collections.abc import Callable

import torch
from torch import Tensor


def weight_gradient(
    products: Tensor,
    sizes: Tensor,
    weights: Tensor,
    total: Callable[[Tensor], Tensor] = lambda local: local,
) -> Tensor:
    """Derivative of the dev loss by each weight of one update, shape (N,).

    The update's gradient is g = sum_i w_i grad l_i / S with S = sum_i w_i n_i, hence

        dL_dev/dw_i = (a_i - n_i a_bar) / S,   a_bar = sum_j w_j a_j / S = <q, g>,

    with q = dL_dev/dg. The second term comes from normalising by S. It makes
    sum_i w_i dL_dev/dw_i = 0: only relative weights matter, so weights cannot drift to all-zero or
    all-large.

    Args:
        products: a_i = <q, grad l_i>, shape (N,), of this worker's sentences (or tokens).
        sizes: n_i, what i adds to the normaliser (its target tokens), shape (N,).
        weights: w_i, shape (N,).
        total: sums a tensor over the workers of the update (all of them must call).
    """
    sums = total(torch.stack([weights @ products, weights @ sizes]))
    mean = sums[0] / sums[1]
    return (products - sizes * mean) / sums[1]
