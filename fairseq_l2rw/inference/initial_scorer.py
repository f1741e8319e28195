"""Initial weights of a whole text, without any training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.pairs import PairSubset
from fairseq_l2rw.inference.text_scorer import EncodedPairs, Row, TextPair, encode
from fairseq_l2rw.initial_weights.estimate import InitialWeightModel
from fairseq_l2rw.scoring.initial_options import InitialOptions
from fairseq_l2rw.text.pieces import Splitter
from fairseq_l2rw.utils.errors import InputError


class InitialScorer:
    """Weighs the pairs of one text by comparison with trusted pairs.

    Args:
        text: its pairs; they are kept in memory as numbers.
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
        text: Sequence[TextPair],
        trusted: Sequence[TextPair],
        splitter: Splitter,
        dictionaries: tuple[Any, Any],
        options: InitialOptions,
    ) -> None:
        known = Dictionaries.of(*dictionaries)
        self._places = {n: place for place, n in enumerate(_nonempty(text))}
        own, theirs = (
            _encoded([rows[n] for n in _nonempty(rows)], splitter, dictionaries)
            for rows in (text, trusted)
        )
        for rows, what in ((own, "the text"), (theirs, "the trusted pairs")):
            if not len(rows):
                raise InputError(f"{what}: no pair has two sides")
        self._pairs, self._model = own, InitialWeightModel.learn(own, theirs, known, options)

    def scores(self, pairs: Sequence[TextPair], first: int = 0) -> list[Row]:
        """Weights and factors of the text's pairs from ``first`` on; None where a side is empty."""
        places = [self._places.get(n) for n in range(first, first + len(pairs))]
        known = np.array([place for place in places if place is not None], dtype=np.int64)
        factors = self._model.factors(PairSubset(self._pairs, known))
        numbers = torch.cat([self._model.weights(factors).unsqueeze(1), factors], 1)
        rows = (dict(zip(self.columns, row, strict=True)) for row in numbers.tolist())
        return [None if place is None else next(rows) for place in places]


def _nonempty(pairs: Sequence[TextPair]) -> list[int]:
    return [n for n, (source, target) in enumerate(pairs) if source.strip() and target.strip()]


def _encoded(
    pairs: Sequence[TextPair], splitter: Splitter, dictionaries: tuple[Any, Any]
) -> EncodedPairs:
    sides = [
        encode([pair[side] for pair in pairs], splitter, dictionaries[side]) for side in (0, 1)
    ]
    return EncodedPairs(*sides)
