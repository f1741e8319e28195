"""How many of torch's operations an update takes: what a GPU that waits for Python pays.

Unlike time, it is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode


class Operations(TorchDispatchMode):
    """Counts what is called of torch's operations in the ``with`` block."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count an operation and pass it on."""
        self.count += 1
        return func(*args, **(kwargs or {}))


def operations(update: Callable[[Any], None], samples: Sequence[Any]) -> float:
    """Of an update, on average over samples."""
    with Operations() as found:
        for sample in samples:
            update(sample)
    return found.count / len(samples)
