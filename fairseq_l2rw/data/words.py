"""The words of many sentences: where each begins, by what dictionaries say of their pieces."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from fairseq_l2rw.data.sentences import Sentences, starts_of


@dataclass(frozen=True)
class Words:
    """The W words of N sentences, one after another; the last token of each is a word of its own.

    Attributes:
        types: of all tokens, one sentence after another, flat.
        starts: where in these each word begins, shape (W,).
        sentence: which sentence each is in, shape (W,).
        counts: words of each sentence with its end, shape (N,).
    """

    types: np.ndarray
    starts: np.ndarray
    sentence: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, sentences: Sentences, boundaries: Tensor) -> "Words":
        """Those of N sentences.

        Args:
            sentences: of a language.
            boundaries: which types end words, and which begin them, shape (2, V).
        """
        types, (ends, begins) = sentences.joined(), boundaries.numpy()
        sentence = np.repeat(np.arange(len(sentences)), sentences.sizes)
        apart = sentence[1:] != sentence[:-1]
        inside = ends[types[:-1]] & begins[types[1:]]
        # A word begins here: at the first token, between words, and at the last token.
        first, last = np.r_[True, apart], np.r_[apart, True]
        starts = np.flatnonzero((first | last)[: len(types)] | np.r_[False, inside][: len(types)])
        sentence = sentence[starts]
        return cls(types, starts, sentence, np.bincount(sentence, minlength=len(sentences)))

    def __len__(self) -> int:
        """W."""
        return len(self.starts)

    @property
    def ends(self) -> np.ndarray:
        """Where each word ends, shape (W,)."""
        return np.r_[self.starts[1:], len(self.types)][: len(self)]

    @property
    def is_end(self) -> np.ndarray:
        """Which are the ends of sentences, bool, shape (W,)."""
        return np.r_[self.sentence[1:] != self.sentence[:-1], True][: len(self)]

    @property
    def first(self) -> np.ndarray:
        """The first word of each sentence, shape (N,)."""
        return starts_of(self.counts)
