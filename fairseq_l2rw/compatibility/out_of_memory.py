"""What does not fit into memory: a sub-batch on one of several workers, or a meta step.

After such a sub-batch fairseq's trainer drops what the worker does in the rest of the update, too.
If that leaves it with nothing to add to the log, the workers' sums no longer fit together, and all
of them stop or wait for each other for ever. So here the worker takes part with a sub-batch that
counts for nothing.
"""

import logging
from typing import Any

import torch

from fairseq_l2rw.utils.errors import InputError

logger = logging.getLogger(__name__)


def skip_meta_step(error: RuntimeError, number: int, alone: bool) -> None:
    """Say that a meta step ran out of memory; the student's step was made before it.

    Args:
        error: what was raised.
        number: of the update.
        alone: whether there is one worker.

    Raises:
        InputError: where the other workers would wait for this one.
    """
    what = f"update {number}: the meta step ran out of memory ({str(error).splitlines()[0]})"
    remedy = "lower --meta-max-tokens"
    if not alone:
        raise InputError(f"{what}, and the other workers wait for it: {remedy}")
    logger.warning(f"{what}, nothing learnt; {remedy}")
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def leave_out(
    error: RuntimeError, sample: dict[str, Any], criterion: Any, optimizer: Any, back_end: str
) -> Any:
    """What the trainer gets in place of a sub-batch that ran out of memory.

    The worker's gradients of the update so far are dropped: some of them may be of a half-done
    backward pass.

    Args:
        error: what was raised.
        sample: the sub-batch.
        criterion: gives the output of a batch that counts for nothing.
        optimizer: fairseq's.
        back_end: ``--ddp-backend``.

    Raises:
        InputError: where the other workers would wait for this one's backward pass.
    """
    if back_end not in ("legacy_ddp", "no_c10d"):
        raise InputError(
            f"a worker ran out of memory ({str(error).splitlines()[0]}), and with --ddp-backend "
            f"{back_end} the others wait for its gradients: lower --max-tokens, or use "
            "--ddp-backend legacy_ddp, which goes on without a batch that does not fit"
        )
    logger.warning(f"a sub-batch is left out, it ran out of memory: {error}")
    optimizer.zero_grad()
    if hasattr(optimizer, "_needs_sync"):
        # The gradients of the other workers will still come, which half precision has to copy.
        optimizer._needs_sync = True
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return criterion.zero_output(sample)
