"""What can be read of a pair's text before any training: domain, copying, lengths, digits."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.pairs import ParallelText, batches
from fairseq_l2rw.data.sentences import Sentences
from fairseq_l2rw.features.copying import copied
from fairseq_l2rw.initial_weights.halves import JudgedPairs

# Pseudo-counts of a type, so that one that was to be expected once or twice says little.
_PSEUDO = 5.0


def domain_log_odds(train: Tensor, trusted: Tensor, own: int = 0) -> Tensor:
    """How much more often types come up in trusted text than in training text, in nats.

    The cross-entropy difference of Moore and Lewis (2010, "Intelligent Selection of Language Model
    Training Data") for single words; docs/mathematics.md, "Initial weights".

    Args:
        train: how often each type does, shape (V,).
        trusted: likewise.
        own: occurrences to leave out: 1 for a type in a trusted sentence that is scored itself.

    Returns:
        log((c + k) / (e + k)), shape (V,), with c its count in trusted text, e what one would
        expect by its frequency in training text, and k pseudo-counts.
    """
    expected = train * (trusted.sum() / train.sum())
    return ((trusted - own).clamp(min=0) + _PSEUDO).log() - (expected + _PSEUDO).log()


#: The features, in the order of columns.
COLUMNS = (
    *("source_log_odds", "target_log_odds", "copied", "source_log_length", "target_log_length"),
    *("digits", "source_digits_lacking", "target_digits_lacking"),
)


def columns(features: Tensor, *names: str) -> Tensor:
    """Some of the features, shape (N, 8), side by side: shape (N, len(names))."""
    return features[:, [COLUMNS.index(name) for name in names]]


class TextFeatures:
    """Features of a pair's text: domain log-odds of both sides, copying, lengths and digits.

    That is, as ``COLUMNS`` names them: mean domain log-odds of source and of target tokens, the
    fraction of target tokens that the source has, too, and both log lengths; the number of digits,
    on both sides together, and how many of the source and of the target the other side lacks.

    Args:
        dictionaries: of the languages.
        log_odds: of both, for a pair that is not trusted, and for one that is, each of shape
            (2, V).
        trusted: digests of the trusted pairs, shape (M,): wherever one of them comes up, it does
            not speak for itself.
    """

    def __init__(
        self, dictionaries: Dictionaries, log_odds: Sequence[Tensor], trusted: Tensor
    ) -> None:
        self.dictionaries, self.log_odds, self.trusted = dictionaries, list(log_odds), trusted
        self._has_digits = [known.any(1) for known in dictionaries.digits]

    @classmethod
    def learn(
        cls, train: JudgedPairs, trusted: JudgedPairs, dictionaries: Dictionaries
    ) -> "TextFeatures":
        """From how often types come up in training and in trusted pairs.

        Args:
            train: N training pairs.
            trusted: M trusted pairs.
            dictionaries: of their languages.
        """
        counts = [_counts(pairs.text, dictionaries) for pairs in (train, trusted)]
        log_odds = [
            torch.stack([domain_log_odds(a, b, own) for own in (0, 1)])
            for a, b in zip(*counts, strict=True)
        ]
        return cls(dictionaries, log_odds, torch.from_numpy(trusted.digests))

    def __call__(self, pairs: JudgedPairs) -> Tensor:
        """The features of N pairs of any split, shape (N, 8), float64."""
        own = torch.from_numpy(np.isin(pairs.digests, self.trusted.numpy()).astype(np.int64))
        rows = torch.empty(len(pairs), len(COLUMNS), dtype=torch.double)
        for numbers, source, target in batches(pairs.text, self.dictionaries.padding):
            sides = source, target
            real = [tokens.ne(self.dictionaries.padding).double() for tokens in sides]
            lengths = [r.sum(1) for r in real]
            found = [
                (known[own[numbers].unsqueeze(1), tokens] * r).sum(1) / n
                for known, tokens, r, n in zip(self.log_odds, sides, real, lengths, strict=True)
            ]
            both = copied(source, target, self.dictionaries.shared) * real[1]
            found.append(both.sum(1) / lengths[1])
            found += [n.log() for n in lengths]
            found += self._digits(sides)
            rows[numbers] = torch.stack(found, 1)
        return rows

    def _digits(self, sides: Sequence[Tensor]) -> list[Tensor]:
        """Digits of both sides, and those of either that the other one lacks, (n,) each."""
        known = zip(sides, self.dictionaries.digits, self._has_digits, strict=True)
        found = [_digits(*side) for side in known]
        source, target = found
        lacks = [(source - target).clamp(min=0), (target - source).clamp(min=0)]
        return [(source + target).sum(1), *(side.sum(1) for side in lacks)]


def without_a_side(features: Tensor) -> Tensor:
    """Which pairs have a side that is empty, or both, bool, shape (N,).

    Args:
        features: of the pairs, shape (N, 8).
    """
    # An empty side has its end alone.
    return (columns(features, "source_log_length", "target_log_length") == 0).any(1)


def _digits(tokens: Tensor, known: Tensor, has_digits: Tensor) -> Tensor:
    """How often each of n sentences has each digit, shape (n, 10), float64.

    Args:
        tokens: of the sentences, shape (n, T).
        known: digits of types, shape (V, 10).
        has_digits: whether types have any, bool, shape (V,).
    """
    found = torch.zeros(len(tokens), 10, dtype=torch.double)
    # Few tokens have any.
    sentence, place = has_digits[tokens].nonzero(as_tuple=True)
    return found.index_add_(0, sentence, known[tokens[sentence, place]].double())


def _counts(pairs: ParallelText, dictionaries: Dictionaries) -> list[Tensor]:
    """How often types come up in sources and in targets, shapes (V,), float64."""
    sides = zip((pairs.src, pairs.tgt), dictionaries.types, strict=True)
    return [torch.from_numpy(_count(side, size)) for side, size in sides]


def _count(sentences: Sentences, types: int) -> np.ndarray:
    found = np.zeros(types)
    for block in sentences.blocks():
        found += np.bincount(block.joined(), minlength=types)
    return found
