"""A command of fairseq as several processes on this machine that share every update's batches."""

import socket
import sys
from collections.abc import Sequence

from steps import tool

# fairseq leaves its process group to the interpreter's exit, where gloo's threads sometimes abort.
_WORKER = """
import torch
from fairseq_cli.train import cli_main

cli_main()
torch.distributed.destroy_process_group()
"""


def commands(flags: Sequence[str], workers: int, back_end: str = "legacy_ddp") -> list[list[str]]:
    """The command of every worker that trains with ``flags``, on CPUs.

    Args:
        flags: of ``fairseq-train``.
        workers: how many; a single one trains without distribution.
        back_end: for fairseq's ``--ddp-backend``; its default, ``pytorch_ddp``, needs GPUs.
    """
    if workers == 1:
        return [[tool("fairseq-train"), *flags]]
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"tcp://localhost:{free.getsockname()[1]}"
    shared = ["--distributed-world-size", str(workers), "--distributed-no-spawn"]
    shared += ["--distributed-backend", "gloo", "--ddp-backend", back_end]
    shared += ["--distributed-init-method", address, "--distributed-rank"]
    ours = [sys.executable, "-c", _WORKER]
    return [[*ours, *flags, *shared, str(rank)] for rank in range(workers)]
