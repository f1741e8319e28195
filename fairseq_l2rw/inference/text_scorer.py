"""Weights of pairs of sentences as text, by a finished run or by initial weights alone."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from fairseq.data import LanguagePairDataset
from torch import Tensor

from fairseq_l2rw.data.pairs import ParallelText
from fairseq_l2rw.data.sentences import Sentences
from fairseq_l2rw.inference.finished_run import FinishedRun
from fairseq_l2rw.text.pieces import Splitter

TextPair = tuple[str, str]
#: A pair's weight and its factors by name; None where it cannot be weighed.
Row = dict[str, float] | None


def encode(texts: Sequence[str], splitter: Splitter, dictionary: Any) -> list[Tensor]:
    """Sentences as numbers of types, each with its end.

    Args:
        texts: the sentences.
        splitter: makes pieces of them.
        dictionary: fairseq's.
    """
    index, end = dictionary.index, [dictionary.eos()]
    return [torch.tensor([*map(index, pieces), *end]) for pieces in splitter.split(texts)]


class TextScorer:
    """Weighs pairs of sentences.

    Args:
        run: a finished run.
        splitter: makes pieces of sentences, as for the run.
        max_tokens: tokens of a side of a batch, at most, padding included.

    Attributes:
        block_size: pairs that are best given at once: batches hold pairs of like lengths.
    """

    block_size = 8192

    def __init__(self, run: FinishedRun, splitter: Splitter, max_tokens: int) -> None:
        self.run, self.splitter, self.max_tokens = run, splitter, max_tokens

    @property
    def columns(self) -> tuple[str, ...]:
        """What ``scores`` gives of a pair."""
        return ("weight", *self.run.factors)

    def scores(self, pairs: Sequence[TextPair], first: int = 0) -> list[Row]:
        """Weights and their factors, in the order of the pairs.

        Args:
            pairs: sources and targets.
            first: number of the first of them in the table.

        Returns:
            None for a pair that cannot be weighed: a side is empty, or too long for the student.
        """
        found: list[Row] = [None] * len(pairs)
        task = self.run.task
        sides = [
            encode([pair[side] for pair in pairs], self.splitter, dictionary)
            for side, dictionary in enumerate((task.source_dictionary, task.target_dictionary))
        ]
        fits = [n for n, pair in enumerate(zip(*sides, strict=True)) if self._fits(pair)]
        known = ParallelText(*(Sentences.of([side[n] for n in fits]) for side in sides))
        if not fits:
            return found
        initial = self.run.initial_weights(known)
        dataset = self._dataset(known)
        for numbers in self._batches(known):
            sample = dataset.collater([dataset[n] for n in numbers])
            order = sample["id"].tolist()  # fairseq sorts them by length
            of_batch = None if initial is None else torch.cat([initial[n] for n in order])
            weights = self.run.weigh(sample, of_batch)
            columns = {name: column.tolist() for name, column in weights.items()}
            for place, number in enumerate(order):
                found[fits[number]] = {name: columns[name][place] for name in self.columns}
        return found

    def _fits(self, pair: Sequence[Tensor]) -> bool:
        limits = self.run.max_positions
        return all(1 < len(side) <= limit for side, limit in zip(pair, limits, strict=True))

    def _dataset(self, pairs: ParallelText) -> LanguagePairDataset:
        task = self.run.task
        return LanguagePairDataset(
            pairs.src,
            pairs.src.sizes,
            task.source_dictionary,
            pairs.tgt,
            pairs.tgt.sizes,
            task.target_dictionary,
            left_pad_source=task.cfg.left_pad_source,
            left_pad_target=task.cfg.left_pad_target,
            shuffle=False,
        )

    def _batches(self, pairs: ParallelText) -> Iterator[list[int]]:
        """Numbers of pairs, those of about the same lengths together, on both sides."""
        lengths = [(target // 4, source, target) for source, target in pairs.sizes.tolist()]
        batch: list[int] = []
        longest = 0
        for number in sorted(range(len(pairs)), key=lengths.__getitem__):
            longest = max(longest, *lengths[number][1:])
            if batch and longest * (len(batch) + 1) > self.max_tokens:
                yield batch
                batch, longest = [], max(lengths[number][1:])
            batch.append(number)
        if batch:
            yield batch
