"""Initial weights of a whole text, without any training."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
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
        model, self._factors = InitialWeightModel.learn(own, theirs, known, options)
        self._weights = model.weights(self._factors)

    def scores(self, pairs: Sequence[TextPair], first: int = 0) -> list[Row]:
        """Weights and factors of the text's pairs from ``first`` on; None where a side is empty."""
        return [self._row(self._places.get(n)) for n in range(first, first + len(pairs))]

    def _row(self, place: int | None) -> Row:
        if place is None:
            return None
        numbers: list[Tensor] = [self._weights[place], *self._factors[place]]
        return {name: float(x) for name, x in zip(self.columns, numbers, strict=True)}


def _nonempty(pairs: Sequence[TextPair]) -> list[int]:
    return [n for n, (source, target) in enumerate(pairs) if source.strip() and target.strip()]


def _encoded(
    pairs: Sequence[TextPair], splitter: Splitter, dictionaries: tuple[Any, Any]
) -> EncodedPairs:
    sides = [
        encode([pair[side] for pair in pairs], splitter, dictionaries[side]) for side in (0, 1)
    ]
    return EncodedPairs(*sides)
