"""Where a run left its things: checkpoint, record of weights, data, text."""

from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from fairseq.data.data_utils import infer_language_pair, load_indexed_dataset

from fairseq_l2rw.inference.checkpoint_file import (
    check_folder,
    check_task,
    checkpoint_of,
    data_folders,
    reweighting_state,
    where_given,
    whole_checkpoint,
)
from fairseq_l2rw.text.columns import PairFiles
from fairseq_l2rw.text.files import digest
from fairseq_l2rw.text.manifest import Manifest
from fairseq_l2rw.utils.errors import InputError


@dataclass(frozen=True)
class RunFolder:
    """What a checkpoint says of its run, read without loading the model.

    Attributes:
        checkpoint: its file.
        task: options of the task.
        extra: fairseq's extra state: the iterator with the sampler, the weighting, the meters.
        updates: done so far.
        save_dir: of the run, as it was typed.
        name: what to call it beside others, by its folder.
        given_data: the folder of its binary data, if they were moved.
        given_record: the folder of its record of weights, likewise.
    """

    checkpoint: Path
    task: dict[str, Any]
    extra: dict[str, Any]
    updates: int
    save_dir: str
    name: str
    given_data: Path | None = None
    given_record: Path | None = None

    @classmethod
    def of(cls, run: Path, data: Path | None = None, record: Path | None = None) -> "RunFolder":
        """From a folder of checkpoints, or a checkpoint.

        Args:
            run: the one or the other.
            data: the folder of its binary data, if they were moved.
            record: the folder of its record of weights, likewise.

        Raises:
            InputError: when it is of another task.
        """
        path = checkpoint_of(run)
        with whole_checkpoint(path):
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            task = dict(state["cfg"]["task"])
        check_task(task.get("_name"), path)
        updates = state["optimizer_history"][-1]["num_updates"]
        save_dir = state["cfg"]["checkpoint"]["save_dir"]
        name = path.resolve().parent.name
        return cls(path, task, state["extra_state"], updates, save_dir, name, data, record)

    @property
    def recorded(self) -> int:
        """How many updates the record has from before the checkpoint: later ones are not its."""
        done: int = reweighting_state(self.extra, self.checkpoint)["progress"]["updates"]
        return done

    @cached_property
    def languages(self) -> tuple[str, str]:
        """Source and target; fairseq finds out from the data if it is not told."""
        named = self.task["source_lang"], self.task["target_lang"]
        source, target = named if all(named) else infer_language_pair(str(self.folders[0]))
        return source, target

    @cached_property
    def record(self) -> Path:
        """The folder of the record.

        Raises:
            InputError: when there is none.
        """
        given = self.given_record
        named = given or self.task.get("weights_dir")
        if named is None:
            raise InputError(f"{self.checkpoint} was trained without --weights-dir: no weights")
        first = given or where_given(str(named), self.checkpoint, self.save_dir)
        for folder in (first, self.checkpoint.parent / Path(named).name):
            if folder.is_dir():
                return folder
        raise InputError(f"the record of weights is not there: {first}; give --weights-dir")

    @cached_property
    def folders(self) -> list[Path]:
        """All folders of binary data, which epochs took in turn; the first has the dictionaries.

        Raises:
            InputError: when one is not there.
        """
        found = data_folders(self.given_data, self.task["data"], self.checkpoint, self.save_dir)
        for folder in found[1:]:
            check_folder(folder)
        return found

    @cached_property
    def target_lengths(self) -> npt.NDArray[np.float64]:
        """Target tokens of every line of the training text, shape (lines,).

        Raises:
            InputError: when the data do not have the training text.
        """
        names = self.task.get("train_subset") or "train", *self.languages
        return np.concatenate([_target_lengths(folder, *names) for folder in self.folders])

    def text(self, given: list[str] | None = None) -> PairFiles:
        """The files of the training text.

        Args:
            given: where they are now, if they were moved or are not known: one part, with the text
                of all folders and splits.

        Raises:
            InputError: when they are not known or not there, or of another length than the data.
        """
        for file in given or ():
            _check_text(file)
        parts = [given] if given else [_text(folder, self.languages) for folder in self.folders]
        files, lines = PairFiles(parts), len(self.target_lengths)
        if (found := files.count()) != lines:
            raise InputError(
                f"{files.name} has {found:,} lines, and the run's training data have {lines:,}: "
                "give all of the text that it was trained on by --text SOURCE TARGET"
            )
        return files


def _check_text(file: str) -> None:
    if not Path(file).is_file():
        raise InputError(f"the training text is not there: {file}; give --text")


def _text(folder: Path, languages: tuple[str, str]) -> list[str]:
    """The files of the text that a folder was made of, source first.

    Raises:
        InputError: when they are not known, not there, or have changed.
    """
    if not (folder / Manifest.NAME).is_file():
        raise InputError(
            f"{folder} was not made by fairseq-l2rw prepare, so its text is not known: give "
            "--text SOURCE TARGET"
        )
    manifest = Manifest.read(folder)
    files: list[str] = manifest.texts["train"]
    for file, made_of in zip(files, manifest.settings["text"]["train"], strict=True):
        _check_text(file)
        if digest(file) != made_of:
            raise InputError(
                f"{file} has changed since {folder} was prepared from it, so that weights would "
                "be those of other lines: give the text as it was by --text"
            )
    if tuple(manifest.settings["languages"]) == languages:
        return files
    if len(files) == 1:  # a table with the other column first
        raise InputError(
            f"the run translates the second column of {files[0]} into the first: write the columns "
            "the other way round, and give that by --text"
        )
    return files[::-1]


def _target_lengths(folder: Path, subset: str, source: str, target: str) -> npt.NDArray[np.float64]:
    """Target tokens of the training lines of a folder, shape (lines,).

    fairseq reads all splits whose names are that of the subset with a number behind it, too.
    """
    parts: list[npt.NDArray[np.float64]] = []
    for number in count():
        split = f"{subset}{number or ''}"
        for pair in (f"{source}-{target}", f"{target}-{source}"):
            prefix = folder / f"{split}.{pair}.{target}"
            if prefix.with_name(prefix.name + ".idx").is_file():
                dataset = load_indexed_dataset(str(prefix))  # closes its file when it goes
                parts.append(np.array(dataset.sizes, dtype=np.float64))
                break
        else:
            break
    if not parts:
        raise InputError(f"{folder} has no {subset}.{source}-{target}.{target}.idx")
    return np.concatenate(parts)
