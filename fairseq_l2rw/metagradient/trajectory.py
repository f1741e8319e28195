"""The student's last updates, as they happened: what a window looks back through."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from fairseq_l2rw.metagradient.attention import differentiable_attention
from fairseq_l2rw.metagradient.clipping import Clipping
from fairseq_l2rw.metagradient.ghost import PassRecord
from fairseq_l2rw.metagradient.gradients import gradients
from fairseq_l2rw.metagradient.signature import Losses, Parameters
from fairseq_l2rw.metagradient.updates import Update
from fairseq_l2rw.metagradient.weights import normaliser, scalar
from fairseq_l2rw.utils.reduction import Total

#: How older updates are got back: copies of them, copies in the CPU's memory, or run backwards.
TRAJECTORIES = ("stored", "offloaded", "rewind")
#: Largest error of rewinding that is accepted, as a fraction of the distance covered.
TOLERANCE = 0.01


@dataclass
class Batch:
    """A (sub-)batch of an update.

    Attributes:
        losses: maps parameters to the losses of its sentences (or tokens), shape (N,), nats, with
            the random numbers of the student's own pass.
        weights: w_i, as they trained the student, shape (N,); 0 for what did not train it.
        sizes: n_i, what i adds to the normaliser, shape (N,).
        record: of the student's own pass, if that was watched.
        bound: what this batch adds to the smallest normaliser of its update, a scalar; see
            ``.weights.normaliser``.
    """

    losses: Losses
    weights: Tensor
    sizes: Tensor
    record: PassRecord | None = field(default=None, kw_only=True)
    bound: Tensor | float = field(default=0.0, kw_only=True)


@dataclass(frozen=True)
class Step:
    """An update of the student: g = c sum_i w_i grad l_i / S, and what the optimizer made of it.

    Attributes:
        batches: its sub-batches, of this worker.
        parameters: those before it that will be read, by name: all where a pass will be made.
        updates: what happened to each parameter that one looks back through and that had a
            gradient, by name.
        clipping: how g was clipped.
    """

    batches: Sequence[Batch]
    parameters: Parameters
    updates: Mapping[str, Update]
    clipping: Clipping


@dataclass(frozen=True)
class Trace:
    """All that is kept of an update that will be rewound.

    Attributes:
        batches: as for ``Step``.
        groups: the optimizer's options of every parameter it updated, by name.
        clipping: how the gradient was clipped.
        sample: some coordinates of the parameters before the update, shape (K,) (``sampled``).
    """

    batches: Sequence[Batch]
    groups: Mapping[str, Mapping[str, Any]]
    clipping: Clipping
    sample: Tensor


class OffloadedSteps:
    """Steps that are kept on another device, brought back one at a time.

    Args:
        steps: newest first.
        device: where they are wanted.
    """

    def __init__(self, steps: Sequence[Step], device: torch.device) -> None:
        self.steps, self.device = steps, device

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Step]:
        """Steps, newest first, each gone again before the next comes."""
        return (moved(step, self.device) for step in self.steps)


def moved(step: Step, device: torch.device) -> Step:
    """A step whose tensors are on ``device``, but for its batches, which stay where they are."""
    parameters = {n: p.to(device) for n, p in step.parameters.items()}

    def update(name: str, kept: Update) -> Update:
        state = {k: v.to(device) if torch.is_tensor(v) else v for k, v in kept.state.items()}
        # Where the optimizer steps the parameter itself, one copy is enough here, too.
        same = kept.before is step.parameters.get(name)
        before = parameters[name] if same else kept.before.to(device)
        return Update(kept.group, state, kept.gradient.to(device), before)

    updates = {n: update(n, u) for n, u in step.updates.items()}
    return Step(step.batches, parameters, updates, step.clipping)


class RewoundSteps:
    """The last updates of SGD with momentum, newest first, got back by running them backwards.

    Algorithm 1 of arXiv 2007.04649, with v' = mu v + g + wd theta and theta' = theta - lr v':

        theta <- theta + lr v'      g <- the gradient there      v <- (v' - g - wd theta) / mu

    Memory does not depend on the number of updates: one copy of parameters and momentum. Rounding
    errors grow like 1 / mu^B, so the distance from where the student really was is measured at
    every update, on a sample of coordinates, relative to the distance it had covered since.
    Iteration ends before the first update where that error exceeds ``TOLERANCE``.

    Args:
        traces: the updates, newest first.
        parameters: all parameters after the newest update.
        velocities: the momentum buffers after it, of every parameter that the traces updated.
        through: names of the parameters that one looks back through.
        total: sums a tensor over the workers of an update.

    Attributes:
        error: the largest error met so far.
        lost: whether iteration ended early because of it.
    """

    def __init__(
        self,
        traces: Sequence[Trace],
        parameters: Parameters,
        velocities: Parameters,
        through: Sequence[str],
        total: Total,
    ) -> None:
        self.traces, self.through, self.total = traces, set(through), total
        self.parameters = {n: p.detach().clone() for n, p in parameters.items()}
        self.velocities = {n: v.detach().clone() for n, v in velocities.items()}
        self.error, self.lost = 0.0, False

    def __len__(self) -> int:
        return len(self.traces)

    def __iter__(self) -> Iterator[Step]:
        """Steps, newest first; the tensors of one are overwritten on the way to the next."""
        end = sampled(self.parameters)
        for trace in self.traces:
            for name, group in trace.groups.items():
                self.parameters[name].add_(self.velocities[name], alpha=float(group["lr"]))
            error = _distance(trace.sample, sampled(self.parameters), end)
            if not error <= TOLERANCE:  # also if it is not a number
                self.error, self.lost = error, True
                return
            self.error = max(self.error, error)
            yield self._undone(trace)

    def _undone(self, trace: Trace) -> Step:
        """Take the gradient where the update took it, and run its momentum step backwards."""
        found = update_gradient(trace.batches, self.parameters, list(trace.groups), self.total)
        updates = {}
        for name, group in trace.groups.items():
            gradient = found.pop(name).mul_(trace.clipping.factor)
            velocity = self.velocities[name].sub_(gradient)
            velocity.sub_(self.parameters[name], alpha=group["weight_decay"])
            velocity.div_(group["momentum"])
            if name in self.through:
                updates[name] = Update(group, {}, gradient, self.parameters[name])
        return Step(trace.batches, self.parameters, updates, trace.clipping)


def update_gradient(
    batches: Sequence[Batch], parameters: Parameters, names: Sequence[str], total: Total
) -> dict[str, Tensor]:
    """The gradient sum_i w_i grad l_i / S of an update, before clipping, by parameter name.

    Args:
        batches: its sub-batches, of this worker.
        parameters: all parameters before it, by name.
        names: of those whose gradient is wanted.
        total: sums a tensor over the workers of the update; all of them must call.
    """
    leaves = {n: p.detach().requires_grad_(n in names) for n, p in parameters.items()}
    wanted = [leaves[n] for n in names]
    sums: list[Tensor | None] = [None] * len(wanted)
    for batch in batches:
        with torch.enable_grad(), differentiable_attention():
            found = gradients([(batch.weights * batch.losses(leaves)).sum()], wanted)
        sums = [s if g is None else g if s is None else s.add_(g) for s, g in zip(sums, found)]  # noqa: B905
    size = normaliser(*update_sums(batches, total, wanted[0].device))
    given = (torch.zeros_like(p) if s is None else s for s, p in zip(sums, wanted, strict=True))
    return {n: total(g).div_(size) for n, g in zip(names, given, strict=True)}


def update_sums(
    batches: Sequence[Batch], total: Total, device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor]:
    """What ``.weights.normaliser`` takes, of all sub-batches and workers of an update.

    Args:
        batches: of this worker, which may have none.
        total: sums over workers; every worker must call.
        device: where the batches are.

    Returns:
        sum_i w_i n_i and the bound of S, scalars, float64.
    """
    sums = []
    for batch in batches:
        weighted = batch.weights.double() @ batch.sizes.double()
        # Not by way of float32, in which a small number is 0.
        sums.append(torch.stack([weighted, scalar(batch.bound, weighted)]))
    nothing = torch.zeros(2, dtype=torch.double, device=device)
    weighted, bound = total(sum(sums[1:], sums[0]) if sums else nothing)
    return weighted, bound


def sampled(parameters: Parameters, each: int = 64) -> Tensor:
    """Up to ``each`` evenly spaced coordinates of every parameter, as one vector of shape (K,)."""
    flat = (p.detach().flatten() for p in parameters.values())
    parts = [p[:: max(1, len(p) // each)][:each].clone() for p in flat]
    return torch.cat(parts) if parts else torch.zeros(0)


def _distance(there: Tensor, found: Tensor, end: Tensor) -> float:
    error, covered = (found - there).double().norm(), (end - there).double().norm()
    return float(error / covered.clamp(min=1e-300))
