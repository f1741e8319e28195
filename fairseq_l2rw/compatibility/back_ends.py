"""Ways to run fairseq's training that reweighting cannot follow, told before training begins."""

from collections.abc import Callable
from typing import Any

from fairseq_l2rw.utils.errors import InputError


def _on(value: Any) -> bool:
    return value is True


# By option of fairseq's trainer: whether a value cannot work, why, and what to use.
_REFUSED: dict[str, tuple[Callable[[Any], bool], str, str]] = {
    "tpu": (
        _on,
        "fairseq takes this flag and --bf16 for a TPU, on which nothing of this was tested",
        "use --fp16 or --amp for half precision on a GPU",
    ),
    "ddp_backend": (
        lambda value: value in ("fully_sharded", "slowmo"),
        "no worker has all parameters and gradients of an update",
        "use --ddp-backend pytorch_ddp or legacy_ddp",
    ),
    "zero_sharding": (
        lambda value: value == "os",
        "no worker has all of the optimizer's state",
        "leave out --zero-sharding",
    ),
    "model_parallel_size": (
        lambda value: isinstance(value, int) and value > 1,
        "no worker has the whole model",
        "leave out --model-parallel-size",
    ),
    "pipeline_model_parallel": (
        _on,
        "no worker has the whole model",
        "leave out --pipeline-model-parallel",
    ),
    "use_bmuf": (_on, "workers do not share the gradient of an update", "leave out --use-bmuf"),
}


def check_back_end(cfg: Any) -> None:
    """Refuse, before training begins, what reweighting cannot follow.

    Args:
        cfg: the task's options, which repeat those of fairseq's trainer.

    Raises:
        InputError: naming the flag.
    """
    for option, (cannot, reason, remedy) in _REFUSED.items():
        value = getattr(cfg, option)
        if cannot(value):
            flag = f"--{option.replace('_', '-')}" + ("" if value is True else f" {value}")
            raise InputError(f"{flag} does not go with reweighting: {reason}; {remedy}")
