"""What lasts of reweighting, and what a checkpoint must share with the run that goes on."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fairseq_l2rw.data.trusted_pairs import TrustedBatches
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.weighting import find
from fairseq_l2rw.weighting.options import parsed

logger = logging.getLogger(__name__)

#: Of what ``PersistentParts.state_dict`` gives.
STATE_VERSION = 20


class PersistentParts:
    """The parts of reweighting that last, by name.

    Args:
        cfg: the task's options.
        trusted: the trusted pairs, if the weighting learns from them.
        parts: each with ``state_dict`` and ``load_state_dict``; None for one that is not there.
    """

    def __init__(self, cfg: Any, trusted: TrustedBatches | None, **parts: Any) -> None:
        self.cfg, self.trusted = cfg, trusted
        parts["trusted"] = trusted
        self.parts = {name: part for name, part in parts.items() if part is not None}

    def state_dict(self) -> dict[str, Any]:
        """All that lasts."""
        return {
            "version": STATE_VERSION,
            "options": same_options(self.cfg),
            "trusted_pairs": self.trusted.fingerprint if self.trusted else None,
            **{name: part.state_dict() for name, part in self.parts.items()},
        }

    def load_state_dict(self, state: dict[str, Any] | None) -> bool:
        """Restore ``state_dict``, if it is of the same options and trusted pairs.

        Returns:
            Whether it was restored.

        Raises:
            InputError: for a state of another version or of other options.
        """
        if not state:
            return False
        check_same(state, self.cfg)
        if self.trusted is not None and state["trusted_pairs"] != self.trusted.fingerprint:
            logger.warning(
                f"--meta-subset {self.cfg.meta_subset} has other trusted pairs than the checkpoint "
                "was trained with: what its teacher has learnt from them is not taken over"
            )
            # The record goes on: its updates have the run's own numbers.
            self.parts["progress"].updates = state["progress"]["updates"]
            return False
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        return True


def same_options(cfg: Any) -> dict[str, Any]:
    """What has to be the same, by the option's name: it decides what a state means, or its shapes.

    A weighting's own options are told one by one, whichever way they were written.
    """
    found = {"weighting": cfg.weighting, "weight_unit": cfg.weight_unit}
    own = asdict(parsed(find(cfg.weighting), cfg.weighting_options))
    return found | {f"weighting_options {name}": value for name, value in own.items()}


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
    before, now = state["options"], same_options(cfg)
    for name in dict.fromkeys([*before, *now]):
        if before.get(name) != now.get(name):
            flag = "--" + name.replace("_", "-")
            raise InputError(
                f"the checkpoint was trained with {flag} {before.get(name)}, not "
                f"{now.get(name)}; resume with it, or give --reset-dataloader to start "
                "weighting and teacher afresh with its model"
            )
