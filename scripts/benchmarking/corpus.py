"""A corpus of any size, made up: what set-up costs depends on its size and not on what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np

_TYPES = 16_000
_LENGTH = 20  # words of a sentence, on average
_WRONG = 0.1  # share of training pairs that do not belong together
_TOGETHER = 100_000  # pairs that are made at a time


def write(folder: Path, sizes: dict[str, int]) -> None:
    """Write splits as binary data of fairseq's, source `src` and target `tgt`.

    Words are as frequent as in text (Zipf, 1949, "Human Behavior and the Principle of Least
    Effort"). Every source word has one translation, the words of a target are in a slightly
    different order, and some targets are those of other pairs.

    Args:
        folder: is made; a complete one stays as it is.
        sizes: pairs by split.
    """
    import torch
    from fairseq.data import Dictionary
    from fairseq.data.indexed_dataset import MMapIndexedDatasetBuilder

    done = folder / "complete"
    if done.exists() and done.read_text() == f"{sizes}":
        return
    folder.mkdir(parents=True, exist_ok=True)
    dictionary = Dictionary()
    for number in range(_TYPES):
        dictionary.add_symbol(f"▁word{number}")
    for language in ("src", "tgt"):
        dictionary.save(str(folder / f"dict.{language}.txt"))
    words = np.random.default_rng(1)
    translation = words.permutation(_TYPES)
    for split, pairs in sizes.items():
        wrong = _WRONG if split == "train" else 0.0
        names = [str(folder / f"{split}.src-tgt.{language}") for language in ("src", "tgt")]
        builders = [MMapIndexedDatasetBuilder(f"{name}.bin", dtype=np.uint16) for name in names]
        for begin in range(0, pairs, _TOGETHER):
            rows = _pairs(words, min(_TOGETHER, pairs - begin), translation, wrong)
            for sides in zip(*rows, strict=True):
                for builder, side in zip(builders, sides, strict=True):
                    end = np.append(side + dictionary.nspecial, dictionary.eos())
                    builder.add_item(torch.from_numpy(end))
        for name, builder in zip(names, builders, strict=True):
            builder.finalize(f"{name}.idx")
    done.write_text(f"{sizes}")


def _pairs(
    words: np.random.Generator, count: int, translation: np.ndarray, wrong: float
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Words of sources and targets, each of shape (T,)."""
    sizes = 1 + words.poisson(_LENGTH - 1, count)
    rank = np.exp(words.random(int(sizes.sum())) * np.log(_TYPES)).astype(np.int64) - 1
    order = np.lexsort((np.arange(len(rank)) + words.normal(0, 2, len(rank)), _owner(sizes)))
    ends = np.cumsum(sizes)[:-1]
    sources, targets = np.split(rank, ends), np.split(translation[rank][order], ends)
    for place in np.flatnonzero(words.random(count) < wrong).tolist():
        targets[place] = targets[place - 1]
    return sources, targets


def _owner(sizes: np.ndarray) -> np.ndarray:
    """Which sentence each word is of, by the sentences' sizes (N,)."""
    return np.repeat(np.arange(len(sizes)), sizes)
