"""Sentences as pieces of words (sentencepiece), and a vocabulary of pieces from a text."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import sentencepiece

from fairseq_l2rw.utils.errors import InputError

#: Lines that a vocabulary is trained on, at most, picked by chance: more do not change it.
_SENTENCES = 2_000_000


class Splitter(Protocol):
    """Splits sentences into pieces, and joins them again."""

    def split(self, texts: Sequence[str]) -> list[list[str]]:
        """The pieces of every text."""

    def join(self, pieces: Sequence[str]) -> str:
        """The text of pieces."""


class SentencePieces:
    """Pieces of a sentencepiece model.

    Args:
        model: its file.

    Raises:
        InputError: when it cannot be loaded.
    """

    def __init__(self, model: str | Path) -> None:
        if not Path(model).is_file():
            raise InputError(f"missing sentencepiece model: {model}")
        try:
            self._processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
        except (RuntimeError, OSError):
            raise InputError(f"{model} is no sentencepiece model") from None

    def split(self, texts: Sequence[str]) -> list[list[str]]:
        """The pieces of every text."""
        # fairseq takes more for blanks than sentencepiece does, such as U+0085, and drops it.
        found = self._processor.encode(list(texts), out_type=str)
        return [" ".join(pieces).split() for pieces in found]

    def join(self, pieces: Sequence[str]) -> str:
        """The text of pieces."""
        return self._processor.decode(list(pieces))


class Blanks:
    """Text that has blanks between its pieces already."""

    def split(self, texts: Sequence[str]) -> list[list[str]]:
        """The pieces of every text."""
        return [text.split() for text in texts]

    def join(self, pieces: Sequence[str]) -> str:
        """The text of pieces."""
        return " ".join(pieces)


def train_pieces(sentences: Iterable[str], size: int, model: Path) -> None:
    """Train a unigram vocabulary for both languages.

    Args:
        sentences: of both sides.
        size: pieces at most; a small text may have fewer.
        model: file to write, ``NAME.model``; ``NAME.vocab`` comes beside it.

    Raises:
        InputError: when sentencepiece cannot make one.
    """
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_prefix=str(model.with_suffix("")),
            vocab_size=size,
            model_type="unigram",
            character_coverage=1.0,
            hard_vocab_limit=False,
            input_sentence_size=_SENTENCES,
            shuffle_input_sentence=True,
            num_threads=1,  # the same vocabulary whatever the machine
            minloglevel=2,
        )
    except (RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"no vocabulary of {size} pieces: {reason}") from None
