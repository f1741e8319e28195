"""How well the weights of tokens tell wrong words from the others of their sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece

from weights import Array

FLAWS = "train.flaws"
# What sentencepiece begins a word with.
BLANK = "\u2581"


def words_of(pieces: Sequence[str]) -> list[int]:
    """Return which word each piece of a text belongs to, counted from 0."""
    words, number = [], -1
    for piece in pieces:
        number += piece.startswith(BLANK)
        words.append(max(number, 0))
    return words


def wrong_words(
    folder: Path, texts: Sequence[str], flaws: Sequence[str], model: Path
) -> dict[str, Any]:
    """Return what the last weights of sentences with a wrong word say of this and of their others.

    That is, how often another one outweighs a wrong one (``token_auc``), and the mean weights of
    both (``token_mean_weight``); nothing where tokens have no weights, or no word is wrong.

    Args:
        folder: of the weights.
        texts: targets, by line.
        flaws: numbers of the wrong words of each, separated by blanks.
        model: sentencepiece's.
    """
    from sklearn.metrics import roc_auc_score

    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    wrong: list[Array] = []
    weights: list[Array] = []
    for line, found in last_token_weights(folder).items():
        bad = set(map(int, flaws[line].split()))
        if bad:
            words = words_of(processor.encode(texts[line], out_type=str))
            # The end of the sentence has a weight, too, and is no word.
            wrong.append(np.isin(words, sorted(bad)))
            weights.append(np.asarray(found[: len(words)]))
    if not wrong:
        return {}
    is_wrong, every = np.concatenate(wrong), np.concatenate(weights)
    means = {"wrong": every[is_wrong].mean(), "other": every[~is_wrong].mean()}
    return {
        "token_auc": float(roc_auc_score(~is_wrong, every)),
        "token_mean_weight": {name: float(mean) for name, mean in means.items()},
    }


def last_token_weights(folder: Path) -> dict[int, list[float]]:
    """Return the last weights of the tokens of each line; nothing where only sentences have any."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(folder, columns=["update", "id", "token_weights"]).sort_by("update")
    rows = zip(table["id"].to_pylist(), table["token_weights"].to_pylist(), strict=True)
    return {line: weights for line, weights in rows if weights is not None}
