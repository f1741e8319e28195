"""Correspondence: whether the two sides of a pair belong together, by their words.

A word that is usual without its counterpart is none to worry about; one whose counterpart is nearly
always there, and is not, is. What pairs look like that do not belong together is told by mismatched
pairs, a source with the target of another pair (``fairseq_l2rw.initial_weights.contrast``). Pairs
that turn out to be bad say less of which words go together when it is learnt again.

In a sum over words one wrong word is lost. So there is a second factor, by the word that the other
side accounts for least. Crawled text has many such pairs: lines that were made of one template, and
differ in a name or in what is for sale. What they look like is told by pairs one of whose words was
exchanged for another pair's.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.pairs import ParallelText
from fairseq_l2rw.initial_weights.contrast import Contrast
from fairseq_l2rw.initial_weights.halves import copies_of, halves
from fairseq_l2rw.initial_weights.lexicon import Lexicon, WordSupport
from fairseq_l2rw.initial_weights.links import Links, enough, numbered
from fairseq_l2rw.initial_weights.made_pairs import exchanged, mismatched

_ROUNDS = 5  # of learning which words go together, and which pairs are bad
# Columns of the evidence that tell mismatched pairs, and those that tell a wrong word.
_WHOLE, _WORD = [0, 2], [1, 2]


class Correspondence:
    """What pairs are worth by how far the words of both sides account for each other.

    Args:
        lexicon: of the words.
        contrasts: to mismatched pairs, and to pairs one of whose words was exchanged.
    """

    #: What ``weights`` gives, in the order of columns.
    FACTORS = ("correspondence", "support")

    def __init__(self, lexicon: Lexicon, contrasts: Sequence[Contrast]) -> None:
        self.lexicon, self.contrasts = lexicon, list(contrasts)

    @classmethod
    def learn(
        cls,
        train: ParallelText,
        trusted: ParallelText,
        dictionaries: Dictionaries,
        digests: Sequence[np.ndarray],
    ) -> tuple["Correspondence", Tensor]:
        """From pairs.

        Args:
            train: N training pairs.
            trusted: M trusted pairs.
            dictionaries: of their languages.
            digests: of both, shapes (N,) and (M,).

        Returns:
            The model, and what training pairs are worth, from 0 to 1, shape (N, 2).
        """
        some = enough(train)
        text, found = train.take(some), digests[0][some]
        half = halves(found)
        links, (bad, places) = Links.read(text, dictionaries), mismatched(text, found)
        texts = [
            (links.parts, half),
            # Read once: the numbers of links stay.
            ([*numbered(bad, dictionaries, links.table)], half[places]),
            ([*numbered(trusted, dictionaries, links.table)], halves(digests[1])),
        ]
        good, before = torch.ones(len(some), dtype=torch.double), None
        copies = copies_of(found)
        for _ in range(_ROUNDS):
            lexicon = before = Lexicon.learn(links, half, good, before)
            rows, made, known = (evidence(lexicon.support(*x), len(x[1])) for x in texts)
            whole = _contrast(_WHOLE, (rows, made, known), None, copies)
            good = whole.probability(rows[:, _WHOLE])
            if bool((good == 1).all()):
                break
        # Pairs that have no wrong word yet, rather: with two of them they would look like no other.
        better = (rows[:, 1] >= rows[:, 1].median()).nonzero().flatten().numpy()
        wrong, places = exchanged(text, better, found, dictionaries, links.frequency[1])
        made = evidence_of(wrong, lexicon, dictionaries, half[places])
        word = _contrast(_WORD, (rows, made, known), good, copies)
        model = cls(lexicon, [whole, word])
        if len(some) == len(train):
            return model, model._weights(rows)
        return model, model.weights(train, dictionaries, digests[0])

    def weights(
        self, pairs: ParallelText, dictionaries: Dictionaries, digests: np.ndarray
    ) -> Tensor:
        """What other pairs are worth, from 0 to 1, shape (N, 2).

        Args:
            pairs: N pairs.
            dictionaries: of their languages.
            digests: of the pairs, shape (N,).
        """
        return self._weights(evidence_of(pairs, self.lexicon, dictionaries, halves(digests)))

    def _weights(self, rows: Tensor) -> Tensor:
        """By evidence (N, 3): shape (N, 2)."""
        columns = zip(self.contrasts, (_WHOLE, _WORD), strict=True)
        return torch.stack([contrast.weights(rows[:, at]) for contrast, at in columns], 1)

    def state_dict(self) -> dict[str, Any]:
        """All that ``weights`` needs, in types that torch's safe loader takes."""
        contrasts = [contrast.numbers for contrast in self.contrasts]
        return {"lexicon": self.lexicon.state_dict(), "contrasts": contrasts}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Correspondence":
        """From what ``state_dict`` gave."""
        contrasts = [Contrast(numbers) for numbers in state["contrasts"]]
        return cls(Lexicon.from_state(state["lexicon"]), contrasts)


def _contrast(
    columns: list[int], rows: Sequence[Tensor], good: Tensor | None, copies: Tensor
) -> Contrast:
    """By some columns of the evidence of training pairs, made pairs and trusted pairs, (n, 3)."""
    train, made, trusted = (x[:, columns] for x in rows)
    return Contrast.learn(train, made, trusted, good, copies)


def evidence_of(
    pairs: ParallelText, lexicon: Lexicon, dictionaries: Dictionaries, half: Tensor
) -> Tensor:
    """``evidence`` of any N pairs, shape (N, 3).

    Args:
        pairs: N pairs.
        lexicon: of the words.
        dictionaries: of their languages.
        half: of the text that each belongs to, shape (N,).
    """
    parts = numbered(pairs, dictionaries, lexicon.table)
    return evidence(lexicon.support(parts, half), len(pairs))


def evidence(support: Iterable[WordSupport], count: int) -> Tensor:
    """How short of their usual support words are, the least supported one, and the log length.

    The first is the sum over the words of a side that fall short, over the square root of their
    number, which it would grow with by chance. The worse side counts.

    Args:
        support: of the words of N pairs, some at a time.
        count: N.

    Returns:
        Shape (N, 3), in nats; the length is that of both sides.
    """
    found = torch.empty(count, 3, dtype=torch.double)
    for places, sides in support:
        words = [side.isfinite().sum(1).clamp(min=1).double() for side in sides]
        short = [side.nan_to_num(0.0).clamp(max=0) for side in sides]
        totals = [x.sum(1) / n.sqrt() for x, n in zip(short, words, strict=True)]
        least = torch.stack([x.amin(1) for x in short]).amin(0)
        length = (words[0] * words[1]).log()
        found[places] = torch.stack([torch.stack(totals).amin(0), least, length], 1)
    return found
