"""Adjoints of optimizer updates: (theta, s) -> (theta', s') for the gradient g it was given.

Given the derivatives of the dev loss by the parameter and by the optimizer's state *after* an
update, each function here returns the derivatives by the gradient, the parameter and the state
*before* it. All are elementwise; gradient clipping, which couples all parameters, is
``.clipping``. They read the state after the update, so that looking back through one update
needs nothing to be stored before it. The table is in docs/mathematics.md, "Adjoints of the
optimizers".

In equations, lr is the learning rate, mu the momentum, wd the weight decay, and bars are
derivatives of the dev loss.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor


@dataclass(frozen=True)
class Update:
    """One update of one parameter, as it happened.

    Attributes:
        group: the optimizer's options for the parameter at that time (rate, momentum, ...).
        state: the optimizer's state of the parameter after the update.
        gradient: g, as the optimizer was given it (normalised and clipped), of the parameter's
            shape.
        before: the parameter before the update, of its shape; empty if it was not kept
            (``WITHOUT_PARAMETER``).
    """

    group: Mapping[str, Any]
    state: Mapping[str, Any]
    gradient: Tensor
    before: Tensor


class Cotangents(NamedTuple):
    """Derivatives of the dev loss by what went into an update.

    Attributes:
        gradient: q = dL_dev/dg, of the parameter's shape.
        parameter: by the parameter before the update, of its shape.
        state: by the optimizer's state before the update, by name.
    """

    gradient: Tensor
    parameter: Tensor
    state: dict[str, Tensor]


#: Takes an update, the bar of the parameter after it, of its shape, and the bars of the optimizer's
#: state after it, by name; a name left out counts as zero.
Adjoint = Callable[[Update, Tensor, Mapping[str, Tensor]], Cotangents]


def sgd(update: Update, bar: Tensor, states: Mapping[str, Tensor]) -> Cotangents:
    """SGD of torch: v' = mu v + (g + wd theta), theta' = theta - lr v'.

    Nesterov: theta' = theta - lr (g + wd theta + mu v') (Sutskever et al., 2013, "On the Importance
    of Initialization and Momentum in Deep Learning"). Arguments as for ``Adjoint``.
    """
    group = update.group
    rate, momentum = float(group["lr"]), group["momentum"]
    nesterov = bool(group.get("nesterov", False))
    velocity = -rate * (momentum if nesterov else 1.0) * bar
    if "momentum_buffer" in states:
        velocity = velocity + states["momentum_buffer"]
    gradient = velocity - rate * bar if nesterov else velocity
    parameter = bar + group["weight_decay"] * gradient if group["weight_decay"] else bar
    return Cotangents(
        gradient, parameter, {"momentum_buffer": momentum * velocity} if momentum else {}
    )


def nag(update: Update, bar: Tensor, states: Mapping[str, Tensor]) -> Cotangents:
    """NAG of fairseq: v' = mu c v - lr g, theta' = (1 - lr wd) theta + mu^2 c v - (1 + mu) lr g.

    c is the rate divided by the rate of the update before. Arguments as for ``Adjoint``.
    """
    group = update.group
    rate, momentum = group["lr"], group["momentum"]
    before = group.get("lr_old", rate)
    correction = rate / before if before > 0 else rate
    gradient = -(1 + momentum) * rate * bar
    velocity = momentum**2 * correction * bar
    if "momentum_buffer" in states:
        gradient = gradient - rate * states["momentum_buffer"]
        velocity = velocity + momentum * correction * states["momentum_buffer"]
    return Cotangents(gradient, _shrunk(update, bar), {"momentum_buffer": velocity})


def adamw(update: Update, bar: Tensor, states: Mapping[str, Tensor]) -> Cotangents:
    """AdamW of torch: weight decay shrinks the parameter and is no part of the gradient.

    Loshchilov and Hutter, 2019, "Decoupled Weight Decay Regularization" (arXiv 1711.05101).
    Arguments as for ``Adjoint``.
    """
    correction = math.sqrt(1 - update.group["betas"][1] ** float(update.state["step"]))
    pulled = _adam(update, update.gradient, update.group["eps"] * correction, bar, states)
    return pulled._replace(parameter=_shrunk(update, bar))


def adam(update: Update, bar: Tensor, states: Mapping[str, Tensor]) -> Cotangents:
    """Adam of torch: weight decay is added to the gradient.

    Kingma and Ba, 2015, "Adam: A Method for Stochastic Optimization" (arXiv 1412.6980). With
    ``decoupled_weight_decay`` it is AdamW. Arguments as for ``Adjoint``.
    """
    if update.group.get("decoupled_weight_decay"):
        return adamw(update, bar, states)
    decay = update.group["weight_decay"]
    whole = update.gradient + decay * update.before if decay else update.gradient
    correction = math.sqrt(1 - update.group["betas"][1] ** float(update.state["step"]))
    pulled = _adam(update, whole, update.group["eps"] * correction, bar, states)
    return pulled._replace(parameter=bar + decay * pulled.gradient if decay else bar)


def fairseq_adam(update: Update, bar: Tensor, states: Mapping[str, Tensor]) -> Cotangents:
    """Adam of fairseq: as AdamW, but epsilon is added before the bias correction.

    Arguments as for ``Adjoint``.
    """
    pulled = _adam(update, update.gradient, update.group["eps"], bar, states)
    return pulled._replace(parameter=_shrunk(update, bar))


def _shrunk(update: Update, bar: Tensor) -> Tensor:
    """What decoupled weight decay makes of dL/dtheta': a copy only where it does anything."""
    decay = float(update.group["lr"]) * update.group["weight_decay"]
    return (1 - decay) * bar if decay else bar


def _adam(
    update: Update, gradient: Tensor, epsilon: float, bar: Tensor, states: Mapping[str, Tensor]
) -> Cotangents:
    """What all Adams share: m' = b1 m + (1 - b1) g, v' = b2 v + (1 - b2) g^2, and their step.

    The step is s m' / (sqrt v' + epsilon) with s = lr sqrt(1 - b2^t) / (1 - b1^t). Where v' = 0, g
    and m' are 0 as well, and sqrt has no derivative: 0 is taken.
    """
    beta1, beta2 = update.group["betas"]
    step = float(update.state["step"])
    scale = float(update.group["lr"]) * math.sqrt(1 - beta2**step) / (1 - beta1**step)
    root = update.state["exp_avg_sq"].sqrt()
    shifted = root + epsilon
    # In place where it can be: what takes time here is memory.
    first = (bar / shifted).mul_(-scale)
    # Divided by infinity where v' = 0: a threshold is much faster than a mask.
    below = torch.threshold_(shifted.mul_(root), 0.0, math.inf)
    second = (first * update.state["exp_avg"]).div_(below).mul_(-0.5)
    if states:
        first.add_(states["exp_avg"])
        second.add_(states["exp_avg_sq"])
    pulled = (first * (1 - beta1)).addcmul_(gradient, second, value=2 * (1 - beta2))
    return Cotangents(pulled, bar, {"exp_avg": first.mul_(beta1), "exp_avg_sq": second.mul_(beta2)})


#: Adjoints of torch's own optimizers; add those of others in a copy.
ADJOINTS: dict[type[torch.optim.Optimizer], Adjoint] = {
    torch.optim.SGD: sgd,
    torch.optim.Adam: adam,
    torch.optim.AdamW: adamw,
}


#: Adjoints that do not read what a parameter was before the update.
WITHOUT_PARAMETER: frozenset[Adjoint] = frozenset({sgd, nag, adamw, fairseq_adam})
#: Adjoints that take every number by itself, so that it does not matter which parameter it is of.
ELEMENTWISE: frozenset[Adjoint] = WITHOUT_PARAMETER | {adam}


def adjoint_of(
    optimizer: torch.optim.Optimizer,
    known: Mapping[type[torch.optim.Optimizer], Adjoint] = ADJOINTS,
) -> Adjoint:
    """The adjoint of an optimizer's update.

    Args:
        optimizer: torch's.
        known: adjoints by class of the optimizer.

    Raises:
        ValueError: for an optimizer, or an option of one, that has none; names those that have.
    """
    if type(optimizer) not in known:
        names = ", ".join(sorted(cls.__name__ for cls in known))
        raise ValueError(f"no adjoint of {type(optimizer).__name__} is known; known are: {names}")
    for group in optimizer.param_groups:
        for option in ("amsgrad", "dampening", "maximize"):
            if group.get(option):
                raise ValueError(
                    f"no adjoint of {type(optimizer).__name__} with {option} is known; "
                    f"leave {option} out"
                )
    return known[type(optimizer)]
