"""Correspondence: whether the two sides of a pair belong together, by their words.

A word that is usual without its counterpart is none to worry about; one whose counterpart is nearly
always there, and is not, is. What pairs look like that do not belong together is told by mismatched
pairs, a source with the target of another pair (``fairseq_l2rw.initial_weights.contrast``). Pairs
that turn out to be bad say less of which words go together when it is learnt again.

Words may go together and still be no translation: a French target's are always there with the same
German ones. So a second factor asks whether what a word is usually translated by is there. What is
usual is what it is in most pairs, and rather in trusted ones.

In a sum over words one wrong word is lost. So there is a third factor, by the word that the other
side accounts for least. Crawled text has many such pairs: lines that were made of one template, and
differ in a name or in what is for sale. What they look like is told by pairs one of whose words was
exchanged for another pair's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.pairs import ParallelText
from fairseq_l2rw.initial_weights.contrast import Contrast
from fairseq_l2rw.initial_weights.cost import HIGHEST_COST
from fairseq_l2rw.initial_weights.halves import copies_of, halves
from fairseq_l2rw.initial_weights.key_table import KeyTable
from fairseq_l2rw.initial_weights.lexicon import Lexicon, WordEvidence, frequency
from fairseq_l2rw.initial_weights.links import Links, Numbers, enough, key_table, numbered
from fairseq_l2rw.initial_weights.made_pairs import exchanged, mismatched

_ROUNDS = 5  # of learning which words go together, and which pairs are bad
# By factor: the columns of the evidence, and the highest cost of a bad pair in good ones. Words
# of a rarer kind of text are covered less: by coverage a pair must not lose more than the
# probability that it is bad.
_EVIDENCE = {"correspondence": [0, 3], "coverage": [1, 3], "support": [2, 3]}
_HIGHEST_COST = {"correspondence": HIGHEST_COST, "coverage": 1.0, "support": HIGHEST_COST}


class Correspondence:
    """What pairs are worth by how far the words of both sides account for each other.

    Args:
        lexicon: of the words.
        contrasts: by factor: to mismatched pairs, by support and by coverage, and to pairs one of
            whose words was exchanged.
    """

    #: What ``weights`` gives, in the order of columns.
    FACTORS = tuple(_EVIDENCE)

    def __init__(self, lexicon: Lexicon, contrasts: Mapping[str, Contrast]) -> None:
        self.lexicon, self.contrasts = lexicon, dict(contrasts)

    @classmethod
    def learn(
        cls,
        train: ParallelText,
        trusted: ParallelText,
        dictionaries: Dictionaries,
        digests: Sequence[np.ndarray],
        relevance: Sequence[Tensor],
    ) -> tuple["Correspondence", Tensor]:
        """From pairs.

        Args:
            train: N training pairs.
            trusted: M trusted pairs.
            dictionaries: of their languages.
            digests: of both, shapes (N,) and (M,).
            relevance: how much more often trusted text has each type, of source and target, (V,).

        Returns:
            The model, and what training pairs are worth, from 0 to 1, shape (N, 3).
        """
        some = enough(train)
        text, found = train.take(some), digests[0][some]
        size, half = dictionaries.types[1], halves(found)
        table, (bad, places) = key_table(text, size), mismatched(text, found)
        # Read once: the numbers of links stay.
        read = _Halves.read(text, half, table, size)
        texts = [
            read,
            _Halves.read(bad, half[places], table, size),
            _Halves.read(trusted, halves(digests[1]), table, size),
        ]
        good, before = torch.ones(len(some), dtype=torch.double), None
        copies, relevant = copies_of(found), [side.double().numpy() for side in relevance]
        for _ in range(_ROUNDS):
            known = [good.numpy()[places] for places in read.places]
            lexicon = before = Lexicon.learn(read.links, table, known, relevant, before)
            rows = [x.evidence(lexicon) for x in texts]
            contrasts = {
                factor: _contrast(factor, rows, None, copies)
                for factor in ("correspondence", "coverage")
            }
            good = torch.stack(
                [x.probability(rows[0][:, _EVIDENCE[factor]]) for factor, x in contrasts.items()]
            ).prod(0)
            if bool((good == 1).all()):
                break
        # Pairs that have no wrong word yet, rather: with two of them they would look like no other.
        better = (rows[0][:, 2] >= rows[0][:, 2].median()).nonzero().flatten().numpy()
        often = frequency(read.links, 1, size)
        wrong, places = exchanged(text, better, found, dictionaries, torch.from_numpy(often))
        rows[1] = evidence_of(wrong, lexicon, half[places])
        contrasts["support"] = _contrast("support", rows, good, copies)
        model = cls(lexicon, contrasts)
        if len(some) == len(train):
            return model, model._weights(rows[0])
        return model, model.weights(train, digests[0])

    def weights(self, pairs: ParallelText, digests: np.ndarray) -> Tensor:
        """What other pairs are worth, from 0 to 1, shape (N, 3).

        Args:
            pairs: N pairs.
            digests: of the pairs, shape (N,).
        """
        return self._weights(evidence_of(pairs, self.lexicon, halves(digests)))

    def _weights(self, rows: Tensor) -> Tensor:
        """By evidence (N, 4): shape (N, 3)."""
        columns = [self.contrasts[x].weights(rows[:, _EVIDENCE[x]]) for x in self.FACTORS]
        return torch.stack(columns, 1)

    def state_dict(self) -> dict[str, Any]:
        """All that ``weights`` needs, in types that torch's safe loader takes."""
        contrasts = {factor: contrast.numbers for factor, contrast in self.contrasts.items()}
        return {"lexicon": self.lexicon.state_dict(), "contrasts": contrasts}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Correspondence":
        """From what ``state_dict`` gave."""
        contrasts = {factor: Contrast(numbers) for factor, numbers in state["contrasts"].items()}
        return cls(Lexicon.from_state(state["lexicon"]), contrasts)


