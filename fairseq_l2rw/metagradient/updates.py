"""Adjoints of optimizer updates: how a step theta' = theta - U(g) depends on its gradient g.

Each function returns the diagonal d with (dU/dg)^T r = d * r for one parameter. It is read *after*
the step, when the optimizer's state and the parameter's ``grad`` hold all that it needs, so that
nothing has to be stored before the step. Gradient clipping, which couples all parameters, is
:func:`clipping`.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

Diagonal = Tensor | float
Adjoint = Callable[[Mapping[str, Any], Mapping[str, Any], Tensor], Diagonal]


def sgd(group: Mapping[str, Any], state: Mapping[str, Any], grad: Tensor) -> Diagonal:
    """SGD with momentum: v' = mu v + (1 - dampening) g, U = lr v' (Nesterov: lr (g + mu v')).

    Raises:
        ValueError: for dampening, whose first step torch treats differently without recording it.
    """
    if group.get("dampening", 0):
        raise ValueError("SGD with dampening is not supported; set dampening to 0")
    sign = -1.0 if group.get("maximize", False) else 1.0
    slope = 1.0 + group["momentum"] if group.get("nesterov", False) else 1.0
    return sign * group["lr"] * slope


def nag(group: Mapping[str, Any], state: Mapping[str, Any], grad: Tensor) -> Diagonal:
    """Fairseq's NAG: theta' = theta + mu^2 v - (1 + mu) lr g, so that dU/dg = (1 + mu) lr."""
    return (1.0 + group["momentum"]) * group["lr"]


def adam(group: Mapping[str, Any], state: Mapping[str, Any], grad: Tensor) -> Diagonal:
    """Fairseq's Adam (decoupled weight decay): U = s m' / (sqrt(v') + eps).

    With m' = b1 m + (1 - b1) g, v' = b2 v + (1 - b2) g^2 and s = lr sqrt(1 - b2^t) / (1 - b1^t):

        dU/dg = s [ (1 - b1) / (sqrt v' + eps)  -  m' (1 - b2) g / (sqrt v' (sqrt v' + eps)^2) ]

    Where v' = 0, g and m' are 0 as well and the second term's limit is 0.

    Raises:
        ValueError: for AMSGrad, whose maximum is not differentiated here.
    """
    if group.get("amsgrad", False):
        raise ValueError("Adam with amsgrad is not supported; set amsgrad to False")
    beta1, beta2 = group["betas"]
    step = float(state["step"])
    scale = group["lr"] * math.sqrt(1 - beta2**step) / (1 - beta1**step)
    root = state["exp_avg_sq"].sqrt()
    shifted = root + group["eps"]
    curvature = state["exp_avg"] * grad * (1 - beta2) / (root * shifted.square())
    curvature = torch.where(root > 0, curvature, torch.zeros_like(curvature))
    return ((1 - beta1) / shifted - curvature) * scale


def clipping(
    direction: Mapping[str, Tensor],
    clipped: Mapping[str, Tensor],
    norm: float,
    max_norm: float,
    epsilon: float = 1e-6,
) -> dict[str, Tensor]:
    """Adjoint of g_hat = c g, c = min(1, max_norm / (|g| + epsilon)), applied to ``direction``.

    Where clipping was active it adds the rank-one term c' <g, q> g / |g| with
    c' = -max_norm / (|g| + epsilon)^2.

    Args:
        direction: q, tensors by parameter name.
        clipped: g_hat by parameter name, at least for the names in ``direction``.
        norm: |g| over all parameters of the student, before clipping.
        max_norm: the bound; 0 or less means that nothing is clipped.
        epsilon: what the clipping routine adds to the norm (fairseq: 1e-6).
    """
    factor = max_norm / (norm + epsilon)
    if max_norm <= 0 or factor >= 1:
        return dict(direction)
    # g = g_hat / c, so that <g, q> g = <g_hat, q> g_hat / c^2.
    inner = sum(torch.sum(direction[name] * clipped[name]) for name in direction)
    slope = max_norm / (norm + epsilon) ** 2 / norm / factor**2
    return {name: factor * q - slope * inner * clipped[name] for name, q in direction.items()}
