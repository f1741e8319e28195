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

Where a side was cut, the other one's words lack support, and its own have theirs. So a fourth
factor goes by how far apart both sides are in that, and in length. What that looks like is told by
pairs of which a side was cut.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.initial_weights.contrast import Contrast, Kind
from fairseq_l2rw.initial_weights.evidence import COLUMNS, evidence
from fairseq_l2rw.initial_weights.halves import JudgedPairs
from fairseq_l2rw.initial_weights.key_table import KeyTable
from fairseq_l2rw.initial_weights.lexicon import Lexicon
from fairseq_l2rw.initial_weights.links import Links, enough, frequency, key_table, numbered
from fairseq_l2rw.initial_weights.made_pairs import cut, exchanged, mismatched
from fairseq_l2rw.utils.memory import release_free_memory

logger = logging.getLogger(__name__)

_ROUNDS = 8  # of learning which words go together, and which pairs are bad
# What of the evidence each factor goes by.
_EVIDENCE = {
    "correspondence": ("support", "length"),
    "coverage": ("coverage", "length"),
    "support": ("least_support", "length"),
    "completeness": ("apart", "longer", "length"),
}
_KINDS = {
    "correspondence": Kind.GROSS,
    "coverage": Kind.MILD,
    "support": Kind.MILD,
    "completeness": Kind.RARE,
}
_COLUMNS = {x: [COLUMNS.index(name) for name in names] for x, names in _EVIDENCE.items()}
_LEAST_SUPPORT = COLUMNS.index("least_support")


class Correspondence:
    """Odds that pairs are bad, by how far the words of both sides account for each other.

    Args:
        lexicon: of the words.
        contrasts: by factor: to mismatched pairs, by support and by coverage, to pairs one of whose
            words was exchanged, and to pairs one side of which was cut.
    """

    #: What ``odds`` gives, in the order of columns.
    FACTORS = tuple(_EVIDENCE)

    def __init__(self, lexicon: Lexicon, contrasts: Mapping[str, Contrast]) -> None:
        self.lexicon, self.contrasts = lexicon, dict(contrasts)

    @classmethod
    def learn(
        cls,
        train: JudgedPairs,
        trusted: JudgedPairs,
        dictionaries: Dictionaries,
        relevance: Sequence[Tensor],
        translated: Tensor,
    ) -> tuple["Correspondence", Tensor]:
        """From pairs.

        Args:
            train: N training pairs.
            trusted: M trusted pairs.
            dictionaries: of their languages.
            relevance: how much more often trusted text has each type, of source and target, (V,).
            translated: whether each training pair may say how words are translated, bool, (N,). A
                copy does not: text of which a tenth is copied would make it usual.

        Returns:
            The model, and the odds that training pairs are bad, shape (N, 4).
        """
        some = enough(train.text)
        if len(some) < len(train):
            count = f"{len(some):,} of {len(train):,} pairs"
            logger.info(f"initial weights: {count} say which words go together")
        sample = train.take(some)
        model, rows = cls._learn(sample, trusted, dictionaries, relevance, translated[some])
        if len(some) == len(train):
            return model, model._odds(rows)
        release_free_memory()
        return model, model.odds(train)

    @classmethod
    def _learn(
        cls,
        train: JudgedPairs,
        trusted: JudgedPairs,
        dictionaries: Dictionaries,
        relevance: Sequence[Tensor],
        translated: Tensor,
    ) -> tuple["Correspondence", Tensor]:
        """From n training pairs and M trusted ones; also gives the evidence of the former, (n, 6).

        Nothing else stays in memory.
        """
        size = dictionaries.types[1]
        table, texts = key_table(train.text, size), (train, mismatched(train), trusted)
        linked = [_Halves.read(x, table, size) for x in texts]  # once: the numbers of links stay
        lexicon, contrasts, rows = _rounds(linked, table, relevance, translated, train.repeats)
        good = _probability(contrasts, rows[0])
        # Pairs that have no wrong word yet, rather: with two of them they would look like no other.
        least = rows[0][:, _LEAST_SUPPORT]
        better = (least >= least.median()).nonzero().flatten().numpy()
        often = frequency(linked[0].links, 1, size)
        wrong, _ = exchanged(train, better, dictionaries, torch.from_numpy(often))
        for factor, made in {"support": wrong, "completeness": cut(train)}.items():
            rows[1] = evidence_of(made, lexicon)
            contrasts[factor] = _contrast(factor, rows, train.repeats, bool(good.min() < 1), good)
        return cls(lexicon.pruned(), contrasts), rows[0]

    def odds(self, pairs: JudgedPairs) -> Tensor:
        """The odds that N pairs are bad, shape (N, 4)."""
        return self._odds(evidence_of(pairs, self.lexicon))

    def _odds(self, rows: Tensor) -> Tensor:
        """The odds that pairs are bad, shape (N, 4), by evidence of shape (N, 6)."""
        columns = [self.contrasts[x].odds(rows[:, _COLUMNS[x]]) for x in self.FACTORS]
        return torch.stack(columns, 1)

    def state_dict(self) -> dict[str, Any]:
        """All that ``odds`` needs, in types that torch's safe loader takes."""
        contrasts = {factor: vars(contrast) for factor, contrast in self.contrasts.items()}
        return {"lexicon": self.lexicon.state_dict(), "contrasts": contrasts}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Correspondence":
        """From what ``state_dict`` gave."""
        contrasts = {factor: Contrast(**numbers) for factor, numbers in state["contrasts"].items()}
        return cls(Lexicon.from_state(state["lexicon"]), contrasts)


