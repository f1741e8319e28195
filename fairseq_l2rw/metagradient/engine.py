"""Meta-gradients during training: the dev gradient, the last updates, and the way back.

Knows torch's modules and optimizers, and needs no fairseq: ``examples/classification`` trains with
the very same class.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from fairseq_l2rw.metagradient import window as windows
from fairseq_l2rw.metagradient.checkpointing import checkpointed
from fairseq_l2rw.metagradient.clipping import Clipping
from fairseq_l2rw.metagradient.dev_gradient import DevGradient
from fairseq_l2rw.metagradient.functional import trained_parameters
from fairseq_l2rw.metagradient.ghost import PassRecord, PassRecorder
from fairseq_l2rw.metagradient.kept_steps import KeptSteps
from fairseq_l2rw.metagradient.masters import Master
from fairseq_l2rw.metagradient.method_choice import MethodChoice
from fairseq_l2rw.metagradient.selection import selected
from fairseq_l2rw.metagradient.signature import Losses
from fairseq_l2rw.metagradient.trajectory import TOLERANCE, Batch, RewoundSteps, Step, Trace
from fairseq_l2rw.metagradient.updates import ADJOINTS, Adjoint, adjoint_of
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.utils.reduction import Total, local_only

logger = logging.getLogger(__name__)


class MetaGradient:
    """The running dev gradient, the last updates, and the way back through them.

    Args:
        model: the student, unwrapped.
        pattern: regular expression searched in names of parameters, which says those looked back
            through, or ``auto``, see ``fairseq_l2rw.metagradient.selection.selected``.
        method: ``forward``, ``reverse``, ``difference``, ``ghost`` or ``auto``.
        average: decay of the running mean of dev gradients, 0 for none.
        window: B, the number of updates that one looks back through.
        trajectory: how older updates are got back, one of
            ``fairseq_l2rw.metagradient.TRAJECTORIES``.
        adjoints: of the optimizers' updates, by class.
        half: whether the student's passes are in half precision.

    Attributes:
        parameters: those looked back through, by name.
        method: how derivatives of the losses are computed.
        reached: updates that the last look back went through.
        rewind_error: of the last look back, as a fraction of the distance covered.

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
        adjoints: Mapping[type[torch.optim.Optimizer], Adjoint] = ADJOINTS,
        half: bool = False,
    ) -> None:
        self.model, self.adjoints = model, adjoints
        self.parameters = _parameters(model, pattern)
        self.method = MethodChoice(_possible(method, model), half)
        self._recorder = PassRecorder(model, self.parameters)
        self._dev = DevGradient(model, self.parameters, pattern, average, half)
        self._kept = KeptSteps(model, self.parameters, window, trajectory, adjoints)
        self.reached = 0
        self.rewind_error = 0.0

    # -- the student's updates -----------------------------------------------------------------

    @property
    def masters(self) -> dict[str, Master]:
        """What the optimizer steps, by name of every trained parameter.

        In half precision to be set to its copies before the first step.
        """
        return self._kept.masters

    @masters.setter
    def masters(self, masters: dict[str, Master]) -> None:
        self._kept.masters = masters

    @property
    def steps(self) -> Any:
        """The updates that are kept, oldest first."""
        return self._kept.steps

    def recording(
        self, sentences: int, scale: float | Tensor = 1.0
    ) -> AbstractContextManager[PassRecord | None]:
        """Watch a pass of the student over so many sentences, if ``ghost`` products are wanted.

        Args:
            sentences: N.
            scale: what its losses are multiplied with before its backward pass, a scalar.
        """
        return self._recorder.recording(sentences, scale) if self.method.ghost else nullcontext()

    def check(self, optimizer: torch.optim.Optimizer) -> None:
        """Raise ``InputError`` for an optimizer that one cannot look back through."""
        self._kept.check(optimizer)

    def before_step(self, optimizer: torch.optim.Optimizer, batches: Sequence[Batch] = ()) -> None:
        """Keep what the student's step will overwrite.

        Args:
            optimizer: torch's optimizer.
            batches: the update's sub-batches.
        """
        self._kept.before_step(optimizer, self.method.passes(batches))

    def after_step(
        self,
        optimizer: torch.optim.Optimizer,
        batches: Sequence[Batch],
        clipping: Clipping = Clipping(),  # noqa: B008 (immutable)
    ) -> None:
        """Put the step that was just taken at the end of the trajectory.

        Args:
            optimizer: torch's optimizer, after its step and with the gradients still in place.
            batches: the update's sub-batches, of this worker.
            clipping: how the gradients were clipped before the step.
        """
        self._kept.after_step(optimizer, batches, clipping)

    def keep(self, steps: Iterable[Step | Trace]) -> None:
        """Put steps at the end of the trajectory, wherever that is kept."""
        self._kept.keep(steps)

    # -- the trusted pairs -----------------------------------------------------------------------

    @property
    def mean(self) -> dict[str, Tensor]:
        """The running mean of dev gradients, by parameter name, before its bias correction."""
        return self._dev.mean

    @property
    def count(self) -> int:
        """How many dev gradients it has taken in."""
        return self._dev.count

    def dev_gradient(
        self,
        loss: Callable[[dict[str, Tensor]], Tensor],
        scale: float = 1.0,
        total: Total = local_only,
    ) -> Tensor:
        """Gradient of the dev loss at the current parameters, put into the running mean if finite.

        Returns the dev loss, a scalar. See
        ``fairseq_l2rw.metagradient.dev_gradient.DevGradient.take``.
        """
        return self._dev.take(loss, scale, total)

    # -- what they say about sentences -----------------------------------------------------------

    def alignments(self, losses: Losses, record: PassRecord | None = None) -> Tensor:
        """<dev gradient, grad l_i> at the current parameters, shape (N,): no step looked ahead.

        Args:
            losses: of a batch, as a function of the parameters.
            record: of its pass, if that was watched, after ``PassRecord.differentiate``.
        """
        values = {n: p.detach() for n, p in self.model.named_parameters()}
        if record is None:
            return self._dev.bias_correction * self.method.products(losses, values, self.mean)
        ones = next(iter(self.mean.values())).new_ones(record.sentences)
        batch = Batch(losses, ones, ones, record=record)
        return self._dev.bias_correction * self.method.first_order(batch, values, self.mean)

    def look_back(
        self, optimizer: torch.optim.Optimizer, total: Total = local_only
    ) -> list[tuple[Sequence[Batch], list[Tensor]]]:
        """Inner products of dL_dev/dg with the gradient of every loss of the last updates.

        Args:
            optimizer: torch's, after the step.
            total: sums a tensor over the workers of an update; all of them must call.

        Returns:
            Batches by update, newest first, and the products of each, shape (N,), see
            ``fairseq_l2rw.metagradient.window.products``.

        Raises:
            ValueError: for an optimizer that ``check`` refuses.
        """
        adjoint = adjoint_of(optimizer, self.adjoints)
        steps = self._kept.back(optimizer, total)
        found = windows.products(steps, self.mean, adjoint, self.method, total)
        bias_correction = self._dev.bias_correction
        result = [(batches, [bias_correction * p for p in products]) for batches, products in found]
        self.reached = len(result)
        if isinstance(steps, RewoundSteps):
            self.rewind_error = steps.error
            if steps.lost:
                logger.warning(
                    f"rewinding lost precision: {steps.error:.2g} of the distance covered after "
                    f"{self.reached + 1} updates ({TOLERANCE:g} is accepted), so this "
                    f"window has {self.reached}; use --meta-trajectory stored, a shorter "
                    "--meta-window or a larger --momentum"
                )
        return result

    # -- what lasts ------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The running mean of dev gradients, and what passes told of the student."""
        axes = [(*key, axis) for key, axis in self._recorder.axes.items()]
        return {**self._dev.state_dict(), "axes": axes, "method": self.method.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore ``state_dict``."""
        self._dev.load_state_dict(state)
        self.method.load_state_dict(state["method"])
        self._recorder.axes.update({(name, use): axis for name, use, axis in state["axes"]})


def _parameters(model: nn.Module, pattern: str) -> dict[str, nn.Parameter]:
    """The parameters to look back through, by name; raises ``InputError`` for none."""
    found, reason = selected(model, pattern)
    trained = trained_parameters(model)
    if not found:
        examples = ", ".join(list(trained)[:: max(1, len(trained) // 5)])
        raise InputError(
            f"--meta-params {pattern!r} matches no trained parameter; names are like {examples}"
        )
    count, whole = (sum(p.numel() for p in some.values()) for some in (found, trained))
    logger.info(f"meta-gradient through {count:,} of {whole:,} parameters: {reason}")
    return found


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
