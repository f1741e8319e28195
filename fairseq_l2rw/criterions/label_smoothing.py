"""Label-smoothed losses of tokens as fairseq has them, with a gradient that takes one pass less.

Beside the student's own layers, what takes the time is to go over a number for every type of the
vocabulary at every token. fairseq's loss makes two such gradients and adds them: of the reference,
and of the sum over all types. Here they are written into one.
"""

from typing import Any

import torch
from torch import Tensor


class _PickedAndSummed(torch.autograd.Function):
    """One number of every row, and the sum of all of them."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """Of N rows.

        Args:
            ctx: torch's.
            rows: shape (N, V).
            places: of the number to pick in each row, shape (N, 1).

        Returns:
            Both of shape (N, 1).
        """
        ctx.save_for_backward(places)
        ctx.width, ctx.dtype = rows.shape[-1], rows.dtype
        return rows.gather(-1, places), rows.sum(-1, keepdim=True)

    @staticmethod
    def backward(ctx: Any, picked: Tensor, summed: Tensor) -> tuple[Tensor, None]:
        """The gradient by the rows, shape (N, V).

        Args:
            ctx: torch's.
            picked: gradient by what was picked, shape (N, 1).
            summed: by the sums, shape (N, 1).
        """
        (places,) = ctx.saved_tensors
        # Under AMP a sum may be of another type than what is summed.
        picked, summed = picked.to(ctx.dtype), summed.to(ctx.dtype)
        return summed.expand(-1, ctx.width).scatter_add(-1, places, picked), None


def smoothed_losses(
    lprobs: Tensor, target: Tensor, epsilon: float, padding: int
) -> tuple[Tensor, Tensor]:
    """Losses with and without label smoothing, 0 at padding, shape (N, 1) each, in nats.

    To the bit those of fairseq's ``label_smoothed_nll_loss`` with ``reduce=False``, and so are
    their gradients. They have no forward mode.

    Args:
        lprobs: log p of every type, shape (N, V).
        target: reference types, shape (N,).
        epsilon: of the smoothing.
        padding: number of the padding type.
    """
    places = target.unsqueeze(-1)
    picked, summed = _PickedAndSummed.apply(lprobs, places)
    ignored = places.eq(padding)
    nll = (-picked).masked_fill(ignored, 0.0)
    of_all = epsilon / (lprobs.shape[-1] - 1)
    smooth = (-summed).masked_fill(ignored, 0.0)
    return (1.0 - epsilon - of_all) * nll + of_all * smooth, nll
