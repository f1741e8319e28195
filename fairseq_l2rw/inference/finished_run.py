"""A finished run: its student, its weighting, and what their features need."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from fairseq import checkpoint_utils, tasks, utils
from torch import Tensor

from fairseq_l2rw import weighting
from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.pairs import Pairs, ParallelText
from fairseq_l2rw.features.features import by_sentence
from fairseq_l2rw.features.sample import INITIAL_WEIGHT, in_places
from fairseq_l2rw.initial_weights import saved
from fairseq_l2rw.training.assembly import build_extractor
from fairseq_l2rw.training.progress import Progress
from fairseq_l2rw.training.resume import check_same
from fairseq_l2rw.training.student import Student
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


def load_state(path: Path) -> dict[str, Any]:
    """A checkpoint of a run with ``--task l2rw_translation``, on the CPU.

    Raises:
        InputError: when it is of another task, or of a weighting that nothing has registered.
    """
    with whole_checkpoint(path):
        state = checkpoint_utils.load_checkpoint_to_cpu(str(path))
        name = getattr(state["cfg"].task, "_name", None)
    if name != "l2rw_translation":
        raise InputError(f"{path} was trained with --task {name}, not l2rw_translation")
    kind = state["cfg"].task.weighting
    if kind not in weighting.names():
        raise InputError(
            f"{path} was trained with --weighting {kind}, which is not of this package: name the "
            "folder that has it by --user-dir"
        )
    return state


def reweighting_state(state: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """What a checkpoint has of the weighting.

    Raises:
        InputError: when it has nothing.
    """
    found = state["extra_state"].get("L2RWTranslationTask")
    if not found:
        raise InputError(f"{path} holds no weighting: its run had not begun to train")
    return found


class FinishedRun:
    """The student and the weighting of a checkpoint, which weigh any pair.

    Args:
        path: of the checkpoint.
        device: where it computes.
        data: the folder of binary data, if it is no longer where it was.
        half: whether the student computes in half precision.

    Attributes:
        task: fairseq's, with both dictionaries.
        unit: ``sentence`` or ``token``: what has a weight.
        factors: names of the factors of a weight.

    Raises:
        InputError: when the run's weighting cannot weigh other text.
    """

    def __init__(
        self, path: Path, device: torch.device, data: str | None = None, half: bool = False
    ) -> None:
        state = load_state(path)
        cfg = state["cfg"]
        folders = data_folders(data, cfg.task.data, path, cfg.checkpoint.save_dir)
        cfg.task.data = os.pathsep.join(map(str, folders))
        self.device, self.half = device, half
        self.task: Any = tasks.setup_task(cfg.task, from_checkpoint=True)
        rule = self.weighting = weighting.build(cfg.task)
        if not rule.weighs_any_pair:
            raise InputError(
                f"--weighting {cfg.task.weighting} weighs a pair by what else is trained on with "
                "it; use deep, surface, initial, mwnet, lilaw or error_norm to weigh other text"
            )
        kept = reweighting_state(state, path)
        check_same(kept, cfg.task)
        self.unit: str = cfg.task.weight_unit
        self.factors: tuple[str, ...] = rule.factors
        self.dictionaries = self._dictionaries()
        self.initial = (
            saved.load(path.parent, self.dictionaries) if rule.reads_initial_weights else None
        )
        criterion = self.task.build_criterion(cfg.criterion, from_checkpoint=True)
        self.model = self.task.build_model(cfg.model, from_checkpoint=True)
        self.model.load_state_dict(state["model"], strict=True, model_cfg=cfg.model)
        self.model.to(device).eval()
        if half:
            self.model.half()
        self.criterion = criterion.to(device)
        vocabulary = len(self.task.target_dictionary)
        self.student = Student(cfg.task, self.model, criterion, rule, vocabulary)
        shared = self.dictionaries.shared
        self.extractor = build_extractor(criterion, cfg.task.weight_unit, rule, shared)
        self.extractor.load_state_dict(kept["extractor"])
        self.extractor.to(device)
        rule.load_state_dict(kept["weighting"])
        rule.to(device)
        progress = Progress(0, cfg.task.max_update, cfg.task.max_epoch)
        progress.load_state_dict(kept["progress"])
        self._when = progress.state(progress.updates)
        limits = self.task.max_positions(), self.model.max_positions()
        self.max_positions: tuple[int, int] = utils.resolve_max_positions(*limits)

    def _dictionaries(self) -> Dictionaries:
        return Dictionaries.of(self.task.source_dictionary, self.task.target_dictionary)

    def initial_weights(self, pairs: Pairs) -> list[Tensor] | None:
        """Those of N pairs, shapes (1,), or of their target tokens, shapes (T,), if they count."""
        if self.initial is None:
            return None
        factors = self.initial.factors(pairs)
        if self.unit == "sentence":
            return list(self.initial.weights(factors).split(1))
        sizes = ParallelText.of(pairs).tgt.sizes.tolist()
        return list(self.initial.token_weights(pairs, factors).split(sizes))

    @torch.no_grad()
    def weigh(self, sample: dict[str, Any], initial: Tensor | None) -> dict[str, Tensor]:
        """Weights of a batch, and their factors.

        Args:
            sample: fairseq's batch of N pairs.
            initial: what ``initial_weights`` gives of them, if the weighting reads it.

        Returns:
            ``weight`` and factors by name, each of shape (N,), on the CPU: of tokens the mean.
        """
        if self.half:
            sample = utils.apply_to_sample(
                lambda x: x.half() if x.dtype is torch.float32 else x, sample
            )
        sample = utils.move_to_cuda(sample) if self.device.type == "cuda" else sample
        if initial is not None:
            if self.unit == "token":
                initial = in_places(initial, sample["target"].cpu(), self.dictionaries.padding)
            sample[INITIAL_WEIGHT] = initial.to(self.device, torch.double)
        with self.student.reading() as states:
            output = self.model(**sample["net_input"])
        tokens = self.criterion.token_losses(self.model, output, sample)
        features = self.extractor.extract(sample, states, tokens, self._when)
        weights, factors = self.weighting.explained(features)
        safe, _ = weighting.safe(weights, torch.nan)
        found = {"weight": safe, **factors}
        means = (by_sentence(rows, features.lengths, self.unit) for rows in found.values())
        return {name: mean.float().cpu() for name, mean in zip(found, means, strict=True)}
