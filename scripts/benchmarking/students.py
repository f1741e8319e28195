"""The student of a benchmark, its batches, and fairseq's own training step."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import training


@dataclass(frozen=True)
class Setting:
    """What all sides have in common.

    Attributes:
        data: folder of binary data with the splits train, valid and meta.
        out: where a side may write.
        width: of the student's layers.
        layers: of its encoder, and as many of its decoder.
        max_tokens: of a training batch, padding included.
        dev_share: size of a dev batch, as a share of a training batch.
        device: ``cpu`` or ``cuda``.
        precision: ``fp32``, ``fp16`` or ``bf16``.
    """

    data: Path
    out: Path
    width: int = 192
    layers: int = 3
    max_tokens: int = 1024
    dev_share: float = 0.25
    device: str = "cpu"
    precision: str = "fp32"


def quiet() -> None:
    """Leave out what fairseq's set-up and torch say of every student anew."""
    logging.disable(logging.INFO)
    warnings.simplefilter("ignore")


def train_command(setting: Setting, weighting: str, flags: Sequence[str] = ()) -> list[str]:
    """Return the arguments of ``fairseq-train``: the student of Multi30k's recipe, resized."""
    config = replace(
        training.CONFIGS["multi30k"],
        width=setting.width,
        inner=setting.width * 8 // 3,
        layers=setting.layers,
        max_tokens=setting.max_tokens,
        weighting_warmup=0,
        cpu=setting.device == "cpu",
    )
    training.CONFIGS["benchmark"] = config
    precision = [] if setting.precision == "fp32" else [f"--{setting.precision}"]
    tokens = max(1, int(setting.max_tokens * setting.dev_share))
    dev = [] if weighting == training.STOCK else ["--meta-max-tokens", str(tokens)]
    run = training.Run(
        setting.data,
        setting.out / "run",
        weighting,
        config="benchmark",
        extra=(*precision, "--no-save", *dev, *flags),
    )
    return training.train_command(run)[1:]


class Student:
    """fairseq's trainer, one update at a time."""

    def __init__(self, arguments: Sequence[str]) -> None:
        """Set up as ``fairseq-train`` does, up to the first update."""
        from fairseq import options, tasks, utils
        from fairseq.dataclass.utils import convert_namespace_to_omegaconf
        from fairseq.trainer import Trainer

        parsed = options.parse_args_and_arch(options.get_training_parser(), list(arguments))
        parsed.tpu = False  # fairseq's command line takes --bf16 for a TPU's
        cfg = convert_namespace_to_omegaconf(parsed)
        utils.import_user_module(cfg.common)
        utils.set_torch_seed(cfg.common.seed)
        self.task = tasks.setup_task(cfg.task)
        self.model = self.task.build_model(cfg.model)
        self.criterion = self.task.build_criterion(cfg.criterion)
        self.trainer = Trainer(cfg, self.task, self.model, self.criterion)
        self.batches = self.trainer.get_train_iterator(1)
        self.task.begin_epoch(1, self.trainer.get_model())

    def samples(self, count: int) -> list[dict[str, Any]]:
        """The first batches of the epoch."""
        return list(islice(self.batches.next_epoch_itr(shuffle=True), count))

    def moved(self, sample: dict[str, Any]) -> dict[str, Any]:
        """A batch where the student is."""
        from fairseq import utils

        return utils.move_to_cuda(sample) if self.trainer.cuda else sample

    def update(self, sample: dict[str, Any]) -> None:
        """All that an update of ``fairseq-train`` is."""
        self.trainer.train_step([sample])
