"""What a checkpoint must have in common with the run that goes on from it."""

from collections.abc import Mapping
from typing import Any

from fairseq_l2rw.errors import InputError

#: Of what :meth:`fairseq_l2rw.reweighting.Reweighting.state_dict` gives.
STATE_VERSION = 14
# Options that decide what the state means, or its shapes.
_SAME = (
    *("weighting", "weighting_options", "weight_unit"),
    *("teacher_head", "teacher_reads", "teacher_depth", "teacher_hidden_size"),
)


def told(cfg: Any) -> dict[str, Any]:
    """What has to be the same, by the option's name."""
    return {name: getattr(cfg, name) for name in _SAME}


def check_same(state: Mapping[str, Any], cfg: Any) -> None:
    """Refuse a state of another version, or of a run with other options.

    Args:
        state: what was saved.
        cfg: the task's options of the run that goes on.

    Raises:
        InputError: naming the first flag that differs, and both ways out.
    """
    if state.get("version") != STATE_VERSION:
        raise InputError(
            f"the checkpoint's reweighting state has version {state.get('version')}, this package "
            f"reads {STATE_VERSION}; resume with the package that wrote it, or give "
            "--reset-dataloader to start weighting and teacher afresh with its model"
        )
    for name, value in told(cfg).items():
        before = state["options"][name]
        if before != value:
            raise InputError(
                f"the checkpoint was trained with --{name.replace('_', '-')} {before or repr('')}, "
                f"not {value or repr('')}; resume with it, or give --reset-dataloader to start "
                "weighting and teacher afresh with its model"
            )
