"""Random numbers that can be drawn again, and random numbers that do not use up the student's."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class RandomState:
    """Random number generators as they were before the student's pass, to replay its dropout.

    Attributes:
        cpu: state of the CPU's generator, bytes, shape (n,).
        device: of the GPU's, likewise; None where the pass is on the CPU.
    """

    cpu: Tensor
    device: Tensor | None

    @classmethod
    def now(cls, device: torch.device) -> "RandomState":
        """The state of the CPU's generator and, where there is one, of the device's."""
        on_gpu = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        return cls(torch.get_rng_state(), on_gpu)

    @contextmanager
    def replayed(self) -> Iterator[None]:
        """Run a block with these states, and put back what was there before."""
        devices = [] if self.device is None else [torch.cuda.current_device()]
        with torch.random.fork_rng(devices=devices):
            torch.set_rng_state(self.cpu)
            if self.device is not None:
                torch.cuda.set_rng_state(self.device)
            yield


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run a block with torch's generators at ``seed``, and put back what was there before."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        # torch.manual_seed notes down where it was called from, once for each kind of device.
        torch.default_generator.manual_seed(seed)
        if devices:
            torch.cuda.manual_seed(seed)
        yield
