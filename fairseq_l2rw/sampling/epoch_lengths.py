"""What fairseq's flags that count epochs mean where an epoch holds only some of the pairs."""

import logging
from collections.abc import Sequence
from typing import Any

from fairseq_l2rw.sampling.sampled_batches import EpochSize
from fairseq_l2rw.utils.errors import InputError

logger = logging.getLogger(__name__)


class EpochLengthLog:
    """Says how many pairs every epoch holds, and warns once of flags that count epochs.

    Args:
        cfg: the task's options.
    """

    def __init__(self, cfg: Any) -> None:
        self.cfg = cfg
        self._warned = False

    def begin(self, epoch: EpochSize) -> None:
        """Before the first update of an epoch.

        Raises:
            InputError: when there is no update in it.
        """
        logger.info(f"epoch {epoch.number} holds {epoch.pairs} of {epoch.all_pairs} pairs")
        if _updates(self.cfg, epoch.number, epoch.batches) < 1:
            raise InputError(
                f"epoch {epoch.number} holds {epoch.pairs} pairs, too few for an update with "
                "--skip-remainder-batch: leave it out, or use --min-sampling-probability 1"
            )
        if not self._warned and (flags := counting_epochs(self.cfg)):
            logger.warning(self._warning(epoch, flags))
        self._warned = True

    def _warning(self, epoch: EpochSize, flags: Sequence[str]) -> str:
        sampled, plain = (
            _updates(self.cfg, epoch.number, batches)
            for batches in (epoch.batches, epoch.all_batches)
        )
        text = (
            f"epoch {epoch.number} holds {epoch.pairs} of {epoch.all_pairs} pairs, "
            "sampled by weight "
            f"(--min-sampling-probability {self.cfg.min_sampling_probability}): {sampled} updates, "
            f"where plain training takes {plain}"
        )
        if last := self.cfg.max_epoch:
            sampled, plain = (
                updates_until(self.cfg, last, batches)
                for batches in (epoch.batches, epoch.all_batches)
            )
            text += f"; --max-epoch {last} will be about {sampled} updates, where it takes {plain}"
        elsewhere = [flag for flag in flags if not flag.startswith("--max-epoch")]
        if elsewhere:
            text += f"; {', '.join(elsewhere)} will count such epochs, too"
        instead = f"--max-update {plain}" if last else "flags that count updates"
        all_pairs = "--min-sampling-probability 1 for epochs of all pairs"
        return f"{text}. Use {instead} instead, or {all_pairs}"


def _updates(cfg: Any, epoch: int, batches: int) -> int:
    """Updates of an epoch in which every worker has some batches."""
    every = cfg.update_freq[min(epoch, len(cfg.update_freq)) - 1]
    if cfg.skip_remainder_batch:  # a batch, then a part of an update
        return (batches - 1) // every
    return -(-batches // every)


def updates_until(cfg: Any, epoch: int, batches: int) -> int:
    """Updates until the end of an epoch.

    Args:
        cfg: the task's options.
        epoch: its number, from 1.
        batches: of every epoch, on every worker.
    """
    return sum(_updates(cfg, number, batches) for number in range(1, epoch + 1))


def counting_epochs(cfg: Any) -> list[str]:
    """The flags given that count epochs, as on the command line."""
    name, options = cfg.lr_scheduler, cfg.lr_scheduler_options or {}
    found = {
        f"--max-epoch {cfg.max_epoch}": cfg.max_epoch,
        f"--patience {cfg.patience}": cfg.patience > 0,
        f"--save-interval {cfg.save_interval}": cfg.save_interval > 1,
        f"--validate-interval {cfg.validate_interval}": cfg.validate_interval > 1,
        f"--lr-scheduler {name}": name in ("reduce_lr_on_plateau", "manual"),
        f"--force-anneal {options.get('force_anneal')}": options.get("force_anneal"),
        f"--lr {cfg.lr}": name == "fixed" and len(cfg.lr) > 1,
        f"--update-freq {cfg.update_freq}": len(cfg.update_freq) > 1,
    }
    return [flag for flag, given in found.items() if given]
