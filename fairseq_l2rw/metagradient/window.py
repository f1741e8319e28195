"""B updates back: how every weight of the last B updates moved the dev loss.

Reverse-mode differentiation of the training run itself (Algorithm 1 of arXiv 2007.04649, for any
optimizer with an adjoint). One update back is the case B = 1: no second derivative is needed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from fairseq_l2rw.metagradient.method_choice import MethodChoice
from fairseq_l2rw.metagradient.packing import Pack, pulled_back
from fairseq_l2rw.metagradient.signature import Parameters
from fairseq_l2rw.metagradient.trajectory import Batch, Step, update_sums
from fairseq_l2rw.metagradient.updates import Adjoint
from fairseq_l2rw.metagradient.weights import normaliser
from fairseq_l2rw.utils.reduction import Total, local_only


class Steps(Protocol):
    """Steps, newest first: a list of them, or what ``.trajectory`` gives one after another."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Step]: ...


def products(
    steps: Steps,
    gradient: Parameters,
    adjoint: Adjoint,
    method: MethodChoice,
    total: Total = local_only,
) -> list[tuple[Sequence[Batch], list[Tensor]]]:
    """Inner products of dL_dev/dg_t with the gradient of every loss of the last updates.

    With bars for derivatives of the dev loss, from the newest update t to the oldest:

        g_bar, theta_bar, s_bar  <-  adjoint of the optimizer's update (and of clipping)
        products of update t     <-  <g_bar, grad l_i(theta_t)> for all i
        theta_bar                <-  theta_bar + Hessian(sum_i w_i l_i / S) g_bar

    The weights of an update do not depend on earlier ones here: what a weighting reads of the
    student is detached.

    Args:
        steps: the updates, newest first.
        gradient: the dev loss's gradient after the newest, by name of the parameters that one
            looks back through.
        adjoint: of the optimizer's update.
        method: how derivatives of the losses are computed.
        total: sums a tensor over the workers of an update; all of them must call.

    Returns:
        For every step, newest first: its batches, and the products of each, shape (N,). What
        ``.weights.weight_gradient`` takes.
    """
    bars: dict[str, Tensor] = dict(gradient)
    del gradient  # and with it, step by step, what is no longer needed of it
    states: dict[str, Mapping[str, Tensor]] = {}
    result: list[tuple[Sequence[Batch], list[Tensor]]] = []
    left = len(steps)
    for step in steps:
        left -= 1
        g_bar = _through_optimizer(step, bars, states, adjoint, oldest=not left)
        # Only now may the gradients go that clipping needed: copies of the parameters are large.
        batches, parameters = step.batches, step.parameters
        del step
        if not left:
            last = [method.first_order(b, parameters, g_bar) for b in batches]
            return [*result, (batches, last)]
        curvatures = [method.curvature(b.losses, parameters, g_bar, b.weights) for b in batches]
        result.append((batches, [c.products for c in curvatures]))
        size = normaliser(*update_sums(batches, total, next(iter(bars.values())).device))
        for name in list(g_bar):
            # A worker may have no batch, and adds nothing to the sum.
            found = [c.hessian.pop(name) for c in curvatures] or [torch.zeros_like(bars[name])]
            hessian = sum(found[1:], found[0])
            bars[name] = bars[name] + total(hessian) / size
        del g_bar, curvatures
    return result


def _through_optimizer(
    step: Step,
    bars: dict[str, Tensor],
    states: dict[str, Mapping[str, Tensor]],
    adjoint: Adjoint,
    oldest: bool,
) -> dict[str, Tensor]:
    """Pull ``bars`` and ``states`` back through an update, in place; returns g_bar.

    Of the oldest update g_bar is all that is wanted: the rest, copies of the parameters, goes.
    """
    packs: list[Pack] = []
    directions: list[Tensor] = []
    updates = {n: update for n, update in step.updates.items() if n in bars}
    for pack, pulled in pulled_back(updates, bars, states, adjoint):
        packs.append(pack)
        directions.append(pulled.gradient)
        if not oldest:
            bars |= pack.apart(pulled.parameter)
            of_state = {key: pack.apart(value) for key, value in pulled.state.items()}
            for name in pack.shapes:
                states[name] = {key: values[name] for key, values in of_state.items()}
        del pulled
    step.clipping.pull_back(directions, [pack.gradient for pack in packs])
    g_bar: dict[str, Tensor] = {}
    for pack, direction in zip(packs, directions, strict=True):
        g_bar |= pack.apart(direction)
    return {name: g_bar[name] for name in updates}
