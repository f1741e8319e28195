"""The student's update in progress: its sub-batches, and how they are kept in a checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from fairseq_l2rw.metagradient import Batch, Clipping, Step, Trace
from fairseq_l2rw.metagradient import Update as ParameterUpdate
from fairseq_l2rw.observation import Observation
from fairseq_l2rw.passes import Passes
from fairseq_l2rw.randomness import RandomState


@dataclass
class SubBatch(Batch):
    """What is kept of a sub-batch until its update, or its window, is done."""

    sample: dict[str, Any]
    seen: Observation
    proposed: Tensor  # the weighting's own weights, also while warm-up gives others
    given: Tensor  # the weights that trained the student
    fallback: Tensor  # scalar: how many of the weighting's own weights were unusable
    random: RandomState  # before the student's pass
    dummy: bool  # fills up an uneven shard; counts for nothing
    signal: Tensor | None = None  # -dL_dev/dw_i, (N,), once the trusted pairs were asked

    @classmethod
    def of(cls, passes: Passes, **kept: Any) -> "SubBatch":
        """From all but the fields of :class:`Batch`."""
        real = not kept["dummy"]
        losses = passes.training(kept["sample"], kept["random"])
        kept["least"] = kept["least"] * real
        return cls(losses, kept["given"] * real, kept["seen"].sizes * real, **kept)


@dataclass
class Update:
    """The sub-batches of one update of the student, so far.

    Attributes:
        number: of the update, from 0.
        most: how many of its sub-batches the teacher learns from, None for all.
        batches: all of them.
    """

    number: int
    most: int | None
    batches: list[SubBatch] = field(default_factory=list)

    @property
    def teaching(self) -> list[SubBatch]:
        """Those that the teacher learns from."""
        return self.batches[: self.most]

    @property
    def teaches(self) -> bool:
        """Whether the next sub-batch will be one of them."""
        return self.most is None or len(self.batches) < self.most


def packed_batches(batches: Sequence[Batch]) -> list[dict[str, Any]]:
    """An update's sub-batches of one worker in types that torch's safe loader takes."""
    return [_packed_batch(b) for b in batches if isinstance(b, SubBatch)]


def packed(step: Step | Trace, batches: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """A step of a trajectory in types that torch's safe loader takes.

    Args:
        step: of this worker; others differ in their sub-batches only.
        batches: what :func:`packed_batches` gave, by worker.
    """
    common = {"clipping": tuple(step.clipping), "batches": batches}
    if isinstance(step, Trace):
        groups = {n: dict(g) for n, g in step.groups.items()}
        return {**common, "groups": groups, "sample": step.sample}
    updates = {
        n: {"group": dict(u.group), "state": dict(u.state), "gradient": u.gradient}
        for n, u in step.updates.items()
    }
    return {**common, "parameters": dict(step.parameters), "updates": updates}


def unpacked(kept: dict[str, Any], passes: Passes, worker: int) -> Step | Trace:
    """Restore what :func:`packed` gave, for one of the workers."""
    batches = [_unpacked_batch(b, passes) for b in kept["batches"][worker]]
    clipping = Clipping(*kept["clipping"])
    if "groups" in kept:
        return Trace(batches, kept["groups"], clipping, kept["sample"])
    parameters = kept["parameters"]
    updates = {n: ParameterUpdate(before=parameters[n], **u) for n, u in kept["updates"].items()}
    return Step(batches, parameters, updates, clipping)


_KEPT = ("sample", "proposed", "given", "fallback", "dummy", "least")


def _packed_batch(batch: SubBatch) -> dict[str, Any]:
    random = (batch.random.cpu, batch.random.device)
    return {n: getattr(batch, n) for n in _KEPT} | {"seen": vars(batch.seen), "random": random}


def _unpacked_batch(kept: dict[str, Any], passes: Passes) -> SubBatch:
    seen = Observation(**kept["seen"])
    cpu, device = kept["random"]
    # Generators take their states from the CPU, whatever device they are for.
    random = RandomState(cpu.cpu(), None if device is None else device.cpu())
    return SubBatch.of(passes, **{**kept, "seen": seen, "random": random})