def _contrast(factor: str, rows: Sequence[Tensor], good: Tensor | None, copies: Tensor) -> Contrast:
    """By the factor's columns of the evidence of training, made and trusted pairs, (n, 4)."""
    train, made, trusted = (x[:, _EVIDENCE[factor]] for x in rows)
    return Contrast.learn(train, made, trusted, good, copies, _HIGHEST_COST[factor])


@dataclass(frozen=True)
class _Halves:
    """Pairs by the half of the text that they belong to.

    Attributes:
        places: of the pairs of either half, shape (N,) together.
        links: of the pairs of either half.
    """

    places: list[np.ndarray]
    links: list[Links]

    @classmethod
    def read(cls, pairs: ParallelText, half: Tensor, table: KeyTable, types: int) -> "_Halves":
        """Those of pairs, by the half of each, shape (N,)."""
        places = _places(half)
        return cls(places, [Links.read(pairs.take(some), table, types) for some in places])

    def evidence(self, lexicon: Lexicon) -> Tensor:
        """``evidence`` of the pairs, shape (N, 4)."""
        return _joined(lexicon, self.places, ([links] for links in self.links))


def evidence_of(pairs: ParallelText, lexicon: Lexicon, half: Tensor) -> Tensor:
    """``evidence`` of any N pairs, by the half of the text that each belongs to, (N,): (N, 4)."""
    places, types = _places(half), lexicon.types[1]
    read = (numbered(pairs.take(some), lexicon.table, types) for some in places)
    return _joined(lexicon, places, read)


def _places(half: Tensor) -> list[np.ndarray]:
    """Places of the pairs of either half, by that of each, (N,)."""
    return [np.flatnonzero(half.numpy() == n) for n in (0, 1)]


def _joined(
    lexicon: Lexicon, places: Sequence[np.ndarray], links: Iterable[Iterable[Links]]
) -> Tensor:
    """``evidence`` of N pairs, by places and links of those of either half, shape (N, 4)."""
    found = np.empty((sum(map(len, places)), 4))
    for half, (some, read) in enumerate(zip(places, links, strict=True)):
        found[some] = evidence(lexicon.evidence(read, half))
    return torch.from_numpy(found)


def evidence(words: Iterable[WordEvidence]) -> Numbers:
    """How short of their usual support and coverage words are, the least support, and log length.

    The first two are sums over the words of a side that fall short, over the square root of their
    number, which it would grow with by chance. The worse side counts.

    Args:
        words: of N pairs, some at a time.

    Returns:
        Shape (N, 4), in nats; the length is that of both sides.
    """
    found = [np.empty((0, 4))]
    for some in words:
        support, coverage = (_worse_side(some.links, x) for x in (some.support, some.coverage))
        columns = [support[0], coverage[0], support[1], support[2]]
        found.append(np.stack(columns, 1))
    return np.concatenate(found)


def _worse_side(links: Links, sides: tuple[Numbers, Numbers]) -> Numbers:
    """How far words fall short of what is usual, the word that does most, and the log length.

    Args:
        links: of n pairs.
        sides: what is known of the words of both sides, shapes (W,).

    Returns:
        Shape (3, n).
    """
    totals, least, length = (np.zeros(links.pairs) for _ in range(3))
    for words, values in zip(links.sides, sides, strict=True):
        short = values.clip(max=0)
        count = np.bincount(words.pair, minlength=links.pairs).clip(min=1)
        total = np.bincount(words.pair, short, minlength=links.pairs) / np.sqrt(count)
        np.minimum(totals, total, out=totals)
        np.minimum.at(least, words.pair, short)
        length += np.log(count)
    return np.stack([totals, least, length])
