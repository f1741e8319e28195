"""A finished run: its student, its weighting, and what their features need."""

import os
from pathlib import Path
from typing import Any

import torch
from fairseq import checkpoint_utils, tasks, utils
from torch import Tensor

from fairseq_l2rw import weighting
from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.pairs import ParallelText
from fairseq_l2rw.features.features import by_sentence
from fairseq_l2rw.features.sample import INITIAL_WEIGHT, in_places
from fairseq_l2rw.inference.checkpoint_file import (
    check_task,
    data_folders,
    reweighting_state,
    whole_checkpoint,
)
from fairseq_l2rw.initial_weights import saved
from fairseq_l2rw.training.assembly import build_extractor
from fairseq_l2rw.training.progress import Progress
from fairseq_l2rw.training.resume import check_same
from fairseq_l2rw.training.student import Student
from fairseq_l2rw.utils.errors import InputError


def load_state(path: Path) -> dict[str, Any]:
    """A checkpoint of a run with ``--task l2rw_translation``, on the CPU.

    Raises:
        InputError: when it is of another task, or of a weighting that nothing has registered.
    """
    with whole_checkpoint(path):
        state = checkpoint_utils.load_checkpoint_to_cpu(str(path))
        name = getattr(state["cfg"].task, "_name", None)
    check_task(name, path)
    kind = state["cfg"].task.weighting
    if kind not in weighting.names():
        raise InputError(
            f"{path} was trained with --weighting {kind}, which is not of this package: name the "
            "folder that has it by --user-dir"
        )
    return state


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
        kept = reweighting_state(state["extra_state"], path)
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
        vocabulary = self.dictionaries.types[1]
        self.student = Student(cfg.task, self.model, criterion, rule, vocabulary)
        read = criterion, cfg.task.weight_unit, rule, self.dictionaries
        self.extractor = build_extractor(*read)
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

    def initial_weights(self, pairs: ParallelText) -> list[Tensor] | None:
        """Initial weights of N pairs, (1,) each, or of their tokens, (T,); None if not read."""
        if self.initial is None:
            return None
        factors = self.initial.factors(pairs)
        if self.unit == "sentence":
            return list(self.initial.weights(factors).split(1))
        sizes = pairs.tgt.sizes.tolist()
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
