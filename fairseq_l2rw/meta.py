"""Meta-gradients during training: what is kept of the student's updates, and when to look back.

Knows torch's modules and optimizers, not fairseq: ``examples/classification`` trains with the very
same class.
"""

import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fairseq_l2rw.errors import InputError
from fairseq_l2rw.metagradient import (
    ADJOINTS,
    BLIND,
    Adjoint,
    Batch,
    Chosen,
    Clipping,
    Fetched,
    Losses,
    Master,
    Record,
    Recorder,
    Rewound,
    Step,
    Trace,
    Update,
    adjoint_of,
    moved,
    wide,
    window,
)
from fairseq_l2rw.metagradient.attention import differentiable_attention
from fairseq_l2rw.metagradient.checkpointing import checkpointed
from fairseq_l2rw.metagradient.gradients import gradients, sizes
from fairseq_l2rw.metagradient.selection import selected
from fairseq_l2rw.metagradient.trajectory import Total, sampled

_CPU = torch.device("cpu")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Before:
    """What is kept from before the student's step."""

    parameters: dict[str, Tensor]  # a copy of those that will be read; none of a step to rewind
    masters: dict[str, Tensor]  # likewise, of those that one looks back through
    sample: Tensor  # coordinates to measure the error of rewinding by, or nothing
    groups: dict[str, dict[str, Any]]  # the optimizer's options, by parameter name


