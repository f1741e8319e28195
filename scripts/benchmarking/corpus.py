"""A corpus of any size, made up: what set-up costs depends on its size and not on what it says."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fairseq_l2rw.data.sentences import Sentences

_TYPES = 16_000
_LENGTH = 20  # words of a sentence, on average
_WRONG = 0.1  # share of training pairs that do not belong together
_TOGETHER = 100_000  # pairs that are made at a time
_LANGUAGES = "src", "tgt"


def write(folder: Path, sizes: dict[str, int]) -> None:
    """Write splits as binary data of fairseq's, source `src` and target `tgt`.

    Words are as frequent as in text (Zipf, 1949, "Human Behavior and the Principle of Least
    Effort"). Every source word has one translation, the words of a target are in a slightly
    different order, and some targets are those of other pairs.

    Args:
        folder: is made; a complete one stays as it is.
        sizes: pairs by split.
    """
    from fairseq.data import Dictionary

    done = folder / "complete"
    if done.exists() and done.read_text() == f"{sizes}":
        return
    folder.mkdir(parents=True, exist_ok=True)
    dictionary = Dictionary()
    for number in range(_TYPES):
        dictionary.add_symbol(f"▁word{number}")
    for language in _LANGUAGES:
        dictionary.save(str(folder / f"dict.{language}.txt"))
    words = np.random.default_rng(1)
    translation = words.permutation(_TYPES)
    for split, pairs in sizes.items():
        wrong = _WRONG if split == "train" else 0.0
        sides = [_Side(folder / f"{split}.src-tgt.{language}") for language in _LANGUAGES]
        for count in tqdm(_blocks(pairs), desc=split, unit_scale=_TOGETHER, disable=None):
            rows = _pairs(words, count, translation, wrong)
            for side, row in zip(sides, rows, strict=True):
                side.add(row, dictionary.nspecial, dictionary.eos())
        for side in sides:
            side.finish()
    done.write_text(f"{sizes}")


class _Side:
    """A side of a split, in the format of fairseq's ``MMapIndexedDataset``.

    fairseq's own writer takes sentences one by one, and an hour for a hundred million.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._sizes = path, [np.empty(0, np.int32)]
        self._tokens = Path(f"{path}.bin")
        self._tokens.write_bytes(b"")

    def add(self, sentences: Sentences, first: int, end: int) -> None:
        """Write sentences of words from 0, by the types of the first word and of the end."""
        sizes = sentences.sizes + 1
        tokens = np.full(int(sizes.sum()), end, np.uint16)
        inside = np.ones(len(tokens), bool)
        inside[sizes.cumsum() - 1] = False
        tokens[inside] = sentences.joined() + first
        with self._tokens.open("ab") as file:
            tokens.tofile(file)
        self._sizes.append(sizes.astype(np.int32))

    def finish(self) -> None:
        """Write where each sentence is."""
        from fairseq.data.indexed_dataset import MMapIndexedDataset, _dtype_header_code

        sizes = np.concatenate(self._sizes)
        ends = sizes.cumsum(dtype=np.int64)
        with Path(f"{self._path}.idx").open("wb") as file:
            file.write(MMapIndexedDataset.Index._HDR_MAGIC)
            file.write(struct.pack("<QBQ", 1, _dtype_header_code(np.uint16), len(sizes)))
            sizes.tofile(file)
            ((ends - sizes) * np.uint16().itemsize).tofile(file)


def _blocks(pairs: int) -> list[int]:
    """How many pairs are made at a time."""
    return [min(_TOGETHER, pairs - begin) for begin in range(0, pairs, _TOGETHER)]


def _pairs(
    words: np.random.Generator, count: int, translation: np.ndarray, wrong: float
) -> tuple[Sentences, Sentences]:
    """Words of sources and targets, from 0."""
    sizes = 1 + words.poisson(_LENGTH - 1, count)
    rank = np.exp(words.random(int(sizes.sum())) * np.log(_TYPES)).astype(np.int64) - 1
    owner = np.repeat(np.arange(count), sizes)
    order = np.lexsort((np.arange(len(rank)) + words.normal(0, 2, len(rank)), owner))
    of = np.arange(count)
    of[words.random(count) < wrong] -= 1  # of the pair before, of the first one the last pair's
    targets = Sentences.beside(translation[rank][order], sizes).take(of)
    return Sentences.beside(rank, sizes), targets
