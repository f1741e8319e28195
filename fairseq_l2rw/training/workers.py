"""What distributed workers share: a rank, sums, lists, and what one of them finds."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from fairseq.distributed import utils as distributed_utils
from torch import Tensor, distributed, nn

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


def total_with_numbers(local: Tensor, own: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Sum over workers, and in the same exchange some numbers of each; every worker must call it.

    Args:
        local: to be summed, shape (N,).
        own: K numbers of this worker, exact in the type of ``local``.

    Returns:
        The sum, shape (N,), and the numbers, shape (workers, K).
    """
    numbers = local.new_zeros(count(), len(own))
    numbers[rank()].copy_(torch.tensor(own, dtype=local.dtype), non_blocking=True)
    found = total(torch.cat([local, numbers.flatten()]))
    return found[: len(local)], found[len(local) :].view_as(numbers)


def all_gather(local: Sequence[T]) -> list[T]:
    """The lists of all workers in one, in their order; every worker must call it.

    Numbers go faster by ``all_rows``.

    Args:
        local: what can be pickled, tensors on the CPU.
    """
    if alone():
        return list(local)
    found: list[Sequence[T]] = [()] * distributed_utils.get_data_parallel_world_size()
    group = distributed_utils.get_data_parallel_group()
    distributed.all_gather_object(found, local, group=group)
    return [item for of_worker in found for item in of_worker]


def all_rows(
    tables: Sequence[Tensor], lengths: Sequence[Sequence[int]] | None = None
) -> list[Tensor]:
    """The rows of every table from all workers, in their order; every worker must call it.

    All rows go at once, and stay where they are. What is pickled goes tensor by tensor through the
    memory of the host.

    Args:
        tables: float64, shapes (N, K): K is the same on every worker, N is each one's own.
        lengths: N of the tables, by worker; None if they have to be told first, for which a GPU is
            waited for.
    """
    if alone():
        return list(tables)
    group = distributed_utils.get_data_parallel_group()
    told = _lengths(tables) if lengths is None else lengths
    widths = [table.shape[1] for table in tables]
    flat = torch.cat([table.flatten() for table in tables])
    longest = max(sum(n * k for n, k in zip(of_worker, widths, strict=True)) for of_worker in told)
    padded = nn.functional.pad(flat, (0, longest - len(flat)))
    found: list[list[Tensor]] = []
    for numbers, of_worker in zip(distributed_utils.all_gather(padded, group), told, strict=True):
        sizes = [n * k for n, k in zip(of_worker, widths, strict=True)]
        parts = numbers[: sum(sizes)].split(sizes)
        found.append([p.view(-1, k) for p, k in zip(parts, widths, strict=True)])
    return [torch.cat(parts) for parts in zip(*found, strict=True)]


def _lengths(tables: Sequence[Tensor]) -> list[list[int]]:
    """How many rows the tables have, by worker."""
    own = torch.tensor([len(table) for table in tables], device=tables[0].device)
    group = distributed_utils.get_data_parallel_group()
    found: list[list[int]] = distributed_utils.all_gather(own, group, return_tensor=True).tolist()
    return found


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
