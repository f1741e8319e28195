"""What distributed workers share: a rank, sums, lists, and what one of them finds."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from fairseq.distributed import utils as distributed_utils
from torch import Tensor, distributed

from fairseq_l2rw.utils.errors import InputError

T = TypeVar("T")

# Seconds between two signs of life of a worker that others wait for: they give up after minutes.
_PULSE = 20.0
_WORKING, _DONE, _FAILED = 0.0, 1.0, 2.0


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


def by_one(find: Callable[[], Tensor], empty: Tensor) -> Tensor:
    """What one worker finds, on all of them, however long it takes; every worker must call it.

    Args:
        find: gives it, on the CPU; only the first worker calls it.
        empty: of its shape and type, on the CPU.

    Raises:
        InputError: on the others, where the first one failed; its own error says why.
    """
    if alone():
        return find()
    on_gpu = distributed.get_backend() == "nccl"
    device = torch.device("cuda", torch.cuda.current_device()) if on_gpu else torch.device("cpu")
    if rank() == 0:
        with _pulse(device):
            found = find()
    else:
        while (said := float(_from_first(torch.zeros(()), device))) == _WORKING:
            pass
        if said == _FAILED:
            raise InputError("the first worker failed: see its error")
        found = empty
    return _from_first(found, device)


@contextmanager
def _pulse(device: torch.device) -> Iterator[None]:
    """Tell the waiting workers that this one works on, and how it ended."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(_PULSE):
            _from_first(torch.tensor(_WORKING), device)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    how = _FAILED
    try:
        yield
        how = _DONE
    finally:
        ended.set()
        thread.join()
        _from_first(torch.tensor(how), device)


def _from_first(values: Tensor, device: torch.device) -> Tensor:
    """The first worker's values, on the CPU; those of the others say shape and type.

    Args:
        values: on the CPU.
        device: of this worker: a thread of its own does not know it.
    """
    moved = values.to(device)
    distributed_utils.broadcast(moved, src=0, group=distributed_utils.get_data_parallel_group())
    return moved.cpu()
