"""Initial values that do not use up the student's random numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run a block with torch's generator at ``seed``, and put back what was there before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
