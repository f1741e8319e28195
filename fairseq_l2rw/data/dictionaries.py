"""What the dictionaries of both languages say of their types."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fairseq_l2rw.data.sentences import Sentences
from fairseq_l2rw.data.words import Words

# How pieces say that a word begins (sentencepiece) or goes on (subword-nmt).
_BEGINS, _GOES_ON = "\u2581", "@@"
# Share of tokens with the former from where on it is a mark: in words it is a rare picture.
_MARKED = 0.01
# Letters of a word on average from where on it is none: between blanks there is a clause. Of
# languages that are written with blanks the longest words have about ten.
_CLAUSE = 16


@dataclass(frozen=True)
class Dictionaries:
    """What the dictionaries of source and target say.

    Attributes:
        types: their sizes.
        padding: number of the padding type in both.
        shared: which types they have in common, shape (V,), see ``shared_types``.
        digits: how often each type has each of the ten digits, shapes (V, 10), see
            ``digits_of_types``.
        boundaries: which target types may end a word, and which may begin one, bool, shape (2, V),
            see ``boundaries_of_types``.
        letters: how many each target type has, shape (V,), see ``letters_of_types``.
        numerals: which types are numbers, bool, shapes (V,), see ``numerals_of_types``.
        digest: of all types by number; empty where these are made up.
    """

    types: tuple[int, int]
    padding: int
    shared: Tensor
    digits: tuple[Tensor, Tensor]
    boundaries: Tensor
    letters: Tensor
    numerals: tuple[Tensor, Tensor]
    digest: str = ""

    @classmethod
    def of(cls, source: Any, target: Any) -> "Dictionaries":
        """From fairseq's dictionaries."""
        sides = source, target
        digits = digits_of_types(source), digits_of_types(target)
        sizes = len(source), len(target)
        boundaries, letters = boundaries_of_types(target), letters_of_types(target)
        digest = _digest(source.symbols, target.symbols)
        numerals = numerals_of_types(source), numerals_of_types(target)
        shared = shared_types(*sides)
        return cls(sizes, target.pad(), shared, digits, boundaries, letters, numerals, digest)

    def of_targets(self, targets: Sentences) -> "Dictionaries":
        """These, where N targets are written without blanks, as in Chinese, with each type a word.

        Otherwise a whole sentence would be one.
        """
        words = Words.of(targets, self.boundaries)
        count = int((~words.is_end).sum())
        if self.letters.numpy()[words.types].sum() < _CLAUSE * max(1, count):
            return self
        return replace(self, boundaries=self.boundaries.any(0).expand_as(self.boundaries).clone())


def shared_types(source: Any, target: Any) -> Tensor:
    """For each type of the source dictionary the number of the same symbol in the target's.

    Args:
        source: fairseq dictionary of the source language.
        target: of the target language.

    Returns:
        Shape (V,), with V the size of the source dictionary; -1 for a symbol that the target
        language does not have, and for special symbols, which no one copies.
    """
    found = [target.indices.get(symbol, -1) for symbol in source.symbols]
    result = torch.tensor(found)
    result[: source.nspecial] = -1
    return result


def digits_of_types(dictionary: Any) -> Tensor:
    """How often each type has each of the ten digits, shape (V, 10), uint8.

    Digits of all scripts count, and those in superscripts. Special symbols, those that fairseq adds
    to make a size a multiple of 8, and bytes such as ``<0xE2>`` have none.
    """
    counts = np.zeros((len(dictionary), 10), dtype=np.uint8)
    for number in range(dictionary.nspecial, len(dictionary)):
        symbol = dictionary[number]
        if symbol.startswith(("madeupword", "<0x")):
            continue
        for letter in filter(str.isdigit, symbol):
            counts[number, unicodedata.digit(letter)] += 1
    return torch.from_numpy(counts)


def numerals_of_types(dictionary: Any) -> Tensor:
    """Which types have digits and no letter, bool, shape (V,).

    None where most are such: then the pieces themselves are written as numbers, as fairseq's
    ``--bpe gpt2`` does.
    """
    symbols = [dictionary[number] for number in range(dictionary.nspecial, len(dictionary))]
    found = [any(map(str.isdigit, x)) and not any(map(str.isalpha, x)) for x in symbols]
    most = 2 * sum(found) > len(found)
    return torch.tensor([False] * dictionary.nspecial + [x and not most for x in found])


def boundaries_of_types(dictionary: Any) -> Tensor:
    """Which types may end a word, and which may begin one, bool, shape (2, V).

    Where pieces say nothing of words, every type is one. Special symbols are none.
    """
    symbols = [dictionary[number] for number in range(len(dictionary))]
    begun, going_on = _shares_marked(dictionary)
    marked = begun >= max(_MARKED, going_on)
    ends = [not symbol.endswith(_GOES_ON) for symbol in symbols]
    begins = [symbol.startswith(_BEGINS) or not marked for symbol in symbols]
    found = torch.tensor([ends, begins])
    found[:, : dictionary.nspecial] = False
    return found


def letters_of_types(dictionary: Any) -> Tensor:
    """How many letters, signs and digits each type has, without marks of pieces, shape (V,).

    Special symbols have none, and a byte such as ``<0xE2>`` is one.
    """
    symbols = [dictionary[number] for number in range(dictionary.nspecial, len(dictionary))]
    plain = (symbol.lstrip(_BEGINS).removesuffix(_GOES_ON) for symbol in symbols)
    counts = [1 if symbol.startswith("<0x") else len(symbol) for symbol in plain]
    return torch.tensor([0] * dictionary.nspecial + counts)


def _shares_marked(dictionary: Any) -> tuple[float, float]:
    """Shares of the tokens that say that a word begins, and that it goes on, by their counts."""
    counted = list(zip(dictionary.symbols, dictionary.count, strict=True))[dictionary.nspecial :]
    total = max(1, sum(count for _, count in counted))
    begun = sum(count for symbol, count in counted if symbol.startswith(_BEGINS))
    return begun / total, sum(n for symbol, n in counted if symbol.endswith(_GOES_ON)) / total


def _digest(*sides: Sequence[str]) -> str:
    """The digest of the symbols of dictionaries, in hexadecimal."""
    digest = sha256()
    for symbols in sides:
        digest.update("\n".join([*symbols, ""]).encode())
        digest.update(b"\0")
    return digest.hexdigest()[:16]
