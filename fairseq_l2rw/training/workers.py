"""What distributed workers share: a rank, sums, and lists."""

from collections.abc import Sequence
from typing import TypeVar

from fairseq.distributed import utils as distributed_utils
from torch import Tensor, distributed

T = TypeVar("T")


def alone() -> bool:
    """Whether this is the only worker."""
    return count() == 1


def rank() -> int:
    """Number of this worker among those that share the data, 0 without distribution."""
    return distributed_utils.get_data_parallel_rank() if distributed.is_initialized() else 0


def count() -> int:
    """How many workers share the data."""
    return distributed_utils.get_data_parallel_world_size() if distributed.is_initialized() else 1


def total(local: Tensor) -> Tensor:
    """Sum over workers; every worker must call it."""
    if alone():
        return local
    result = local.clone()
    distributed_utils.all_reduce(result, group=distributed_utils.get_data_parallel_group())
    return result


def all_gather(local: Sequence[T]) -> list[T]:
    """The lists of all workers in one, in their order; every worker must call it.

    Args:
        local: what can be pickled, tensors on the CPU.
    """
    if alone():
        return list(local)
    found: list[Sequence[T]] = [()] * distributed_utils.get_data_parallel_world_size()
    group = distributed_utils.get_data_parallel_group()
    distributed.all_gather_object(found, local, group=group)
    return [item for of_worker in found for item in of_worker]
