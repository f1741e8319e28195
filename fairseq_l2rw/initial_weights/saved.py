"""Files of initial weights: beside the data for later runs, and beside a run's checkpoints.

What it takes to find them grows with the corpus. So they are found once for a corpus, trusted pairs
and options, and not for every run.
"""

import logging
from collections.abc import Callable
from dataclasses import astuple
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.digests import digests
from fairseq_l2rw.data.pairs import Pairs, ParallelText
from fairseq_l2rw.initial_weights.estimate import VERSION, InitialWeightModel
from fairseq_l2rw.initial_weights.options import InitialOptions
from fairseq_l2rw.utils.complete_files import completed
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.utils.weight_bytes import summary

logger = logging.getLogger(__name__)

#: Of the file beside a run's checkpoints.
NAME = "initial_weights.pt"


def kept_path(
    folder: Path,
    text: bytes,
    count: int,
    trained: np.ndarray,
    trusted: Pairs,
    dictionaries: Dictionaries,
    options: InitialOptions,
) -> Path:
    """The file beside the data, whose name stands for all that initial weights depend on.

    Args:
        folder: of the data.
        text: a digest of all training pairs: a text that was mended in a single place is another
            one.
        count: lines that it has.
        trained: which of them are trained on, shape (N,).
        trusted: M trusted pairs.
        dictionaries: of the languages.
        options: what weights go by.
    """
    digest = sha256(f"{VERSION} {astuple(options.decisive)} {count} {dictionaries.digest}".encode())
    digest.update(text)
    known, of = digests(ParallelText.of(trusted)), dictionaries
    for numbers in (known, trained, of.boundaries, *of.digits, of.shared):
        digest.update(np.asarray(numbers).ravel().data)
    return folder / f"initial_weights.{digest.hexdigest()[:16]}.pt"


def find_or_load(
    kept: Path, beside: Path | None, find: Callable[[], tuple[InitialWeightModel, Tensor]]
) -> Tensor:
    """Initial weights as bytes, found only where no earlier run kept them.

    Args:
        kept: the file beside the data.
        beside: the folder of the run's checkpoints, if there will be any. The same file is copied
            there: it gives other pairs their initial weights.
        find: gives the model and the weights, as ``fairseq_l2rw.utils.weight_bytes.to_bytes`` gives
            them: by line, shape (lines,), or of the target tokens of all lines that are trained on,
            flat.

    Returns:
        The weights, of that shape.

    Raises:
        InputError: when the first file cannot be read, or the second one not be written.
    """
    if kept.is_file():
        content = _read(kept)
        said = summary(content["weights"])
        logger.info(f"initial weights: {said}, as an earlier run found with the same data ({kept})")
    else:
        model, found = find()
        content = {"model": model.state_dict(), "weights": found, "kept": kept.name}
        try:
            _write(kept, content)
            logger.info(f"initial weights: kept in {kept} for later runs with the same data")
        except OSError as error:
            logger.warning(
                "initial weights cannot be kept beside the data, so later runs will find them "
                f"again: {error}"
            )
    if beside is not None:
        try:
            _write(beside / NAME, content)
        except OSError as error:
            raise InputError(f"--save-dir {beside} cannot be written to: {error}") from None
    weights: Tensor = content["weights"]
    return weights


def is_saved(folder: Path, kept: Path) -> bool:
    """Whether the file beside a run's checkpoints is that of the same text.

    Args:
        folder: of the checkpoints.
        kept: the file beside the data.
    """
    path = folder / NAME
    return path.is_file() and _read(path).get("kept") == kept.name


def load(folder: Path, dictionaries: Dictionaries) -> InitialWeightModel:
    """The model of the file beside a run's checkpoints.

    Args:
        folder: of the checkpoints.
        dictionaries: of the run.

    Raises:
        InputError: when the file is missing or of another run.
    """
    path = folder / NAME
    if not path.is_file():
        raise InputError(
            f"missing file: {path}, which the run wrote when it began; keep it beside the "
            "checkpoints"
        )
    return InitialWeightModel.from_state(_read(path).get("model", {}), dictionaries)


def _read(path: Path) -> dict[str, Any]:
    """What a file has; tensors are not read before they are used."""
    try:
        found: dict[str, Any] = torch.load(path, weights_only=True, mmap=True)
    except (RuntimeError, OSError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} cannot be read ({reason}): delete it") from None
    return found


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write a file that other runs may write, too: they share the folder of the data.

    Raises:
        OSError: when it cannot be written.
    """
    try:
        with completed(path, alone=False) as unfinished, open(unfinished, "wb") as file:
            torch.save(content, file)
    except RuntimeError as error:  # torch's, of a disk that is full
        raise OSError(str(error).splitlines()[0]) from None
