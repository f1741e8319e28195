"""The file of a checkpoint, read without the student: where it is, and where its data are."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from fairseq import utils

from fairseq_l2rw.utils.errors import InputError

#: fairseq's name of the last checkpoint of a run.
LAST = "checkpoint_last.pt"


def checkpoint_of(run: Path) -> Path:
    """The checkpoint that is meant by a folder of them, or by its own name.

    Raises:
        InputError: when there is none.
    """
    path = run / LAST if run.is_dir() else run
    if not path.is_file():
        raise InputError(f"no checkpoint {path}: name the --save-dir of a run, or a checkpoint")
    return path


@contextmanager
def whole_checkpoint(path: Path) -> Iterator[None]:
    """Read a checkpoint in the ``with`` block.

    Raises:
        InputError: when the file is none, or a part of one.
    """
    try:
        yield
    except (RuntimeError, EOFError, UnpicklingError) as error:
        raise InputError(f"{path} is no whole checkpoint: {str(error).splitlines()[0]}") from None
    except (KeyError, IndexError, TypeError, AttributeError):
        raise InputError(f"{path} is no checkpoint of fairseq-train") from None


def where_given(name: str, checkpoint: Path, save_dir: str) -> Path:
    """A path as a run was given it, from the folder in which the run began.

    Which folder that is shows in where the checkpoint is now and what ``--save-dir`` was called, if
    that was neither absolute nor above the folder. Else paths are taken from the current folder.

    Args:
        name: the path, as it was typed.
        checkpoint: of the run.
        save_dir: its ``--save-dir``, as it was typed.
    """
    typed = Path(os.path.normpath(save_dir)).parts
    count, found = len(typed), []
    # The folder may be a link.
    for here in (Path(os.path.abspath(checkpoint.parent)), checkpoint.parent.resolve()):
        if here.parts[len(here.parts) - count :] == typed and not os.path.isabs(save_dir):
            found.append(Path(*here.parts[: len(here.parts) - count]) / name)
    return next((path for path in found if path.exists()), (found or [Path(name)])[0])


def data_folders(
    given: str | Path | None, typed: str, checkpoint: Path, save_dir: str
) -> list[Path]:
    """The folders of binary data of a run, of which the first, with the dictionaries, is there.

    Args:
        given: where they are now, if they were moved, with colons between them.
        typed: as the run was given them.
        checkpoint: of the run.
        save_dir: its ``--save-dir``, as it was typed.

    Raises:
        InputError: when the first one is missing.
    """
    names = utils.split_paths(str(given or typed))
    found = [Path(name) if given else where_given(name, checkpoint, save_dir) for name in names]
    check_folder(found[0])
    return found


def check_folder(folder: Path) -> None:
    """Raise ``InputError`` where a folder of binary data is missing."""
    if not folder.is_dir():
        raise InputError(f"the run's folder of binary data is not there: {folder}; give --data")


def check_task(name: str | None, path: Path) -> None:
    """Raise ``InputError`` for a checkpoint that was trained with another task."""
    if name != "l2rw_translation":
        raise InputError(f"{path} was trained with --task {name}, not l2rw_translation")


def reweighting_state(extra: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """What a checkpoint has of the weighting.

    Args:
        extra: fairseq's extra state.
        path: of the checkpoint.

    Raises:
        InputError: when it has nothing.
    """
    found: dict[str, Any] = extra.get("L2RWTranslationTask") or {}
    if not found:
        raise InputError(f"{path} holds no weighting: its run had not begun to train")
    return found
