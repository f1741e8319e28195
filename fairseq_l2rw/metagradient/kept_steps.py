"""The student's steps as they happen: what is kept of each for looking back through it."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fairseq_l2rw.metagradient.clipping import Clipping
from fairseq_l2rw.metagradient.functional import trained_parameters
from fairseq_l2rw.metagradient.masters import Master, upcast
from fairseq_l2rw.metagradient.trajectory import (
    Batch,
    OffloadedSteps,
    RewoundSteps,
    Step,
    Trace,
    moved,
    sampled,
)
from fairseq_l2rw.metagradient.updates import WITHOUT_PARAMETER, Adjoint, Update, adjoint_of
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.utils.reduction import Total

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class _Before:
    """What is kept from before the student's step."""

    parameters: dict[str, Tensor]  # a copy of those that will be read; none of a step to rewind
    masters: dict[str, Tensor]  # likewise, of those that one looks back through
    sample: Tensor  # coordinates to measure the error of rewinding by, or nothing
    groups: dict[str, dict[str, Any]]  # the optimizer's options, by parameter name


class KeptSteps:
    """The last steps of the student, oldest first.

    Args:
        model: the student, unwrapped.
        parameters: those that one looks back through, by name.
        window: how many steps are kept.
        trajectory: how older ones are got back, one of
            ``fairseq_l2rw.metagradient.TRAJECTORIES``.
        adjoints: of the optimizers' updates, by class.

    Attributes:
        masters: what the optimizer steps, by name of every trained parameter.
        steps: what is kept.
    """

    def __init__(
        self,
        model: nn.Module,
        parameters: Mapping[str, nn.Parameter],
        window: int,
        trajectory: str,
        adjoints: Mapping[type[torch.optim.Optimizer], Adjoint],
    ) -> None:
        self.model, self.parameters, self.adjoints = model, parameters, adjoints
        self.rewind, self.offload = trajectory == "rewind", trajectory == "offloaded"
        # Asking the model at every step takes longer than going through them.
        self._trained = trained_parameters(model)
        self.masters = {n: Master(p, p.shape) for n, p in self._trained.items()}
        self.steps: deque[Step | Trace] = deque(maxlen=window)
        self._before: _Before | None = None

    def check(self, optimizer: torch.optim.Optimizer) -> None:
        """Raise ``InputError`` for an optimizer that one cannot look back through."""
        try:
            adjoint_of(optimizer, self.adjoints)
        except ValueError as error:
            raise InputError(str(error)) from None
        momentum = all(g.get("momentum") and not g.get("nesterov") for g in optimizer.param_groups)
        if self.rewind and not (type(optimizer) is torch.optim.SGD and momentum):
            raise InputError(
                "--meta-trajectory rewind needs SGD with momentum above 0; use --optimizer sgd "
                "--momentum 0.9, or --meta-trajectory stored"
            )

    def before_step(self, optimizer: torch.optim.Optimizer, passes: bool) -> None:
        """Keep what the student's step will overwrite.

        Args:
            optimizer: torch's optimizer.
            passes: whether passes will be made over the update's sub-batches: where none is, no
                more parameters need be kept than the optimizer's adjoint reads.
        """
        options: dict[int, dict[str, Any]] = {}
        for group in optimizer.param_groups:
            of_group = {k: v for k, v in group.items() if k != "params"}
            options.update({id(p): of_group for p in group["params"]})
        used = {n: self.masters[n].tensor for n, p in self._trained.items() if p.grad is not None}
        unread = not passes and self.adjoints.get(type(optimizer)) in WITHOUT_PARAMETER
        parameters = {} if self.rewind or unread else self._snapshot(passes)
        self._before = _Before(
            parameters=parameters,
            masters={n: self._master(n, parameters[n]) for n in self.parameters if parameters},
            sample=sampled(dict(self.model.named_parameters()) if self.rewind else {}),
            groups={n: options[id(t)] for n, t in used.items() if id(t) in options},
        )

    def after_step(
        self, optimizer: torch.optim.Optimizer, batches: Sequence[Batch], clipping: Clipping
    ) -> None:
        """Put the step that was just taken at the end.

        A step that will be rewound lets go of the gradients, which are computed again then: they
        are a copy of the parameters.

        Args:
            optimizer: torch's optimizer, after its step and with the gradients still in place.
            batches: the update's sub-batches, of this worker.
            clipping: how the gradients were clipped before the step.
        """
        assert self._before is not None  # before_step comes first
        before, self._before = self._before, None
        if self.rewind:
            self.steps.append(Trace(batches, before.groups, clipping, before.sample))
            for p in self.model.parameters():
                p.grad = None
            return
        # The next update overwrites states and gradients; a window of one is done by then.
        keep = _copied if (self.steps.maxlen or 1) > 1 else _as_it_is
        held = {n: self.masters[n] for n in self.parameters if n in before.groups}
        updates = {
            n: Update(
                group=before.groups[n],
                state={k: keep(m.part(v)) for k, v in optimizer.state[m.tensor].items()},
                gradient=keep(m.part(m.tensor.grad)),
                before=before.masters.get(n, _NOTHING),
            )
            for n, m in held.items()
            if m.tensor.grad is not None
        }
        self.keep([Step(batches, before.parameters, updates, clipping)])

    def keep(self, steps: Iterable[Step | Trace]) -> None:
        """Put steps at the end, wherever they are kept."""
        for step in steps:
            if self.offload and isinstance(step, Step):
                step = moved(step, _CPU)
            self.steps.append(step)

    def back(
        self, optimizer: torch.optim.Optimizer, total: Total
    ) -> list[Step] | OffloadedSteps | RewoundSteps:
        """The steps, newest first, as they are got back."""
        if self.rewind:
            return self._rewound(optimizer, total)
        kept = [s for s in reversed(self.steps) if isinstance(s, Step)]
        return OffloadedSteps(kept, next(self.model.parameters()).device) if self.offload else kept

    def _rewound(self, optimizer: torch.optim.Optimizer, total: Total) -> RewoundSteps:
        named = dict(self.model.named_parameters())
        buffers = {n: optimizer.state.get(p, {}).get("momentum_buffer") for n, p in named.items()}
        return RewoundSteps(
            traces=[s for s in reversed(self.steps) if isinstance(s, Trace)],
            parameters=named,
            velocities={n: b for n, b in buffers.items() if b is not None},
            through=list(self.parameters),
            total=total,
        )

    def _master(self, name: str, copied: Tensor) -> Tensor:
        """What the optimizer steps, copied; where it is the parameter itself that is done."""
        master = self.masters[name]
        itself = master.tensor is self.parameters[name]
        return upcast(copied) if itself else master.part(master.tensor.detach()).clone()

    def _snapshot(self, whole: bool) -> dict[str, Tensor]:
        """A copy of all parameters, or of those that one looks back through."""
        wanted = self.model.named_parameters() if whole else self.parameters.items()
        return {n: p.detach().clone() for n, p in wanted}


_NOTHING = torch.empty(0)  # of a parameter that was not kept


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value


def _as_it_is(value: Any) -> Any:
    return value
