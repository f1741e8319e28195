"""Where a run left its things: checkpoint, record of weights, data, text."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from fairseq.data.data_utils import infer_language_pair, load_indexed_dataset
from fairseq.utils import split_paths

from fairseq_l2rw.inference.finished_run import checkpoint_of
from fairseq_l2rw.text.columns import PairFiles
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
    """

    checkpoint: Path
    task: dict[str, Any]
    extra: dict[str, Any]
    updates: int

    @classmethod
    def of(cls, run: Path) -> "RunFolder":
        """From a folder of checkpoints, or a checkpoint.

        Raises:
            InputError: when it is of another task.
        """
        path = checkpoint_of(run)
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        task = dict(state["cfg"]["task"])
        if task.get("_name") != "l2rw_translation":
            raise InputError(
                f"{path} was trained with --task {task.get('_name')}, not l2rw_translation"
            )
        return cls(path, task, state["extra_state"], state["optimizer_history"][-1]["num_updates"])

    def languages(self, data: Path | None = None) -> tuple[str, str]:
        """Source and target; fairseq finds out from the data if it is not told.

        Args:
            data: the folder of binary data, if it was moved.
        """
        named = self.task["source_lang"], self.task["target_lang"]
        source, target = named if all(named) else infer_language_pair(str(self.data(data)))
        return source, target

    @property
    def name(self) -> str:
        """What to call it beside others."""
        return self.checkpoint.resolve().parent.name

    def record(self, given: Path | None = None) -> Path:
        """The folder of the record.

        Args:
            given: where it is now, if it was moved.

        Raises:
            InputError: when there is none.
        """
        named = given or self.task.get("weights_dir")
        if named is None:
            raise InputError(f"{self.checkpoint} was trained without --weights-dir: no weights")
        for folder in (Path(named), self.checkpoint.parent / Path(named).name):
            if folder.is_dir():
                return folder
        raise InputError(f"the record of weights is not there: {named}; give --weights-dir")

    def data(self, given: Path | None = None) -> Path:
        """The folder of binary data; of several the first one.

        Raises:
            InputError: when it is not there.
        """
        return self.folders(given)[0]

    def folders(self, given: Path | None = None) -> list[Path]:
        """All folders of binary data, which epochs took in turn.

        Raises:
            InputError: when one is not there.
        """
        found = [Path(name) for name in split_paths(str(given or self.task["data"]))]
        for folder in found:
            if not folder.is_dir():
                raise InputError(
                    f"the run's folder of binary data is not there: {folder}; give --data"
                )
        return found

    def target_lengths(self, data: Path | None = None) -> npt.NDArray[np.float64]:
        """Target tokens of every line of the training text, shape (lines,).

        Args:
            data: the folder of binary data, if it was moved.

        Raises:
            InputError: when it does not have the training text.
        """
        languages = self.languages(data)
        return np.concatenate(
            [_target_lengths(folder, *languages) for folder in self.folders(data)]
        )

    def text(self, given: list[str] | None = None, data: Path | None = None) -> PairFiles:
        """The files of the training text.

        Args:
            given: where they are now, if they were moved or are not known: one part, with the text
                of all folders.
            data: likewise of the binary data.

        Raises:
            InputError: when they are not known or not there.
        """
        parts = [given] if given else [_text(folder) for folder in self.folders(data)]
        for file in chain.from_iterable(parts):
            if not Path(file).is_file():
                raise InputError(f"the training text is not there: {file}; give --text")
        return PairFiles(parts)


def _text(folder: Path) -> list[str]:
    """The files of the text that a folder was made of."""
    if not (folder / Manifest.NAME).is_file():
        raise InputError(
            f"{folder} was not made by fairseq-l2rw prepare, so its text is not known: give "
            "--text SOURCE TARGET"
        )
    files: list[str] = Manifest.read(folder).texts["train"]
    return files


def _target_lengths(folder: Path, source: str, target: str) -> npt.NDArray[np.float64]:
    """Target tokens of the training lines of a folder, shape (lines,)."""
    for pair in (f"{source}-{target}", f"{target}-{source}"):
        prefix = folder / f"train.{pair}.{target}"
        if prefix.with_name(prefix.name + ".idx").is_file():
            dataset = load_indexed_dataset(str(prefix))  # closes its file when it goes
            return np.array(dataset.sizes, dtype=np.float64)
    raise InputError(f"{folder} has no train.{source}-{target}.{target}.idx")
