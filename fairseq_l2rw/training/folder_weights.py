"""Initial weights of the training text of one folder: found by one worker, once for a text."""

from functools import cached_property, partial
from pathlib import Path

import torch
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.pairs import Pairs, ParallelText
from fairseq_l2rw.data.training_text import TrainingText
from fairseq_l2rw.initial_weights.estimate import InitialWeightModel
from fairseq_l2rw.initial_weights.options import InitialOptions
from fairseq_l2rw.initial_weights.saved import find_or_load, is_saved
from fairseq_l2rw.sampling.token_weights import TokenWeights
from fairseq_l2rw.training.workers import by_one
from fairseq_l2rw.utils.pass_progress import PassProgress
from fairseq_l2rw.utils.weight_bytes import to_bytes


class FolderWeights:
    """Initial weights of a folder's pairs; every worker must ask for them.

    Args:
        text: the pairs.
        trusted: the trusted pairs.
        dictionaries: of the languages.
        options: what weights go by.
        kept: the file beside the data, see ``fairseq_l2rw.initial_weights.saved.kept_path``.
        beside: the folder of the run's checkpoints, where these weights are for other text, too.
    """

    def __init__(
        self,
        text: TrainingText,
        trusted: Pairs,
        dictionaries: Dictionaries,
        options: InitialOptions,
        kept: Path,
        beside: Path | None,
    ) -> None:
        self._text, self._trusted, self._dictionaries = text, trusted, dictionaries
        self._options, self._kept, self._beside = options, kept, beside

    @cached_property
    def of_tokens(self) -> TokenWeights | None:
        """Those of target tokens, where tokens have weights."""
        if self._options.unit != "token":
            return None
        sizes = self._text.pairs.sizes[:, 1]
        found = self._by_one(int(sizes.sum()))
        return TokenWeights(self._text.trained, sizes, found, self._dictionaries.padding)

    def by_line(self) -> Tensor:
        """Those of the folder's lines as bytes, NaN where a line is not trained on, (lines,)."""
        if self.of_tokens is None:
            return self._by_one(self._text.lines.count)
        return self._text.by_line(self.of_tokens.means)

    def is_saved(self) -> bool:
        """Whether what weighs other text is beside the checkpoints, or nothing has to be."""
        if self._beside is None:
            return True
        # One of the workers says so, as it will write the file.
        known = partial(is_saved, self._beside, self._kept)
        return bool(by_one(lambda: torch.tensor(known()), torch.tensor(False)))

    def _by_one(self, count: int) -> Tensor:
        """What is found as bytes, (count,), by one worker and sent to the others."""
        find = partial(find_or_load, self._kept, self._beside, self._find)
        return by_one(find, torch.empty(count, dtype=torch.uint8))

    def _find(self) -> tuple[InitialWeightModel, Tensor]:
        text = self._text
        model = InitialWeightModel.learn(
            text.pairs, self._trusted, self._dictionaries, self._options
        )
        found = [torch.empty(0, dtype=torch.uint8)]
        with PassProgress("initial weights", len(text.pairs)) as progress:
            for block in ParallelText.in_blocks(text.pairs):
                found.append(to_bytes(model.weigh(block)))
                progress.add(len(block))
        weights = torch.cat(found)
        return model, weights if self._options.unit == "token" else text.by_line(weights)
