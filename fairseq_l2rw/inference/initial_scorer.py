"""Initial weights of a whole text, without any training."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.pairs import ParallelText
from fairseq_l2rw.data.sentences import Sentences
from fairseq_l2rw.inference.text_scorer import Row, TextPair, encode
from fairseq_l2rw.initial_weights.estimate import InitialWeightModel
from fairseq_l2rw.initial_weights.options import InitialOptions
from fairseq_l2rw.text.pieces import Splitter
from fairseq_l2rw.utils.errors import InputError


class InitialScorer:
    """Weighs the pairs of one text by comparison with trusted pairs.

    Args:
        text: its pairs, which are read once, and kept in memory as numbers.
        trusted: pairs that are vouched for.
        splitter: makes pieces of sentences.
        dictionaries: fairseq's, of source and target.
        options: what weights go by.

    Raises:
        InputError: when there are no pairs.
    """

    block_size = 8192
    columns = ("weight", *InitialWeightModel.FACTORS)

    def __init__(
        self,
        text: Iterable[TextPair],
        trusted: Iterable[TextPair],
        splitter: Splitter,
        dictionaries: tuple[Any, Any],
        options: InitialOptions,
    ) -> None:
        known = Dictionaries.of(*dictionaries)
        (own, whole), (theirs, _) = (
            _encoded(rows, splitter, dictionaries) for rows in (text, trusted)
        )
        # Of each line among the pairs that have two sides, -1 for another one.
        self._places = np.where(whole, np.cumsum(whole) - 1, -1)
        for rows, what in ((own, "the text"), (theirs, "the trusted pairs")):
            if not len(rows):
                raise InputError(f"{what}: no pair has two sides")
        self._pairs, self._model = own, InitialWeightModel.learn(own, theirs, known, options)

    def scores(self, pairs: Sequence[TextPair], first: int = 0) -> list[Row]:
        """Weights and factors of the text's pairs from ``first`` on; None where a side is empty."""
        places = self._places[first : first + len(pairs)]
        factors = self._model.factors(self._pairs.take(places[places >= 0]))
        numbers = torch.cat([self._model.weights(factors).unsqueeze(1), factors], 1)
        rows = (dict(zip(self.columns, row, strict=True)) for row in numbers.tolist())
        return [None if place < 0 else next(rows) for place in places.tolist()]


def _encoded(
    pairs: Iterable[TextPair], splitter: Splitter, dictionaries: tuple[Any, Any]
) -> tuple[ParallelText, np.ndarray]:
    """The pairs that have two sides, of L, and which these are, bool, shape (L,)."""
    nothing = Sentences.beside(np.empty(0, np.int32), np.empty(0, np.int64))
    parts = [nothing], [nothing]
    whole, rest = [np.empty(0, dtype=bool)], iter(pairs)
    while block := list(islice(rest, InitialScorer.block_size)):
        sides = [
            encode([pair[side] for pair in block], splitter, dictionaries[side]) for side in (0, 1)
        ]
        two = [len(source) > 1 < len(target) for source, target in zip(*sides, strict=True)]
        whole.append(np.array(two))
        for known, side in zip(parts, sides, strict=True):
            found = Sentences.of(side, np.flatnonzero(two))
            known.append(Sentences.beside(found.types.astype(np.int32), found.sizes))
    return ParallelText(*map(Sentences.combined, parts)), np.concatenate(whole)
