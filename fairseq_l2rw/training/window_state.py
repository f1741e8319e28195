"""The open window of a meta-gradient in a checkpoint, in types that torch's safe loader takes."""

from collections.abc import Sequence
from typing import Any

from fairseq_l2rw.features.features import Features, ScoredTokens
from fairseq_l2rw.metagradient import Batch, Clipping, Step, Trace
from fairseq_l2rw.metagradient import Update as ParameterUpdate
from fairseq_l2rw.training.replay import Replay
from fairseq_l2rw.training.update_buffer import SubBatch, sub_batches
from fairseq_l2rw.utils.rng import RandomState


def packed_batches(batches: Sequence[Batch]) -> list[dict[str, Any]]:
    """An update's sub-batches of one worker."""
    return [_packed_batch(b) for b in sub_batches(batches)]


def packed(step: Step | Trace, batches: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """A step of a trajectory.

    Args:
        step: of this worker; others differ in their sub-batches only.
        batches: what ``packed_batches`` gave, by worker.
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


def unpacked(kept: dict[str, Any], replay: Replay, worker: int) -> Step | Trace:
    """Restore what ``packed`` gave, for one of the workers."""
    batches = [_unpacked_batch(b, replay) for b in kept["batches"][worker]]
    clipping = Clipping(*kept["clipping"])
    if "groups" in kept:
        return Trace(batches, kept["groups"], clipping, kept["sample"])
    parameters = kept["parameters"]
    updates = {n: ParameterUpdate(before=parameters[n], **u) for n, u in kept["updates"].items()}
    return Step(batches, parameters, updates, clipping)


_KEPT = ("sample", "rule_weights", "fallback", "dummy", "bound", "rule_bound")


def _packed_batch(batch: SubBatch) -> dict[str, Any]:
    random = (batch.random.cpu, batch.random.device)
    tokens = batch.features.tokens
    features = {**vars(batch.features), "tokens": None if tokens is None else tuple(tokens)}
    kept = {n: getattr(batch, n) for n in _KEPT}
    return {**kept, "applied_weights": batch.weights, "features": features, "random": random}


def _unpacked_batch(kept: dict[str, Any], replay: Replay) -> SubBatch:
    tokens = kept["features"]["tokens"]
    tokens = None if tokens is None else ScoredTokens(*tokens)
    features = Features(**{**kept["features"], "tokens": tokens})
    cpu, device = kept["random"]
    # Generators take their states from the CPU, whatever device they are for.
    random = RandomState(cpu.cpu(), None if device is None else device.cpu())
    others = {n: kept[n] for n in _KEPT}
    return SubBatch.of(replay, kept["applied_weights"], features, random=random, **others)
