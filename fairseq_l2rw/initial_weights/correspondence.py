"""Correspondence: whether the two sides of a pair belong together, by their words.

What pairs look like that do not is told by mismatched pairs, a source with the target of another
pair (``fairseq_l2rw.initial_weights.contrast``). Pairs that turn out to be bad say less of which
words go together when it is learnt again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.pairs import Pairs, PairSubset, lengths
from fairseq_l2rw.initial_weights.contrast import Contrast
from fairseq_l2rw.initial_weights.lexicon import Lexicon, associations, halves
from fairseq_l2rw.initial_weights.links import Links, enough

_MISMATCHED = 30_000  # pairs that are made
_ROUNDS = 5  # of learning which words go together, and which pairs are bad


class Correspondence:
    """What pairs are worth by the association of their words.

    Args:
        lexicon: of the words.
        contrast: to mismatched pairs.
    """

    def __init__(self, lexicon: Lexicon, contrast: Contrast) -> None:
        self.lexicon, self.contrast = lexicon, contrast

    @classmethod
    def learn(
        cls, train: Pairs, trusted: Pairs, dictionaries: Dictionaries, digests: Sequence[np.ndarray]
    ) -> tuple["Correspondence", Tensor]:
        """From pairs.

        Args:
            train: N training pairs.
            trusted: M trusted pairs.
            dictionaries: of their languages.
            digests: fingerprints of both, shapes (N,) and (M,).

        Returns:
            The model, and what training pairs are worth, from 0 to 1, shape (N,).
        """
        some = enough(train)
        text, found = PairSubset(train, some), digests[0][some]
        half, sizes = halves(found), lengths(text)
        links = Links.read(text, dictionaries)
        good = torch.ones(len(some), dtype=torch.double)
        before = None
        for _ in range(_ROUNDS):
            lexicon = before = Lexicon.learn(links, half, good, before)
            rows = evidence(lexicon.of_links(links, half), sizes)
            made = mismatched_evidence(text, lexicon, dictionaries, found)
            known = _evidence_of(trusted, lexicon, dictionaries, digests[1])
            contrast = Contrast.learn(rows, made, known)
            good = contrast.probability(rows)
            if bool((good == 1).all()):
                break
        model = cls(lexicon, contrast)
        if len(some) == len(train):
            return model, contrast.weights(rows)
        return model, model.weights(train, dictionaries, digests[0])

    def weights(self, pairs: Pairs, dictionaries: Dictionaries, digests: np.ndarray) -> Tensor:
        """What other pairs are worth, from 0 to 1, shape (N,).

        Args:
            pairs: N pairs.
            dictionaries: of their languages.
            digests: their fingerprints, shape (N,).
        """
        found = _evidence_of(pairs, self.lexicon, dictionaries, digests)
        return self.contrast.weights(found)

    def state_dict(self) -> dict[str, Any]:
        """All that ``weights`` needs, in types that torch's safe loader takes."""
        return {"lexicon": self.lexicon.state_dict(), "contrast": self.contrast.numbers}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Correspondence":
        """From what ``state_dict`` gave."""
        return cls(Lexicon.from_state(state["lexicon"]), Contrast(state["contrast"]))


def _evidence_of(
    pairs: Pairs, lexicon: Lexicon, dictionaries: Dictionaries, digests: np.ndarray
) -> Tensor:
    words = associations(lexicon, pairs, dictionaries, halves(digests))
    return evidence(words, lengths(pairs))


def evidence(words: Tensor, sizes: np.ndarray) -> Tensor:
    """The worse of both directions' association, and the log length of both sides, shape (N, 2).

    Args:
        words: the association in both directions, shape (N, 2).
        sizes: lengths of both sides, shape (N, 2).
    """
    length = torch.from_numpy(np.log(sizes.clip(min=1))).sum(1)
    return torch.stack([words.amin(1), length], 1)


def mismatched_evidence(
    pairs: Pairs, lexicon: Lexicon, dictionaries: Dictionaries, digests: np.ndarray
) -> Tensor:
    """Evidence of pairs that do not belong together, shape (K, 2).

    Each has a source of the pairs and the target of another one of about the same length and the
    same half, so that it is judged as a pair is. Which one, fingerprints say: the order of the
    pairs does not.

    Args:
        pairs: N pairs.
        lexicon: of the words.
        dictionaries: of the languages.
        digests: fingerprints of the pairs, shape (N,).
    """
    half = halves(digests)
    order = np.lexsort((digests, lengths(pairs)[:, 1], half.numpy()))
    places, others = order[:-1], order[1:]
    fits = (half[places] == half[others]).numpy() & (digests[places] != digests[others])
    places, others = places[fits], others[fits]
    some = np.sort(digests[places].argsort()[:_MISMATCHED])
    places, others = places[some], others[some]
    made = PairSubset(pairs, places, others)
    words = associations(lexicon, made, dictionaries, half[places])
    return evidence(words, made.sizes)
