"""What distributed workers share: a rank, sums, extremes and rows."""

from typing import Any

from fairseq.distributed import utils as distributed_utils
from torch import Tensor, distributed


def rank() -> int:
    """Number of this worker among those that share the data, 0 without distribution."""
    return distributed_utils.get_data_parallel_rank() if distributed.is_initialized() else 0


def total(local: Tensor) -> Tensor:
    """Sum over workers; every worker must call it."""
    return _reduced(local, "sum")


def largest(local: Tensor) -> Tensor:
    """Elementwise maximum over workers; every worker must call it."""
    return _reduced(local, "max")


def gathered(local: Any) -> list[Any]:
    """What all workers gave, on the first; nothing on the others. Every worker must call it."""
    found = everywhere(local)
    return found if rank() == 0 else []


def everywhere(local: Any) -> list[Any]:
    """What all workers gave, on each of them, in their order. Every worker must call it."""
    if not distributed.is_initialized() or distributed_utils.get_data_parallel_world_size() == 1:
        return [local]
    group = distributed_utils.get_data_parallel_group()
    found: list[Any] = [None] * distributed_utils.get_data_parallel_world_size()
    distributed.all_gather_object(found, local, group=group)
    return found


def _reduced(local: Tensor, operation: str) -> Tensor:
    if not distributed.is_initialized() or distributed_utils.get_data_parallel_world_size() == 1:
        return local
    result = local.clone()
    group = distributed_utils.get_data_parallel_group()
    distributed_utils.all_reduce(result, group=group, op=operation)
    return result