class MetaGradient:
    """The running dev gradient, the last updates, and the way back through them.

    Args:
        model: the student, unwrapped.
        pattern: regular expression searched in names of parameters, which says those looked back
            through, or ``auto``, see :func:`fairseq_l2rw.metagradient.selection.selected`.
        method: ``forward``, ``reverse``, ``difference``, ``ghost`` or ``auto``.
        average: decay of the running mean of dev gradients, 0 for none.
        window: B, the number of updates that one looks back through.
        trajectory: how older updates are got back, one of
            :data:`~fairseq_l2rw.metagradient.TRAJECTORIES`.
        tolerance: largest error of rewinding to accept, as a fraction of the distance covered.
        adjoints: of the optimizers' updates, by class.
        half: whether the student's passes are in half precision.

    Attributes:
        masters: what the optimizer steps, by name of every trained parameter; in half precision to
            be set to its copies before the first step.

    Raises:
        InputError: when no trained parameter matches ``pattern``.
    """

    def __init__(
        self,
        model: nn.Module,
        pattern: str = ".",
        method: str = "auto",
        average: float = 0.0,
        window: int = 1,
        trajectory: str = "stored",
        tolerance: float = 0.01,
        adjoints: Mapping[type[torch.optim.Optimizer], Adjoint] = ADJOINTS,
        half: bool = False,
    ) -> None:
        self.model = model
        trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.pattern = pattern
        self.parameters, reason = selected(model, pattern)
        if not self.parameters:
            examples = ", ".join(list(trained)[:: max(1, len(trained) // 5)])
            raise InputError(
                f"--meta-params {pattern!r} matches no trained parameter; names are like {examples}"
            )
        count = sum(p.numel() for p in self.parameters.values())
        whole = sum(p.numel() for p in trained.values())
        logger.info(f"meta-gradient through {count:,} of {whole:,} parameters: {reason}")
        self.masters = {n: Master(p, p.shape) for n, p in trained.items()}
        self.method = Chosen(_possible(method, model), half)
        self._recorder = Recorder(model, self.parameters)
        self.average = average
        self.rewind, self.tolerance = trajectory == "rewind", tolerance
        self.offload = trajectory == "offloaded"
        self.adjoints = adjoints
        self.mean: dict[str, Tensor] = {}
        self.count = 0
        self.steps: deque[Step | Trace] = deque(maxlen=window)  # oldest first
        self.reached = 0  # updates that the last look back went through
        self.rewind_error = 0.0
        self._before: _Before | None = None
        # fairseq's lists of layers that leave out some of them, each with a probability.
        self._drops_layers = any(
            type(m).__name__ == "LayerDropModuleList" and getattr(m, "p", 0) > 0
            for m in model.modules()
        )

    # -- the student's updates -----------------------------------------------------------------

    def recording(
        self, sentences: int, scale: float = 1.0
    ) -> AbstractContextManager[Record | None]:
        """Watch a pass of the student over so many sentences, if ``ghost`` products are wanted.

        Args:
            sentences: N.
            scale: what its losses are multiplied with before its backward pass.
        """
        return self._recorder.recording(sentences, scale) if self.method.ghost else nullcontext()

    def check(self, optimizer: torch.optim.Optimizer) -> None:
        """Raise :class:`InputError` for an optimizer that one cannot look back through."""
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

    def before_step(self, optimizer: torch.optim.Optimizer, batches: Sequence[Batch] = ()) -> None:
        """Keep what the student's step will overwrite.

        Args:
            optimizer: torch's optimizer.
            batches: the update's sub-batches: where no pass is to be made over them, no more
                parameters need be kept than the optimizer's adjoint reads.
        """
        options = {
            id(p): {k: v for k, v in group.items() if k != "params"}
            for group in optimizer.param_groups
            for p in group["params"]
        }
        used = {n: self.masters[n].tensor for n, p in self._trained() if p.grad is not None}
        passes = self.method.passes(batches)
        unread = not passes and self.adjoints.get(type(optimizer)) in BLIND
        parameters = {} if self.rewind or unread else self._snapshot(passes)
        self._before = _Before(
            parameters=parameters,
            masters={n: self._master(n, parameters[n]) for n in self.parameters if parameters},
            sample=sampled(dict(self.model.named_parameters()) if self.rewind else {}),
            groups={n: options[id(t)] for n, t in used.items() if id(t) in options},
        )

    def after_step(
        self,
        optimizer: torch.optim.Optimizer,
        batches: Sequence[Batch],
        clipping: Clipping = Clipping(),  # noqa: B008 (immutable)
    ) -> None:
        """Put the step that was just taken at the end of the trajectory.

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
                before=before.masters.get(n, torch.empty(0)),
            )
            for n, m in held.items()
            if m.tensor.grad is not None
        }
        self.keep([Step(batches, before.parameters, updates, clipping)])

    def keep(self, steps: Iterable[Step | Trace]) -> None:
        """Put steps at the end of the trajectory, wherever that is kept."""
        for step in steps:
            if self.offload and isinstance(step, Step):
                step = moved(step, _CPU)
            self.steps.append(step)

    def _trained(self) -> Iterator[tuple[str, nn.Parameter]]:
        return ((n, p) for n, p in self.model.named_parameters() if n in self.masters)

    def _master(self, name: str, copied: Tensor) -> Tensor:
        """What the optimizer steps, copied; where it is the parameter itself that is done."""
        master = self.masters[name]
        itself = master.tensor is self.parameters[name]
        return wide(copied) if itself else master.part(master.tensor.detach()).clone()

    def _snapshot(self, whole: bool) -> dict[str, Tensor]:
        """A copy of all parameters, or of those that one looks back through."""
        wanted = self.model.named_parameters() if whole else self.parameters.items()
        return {n: p.detach().clone() for n, p in wanted}

    # -- the dev set ---------------------------------------------------------------------------

    def dev_gradient(
        self, loss: Callable[[dict[str, Tensor]], Tensor], scale: float = 1.0
    ) -> Tensor:
        """Gradient of the dev loss at the current parameters, put into the running mean if finite.

        Args:
            loss: maps parameters to the dev loss, a scalar.
            scale: what it is multiplied with before its backward pass, and the gradient divided by
                afterwards, so that half precision holds it.

        Returns:
            The dev loss, detached.
        """
        values = {n: p.detach() for n, p in self.model.named_parameters()}
        leaves = {n: values[n].requires_grad_() for n in self.parameters}
        with torch.enable_grad(), differentiable_attention():
            value = loss(values)
            found = gradients([value * scale], list(leaves.values()))
        new = {n: wide(g) for n, g in zip(leaves, found, strict=True) if g is not None}
        if not self._tells(new, value):
            return value.detach()
        self.count += 1
        # Not where the pass put it: what stays of a pass breaks up the heap.
        self.mean = self.mean or {n: torch.zeros_like(wide(p)) for n, p in leaves.items()}
        torch._foreach_mul_(list(self.mean.values()), self.average)
        if new:
            means = [self.mean[name] for name in new]
            torch._foreach_add_(means, list(new.values()), alpha=(1 - self.average) / scale)
        return value.detach()

    def _tells(self, gradient: dict[str, Tensor], loss: Tensor) -> bool:
        """Whether a dev gradient is of use: one bad batch must not spoil the running mean for good.

        Raises:
            InputError: when it is 0, so that nothing can be learnt.
        """
        largest, value = sizes(gradient.values(), loss)
        # Where the loss is 0, so is its gradient: nothing is left to gain.
        if largest != 0 or value == 0 or not math.isfinite(value):
            return math.isfinite(largest) and math.isfinite(value)
        if self.method.half and self.count > 0:  # there was one before
            logger.warning("the dev gradient is too small for half precision and is left out")
            return False
        if self._drops_layers:
            logger.warning("a pass dropped all layers looked back through (layerdrop): left out")
            return False
        raise InputError(
            f"the dev loss does not depend on the parameters of --meta-params {self.pattern} (such "
            f"as {next(iter(self.parameters))}): its gradient is exactly 0 and teaches nothing; "
            "choose others, --meta-params . for all, or leave out what detaches them"
            + (", or half precision if it is lost in that" if self.method.half else "")
        )

    @property
    def unbias(self) -> float:
        """What makes up for the 0 that the running mean of dev gradients begins with.

        Products are linear in the mean: they are multiplied with it, not a copy of the parameters.
        """
        return 1 / (1 - self.average**self.count)

    # -- what the dev set says about sentences ---------------------------------------------------

    def alignments(self, losses: Losses, record: Record | None = None) -> Tensor:
        """<dev gradient, grad l_i> at the current parameters, shape (N,): no step looked ahead.

        Args:
            losses: of a batch.
            record: of its pass, if that was watched, after :meth:`Record.differentiate`.
        """
        values = {n: p.detach() for n, p in self.model.named_parameters()}
        if record is None:
            return self.unbias * self.method.products(losses, values, self.mean)
        ones = next(iter(self.mean.values())).new_ones(record.sentences)
        batch = Batch(losses, ones, ones, record=record)
        return self.unbias * self.method.first_order(batch, values, self.mean)

    def look_back(
        self, optimizer: torch.optim.Optimizer, total: Total = lambda local: local
    ) -> list[tuple[Sequence[Batch], list[Tensor]]]:
        """Inner products of dL_dev/dg with the gradient of every loss of the last updates.

        Returns:
            Batches and products by update, newest first, see
            :func:`fairseq_l2rw.metagradient.window.products`.
        """
        adjoint = adjoint_of(optimizer, self.adjoints)
        kept = [s for s in reversed(self.steps) if isinstance(s, Step)]
        steps: window.Steps = kept
        if self.rewind:
            steps = self._rewound(optimizer, total)
        elif self.offload:
            steps = Fetched(kept, next(self.model.parameters()).device)
        found = window.products(steps, self.mean, adjoint, self.method, total)
        result = [(batches, [self.unbias * p for p in products]) for batches, products in found]
        self.reached = len(result)
        if isinstance(steps, Rewound):
            self.rewind_error = steps.error
            if steps.lost:
                logger.warning(
                    f"rewinding lost precision: {steps.error:.2g} of the distance covered after "
                    f"{self.reached + 1} updates (--meta-rewind-tolerance {self.tolerance:g}), so "
                    f"this window has {self.reached}; use --meta-trajectory stored, a shorter "
                    "--meta-window or a larger --momentum"
                )
        return result

    def _rewound(self, optimizer: torch.optim.Optimizer, total: Total) -> Rewound:
        named = dict(self.model.named_parameters())
        buffers = {n: optimizer.state.get(p, {}).get("momentum_buffer") for n, p in named.items()}
        return Rewound(
            traces=[s for s in reversed(self.steps) if isinstance(s, Trace)],
            parameters=named,
            velocities={n: b for n, b in buffers.items() if b is not None},
            through=list(self.parameters),
            tolerance=self.tolerance,
            total=total,
        )

    # -- what lasts ------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The running mean of dev gradients, and what passes told of the student's layout."""
        mean = {n: v.cpu() for n, v in self.mean.items()}
        axes = [(*key, axis) for key, axis in self._recorder.axes.items()]
        return {"mean": mean, "count": self.count, "axes": axes}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore :meth:`state_dict`."""
        unknown = sorted(set(state["mean"]) ^ set(self.parameters)) if state["mean"] else []
        if unknown:
            raise InputError(
                f"the checkpoint looked back through other parameters (such as {unknown[0]}); "
                "resume with the same --meta-params or use --reset-dataloader"
            )
        self.mean = {n: v.to(self.parameters[n].device) for n, v in state["mean"].items()}
        self.count = state["count"]
        self._recorder.axes.update({(name, use): axis for name, use, axis in state["axes"]})


def _possible(method: str, model: nn.Module) -> str:
    """The method, or what takes its place where it would find nothing."""
    if method != "ghost" or not checkpointed(model):
        return method
    logger.info(
        "meta-gradient method: auto instead of ghost, which has no graph to read under "
        "--checkpoint-activations; meta passes go without it, and those over trusted pairs keep "
        "all activations: if memory runs out, lower --meta-max-tokens"
    )
    return "auto"


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value


def _as_it_is(value: Any) -> Any:
    return value