def _rounds(
    texts: Sequence["_Halves"],
    table: KeyTable,
    relevance: Sequence[Tensor],
    translated: Tensor,
    repeats: Tensor,
) -> tuple[Lexicon, dict[str, Contrast], list[Tensor]]:
    """Learn which words go together from pairs that are good, and which these are from words.

    Args:
        texts: N training pairs, K mismatched and M trusted ones.
        table: numbers of all types that come together.
        relevance: see ``Correspondence.learn``.
        translated: likewise, of the training pairs, shape (N,).
        repeats: how often each of them is there, shape (N,).

    Returns:
        The lexicon; correspondence and coverage; and the evidence of the three texts, (n, 6).
    """
    good = torch.ones(len(repeats), dtype=torch.double)
    lexicon: Lexicon | None = None
    # There are millions of counts, which float32 holds well enough.
    relevant = [side.float().numpy() for side in relevance]
    for _ in range(_ROUNDS):
        # Lines of one template would vouch for each other, from one half to the other.
        counted = (good * translated / repeats).numpy()
        likely = [counted[places] for places in texts[0].places]
        if lexicon is None:
            lexicon = Lexicon.learn(texts[0].links, table, likely, relevant)
        else:
            lexicon.learn_again(texts[0].links, likely)
        rows = [x.evidence(lexicon) for x in texts]
        contrasts: dict[str, Contrast] = {}
        for factor in ("correspondence", "coverage"):
            is_corrupted = any(x.share > 0 for x in contrasts.values())
            contrasts[factor] = _contrast(factor, rows, repeats, is_corrupted)
        good = _probability(contrasts, rows[0])
        release_free_memory()  # of millions of numbers there would be more of it every round
        if bool((good == 1).all()):
            break
    assert lexicon is not None
    return lexicon, contrasts, rows


def _contrast(
    factor: str,
    rows: Sequence[Tensor],
    repeats: Tensor,
    is_corrupted: bool,
    good: Tensor | None = None,
) -> Contrast:
    """The contrast of a factor, by the evidence of training, made and trusted pairs, (n, 6)."""
    train, made, trusted = (x[:, _COLUMNS[factor]] for x in rows)
    kind = _KINDS[factor]
    return Contrast.learn(
        train, made, trusted, kind=kind, good=good, repeats=repeats, is_corrupted=is_corrupted
    )


def _probability(contrasts: Mapping[str, Contrast], rows: Tensor) -> Tensor:
    """That pairs are good by all of the contrasts, by evidence (N, 6): shape (N,)."""
    found = [x.probability(rows[:, _COLUMNS[factor]]) for factor, x in contrasts.items()]
    return torch.stack(found).prod(0)


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
    def read(cls, pairs: JudgedPairs, table: KeyTable, types: int) -> "_Halves":
        """The words of N pairs."""
        places = _places(pairs.half)
        return cls(places, [Links.read(pairs.text.take(some), table, types) for some in places])

    def evidence(self, lexicon: Lexicon) -> Tensor:
        """``evidence`` of the pairs, shape (N, 6)."""
        return _joined(lexicon, self.places, ([links] for links in self.links))


def evidence_of(pairs: JudgedPairs, lexicon: Lexicon) -> Tensor:
    """``evidence`` of any N pairs, shape (N, 6)."""
    places, types = _places(pairs.half), lexicon.types[1]
    read = (numbered(pairs.text.take(some), lexicon.table, types) for some in places)
    return _joined(lexicon, places, read)


def _places(half: Tensor) -> list[np.ndarray]:
    """Places of the pairs of either half, by that of each, (N,)."""
    return [np.flatnonzero(half.numpy() == n) for n in (0, 1)]


def _joined(
    lexicon: Lexicon, places: Sequence[np.ndarray], links: Iterable[Iterable[Links]]
) -> Tensor:
    """``evidence`` of N pairs, by places and links of those of either half, shape (N, 6)."""
    found = np.empty((sum(map(len, places)), 6))
    for half, (some, read) in enumerate(zip(places, links, strict=True)):
        found[some] = evidence(lexicon.evidence(read, half))
    return torch.from_numpy(found)
