"""The file beside a run's checkpoints that gives other pairs their initial weights."""

import os
from pathlib import Path

import torch

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.initial_weights.estimate import InitialWeightModel
from fairseq_l2rw.utils.errors import InputError

NAME = "initial_weights.pt"


def save(model: InitialWeightModel, folder: Path) -> None:
    """Write the file, which appears under its name once it is complete.

    Args:
        model: what gives initial weights.
        folder: of the checkpoints; made if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{NAME}"
    torch.save(model.state_dict(), unfinished)
    os.replace(unfinished, folder / NAME)


def load(folder: Path, dictionaries: Dictionaries) -> InitialWeightModel:
    """Read the file.

    Args:
        folder: of the checkpoints.
        dictionaries: of the run.

    Raises:
        InputError: when it is missing or of another run.
    """
    path = folder / NAME
    if not path.is_file():
        raise InputError(
            f"missing file: {path}, which the run wrote when it began; keep it beside the "
            "checkpoints"
        )
    return InitialWeightModel.from_state(torch.load(path, weights_only=True), dictionaries)
