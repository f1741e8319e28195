"""From inner products to the derivative of the dev loss by every weight."""

import torch
from torch import Tensor

from fairseq_l2rw.utils.reduction import Total, local_only


def normaliser(weighted: Tensor, bound: Tensor | float) -> Tensor:
    """S, by which the weighted gradients of an update are divided: a scalar.

    S = max(sum_i w_i n_i, bound). Normalising by the sum alone would make a full step of any
    update, also of one whose pairs have next to no weight. Where the bound is reached, such an
    update is as small as its weights say. It is 1 where both are 0, as the gradient is then, too
    (docs/mathematics.md, "The student's update").

    Args:
        weighted: sum_i w_i n_i over the update, a scalar.
        bound: a share of what the sum usually is, a scalar.
    """
    size = torch.maximum(weighted, scalar(bound, weighted))
    return torch.where(size > 0, size, 1.0)


def scalar(value: Tensor | float, values: Tensor) -> Tensor:
    """A number as a scalar of the type of ``values``, and where that is.

    To hand a number over to a GPU as a tensor would wait for it.
    """
    return value.to(values) if isinstance(value, Tensor) else values.new_full((), value)


def weight_gradient(
    products: Tensor,
    sizes: Tensor,
    weights: Tensor,
    total: Total = local_only,
    bound: Tensor | float = 0.0,
) -> Tensor:
    """Derivative of the dev loss by each weight of one update, shape (N,), in nats.

    The update's gradient is g = sum_i w_i grad l_i / S with S = sum_i w_i n_i, hence

        dL_dev/dw_i = (a_i - n_i a_bar) / S,   a_bar = sum_j w_j a_j / S = <q, g>,

    with q = dL_dev/dg. The second term comes from normalising by S. It makes
    sum_i w_i dL_dev/dw_i = 0: only relative weights matter, so weights cannot drift to all-zero or
    all-large. Where S is the bound of ``normaliser``, it does not depend on the weights, and
    the second term is 0 (docs/mathematics.md, "One step back").

    Args:
        products: a_i = <q, grad l_i>, shape (N,), of this worker's sentences (or tokens).
        sizes: n_i, what i adds to the normaliser (its target tokens), shape (N,).
        weights: w_i, shape (N,).
        total: sums a tensor over the workers of the update (all of them must call).
        bound: this worker's part of the bound of S, a scalar.
    """
    parts = (
        weights @ products,
        weights @ sizes,
        scalar(bound, weights),
    )
    aligned, weighted, bound = total(torch.stack(parts))
    size = normaliser(weighted, bound)
    mean = torch.where(weighted > bound, aligned / size, 0.0)
    return (products - sizes * mean) / size
