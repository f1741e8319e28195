"""Histograms of weights where fairseq writes its numbers: TensorBoard and Weights & Biases."""

from typing import Any

import torch
from fairseq.logging import progress_bar
from torch import Tensor

from fairseq_l2rw.training.update_summary import Summary
from fairseq_l2rw.training.workers import rank

# fairseq's name of what it logs within an epoch.
_TAG = "train_inner"


class WeightHistograms:
    """Gathers the applied weights of some updates and hands them on as often as fairseq logs.

    fairseq opens both when it logs for the first time; until then weights are only gathered.

    Args:
        cfg: the task's options.
    """

    def __init__(self, cfg: Any) -> None:
        self._tensorboard = bool(cfg.tensorboard_logdir)
        self._wandb = bool(cfg.wandb_project)
        self._interval = max(1, cfg.log_interval or 1)
        self._weights: list[Tensor] = []

    def add(self, number: int, update: Summary) -> None:
        """Take in an update, of all workers; write if it is time.

        Args:
            number: of the update, from 0.
            update: its summary.
        """
        if not (self._tensorboard or self._wandb) or rank() != 0:
            return
        self._weights.append(update.applied_weights.detach())
        done = number + 1
        if done % self._interval or not self._weights:
            return
        writer = progress_bar._tensorboard_writers.get(_TAG) if self._tensorboard else None
        wandb = progress_bar.wandb if self._wandb else None
        if wandb is not None and wandb.run is None:
            wandb = None
        if writer is None and wandb is None:
            del self._weights[: -self._interval]  # it may never open
            return
        weights = torch.cat(self._weights).float().cpu().numpy()
        self._weights.clear()
        if writer is not None:
            writer.add_histogram("weights", weights, done)
        if wandb is not None:
            wandb.log({f"{_TAG}/weights": wandb.Histogram(weights)}, step=done)
