"""What pairs look like before any training, and how many trusted pairs it takes to see that.

    python examples/translation/initial_weights.py --bin runs/matrix/mixed50/bin-all \
        --trusted 30 60 120 714

Prints means of the initial weights, with which `--weighting initial` trains and `deep` begins.
Where the folder has labels, also for every kind of noise how often a clean pair outweighs one of it
(AUC), and its mean weight. `--out` writes the weights, one a line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fairseq.data import Dictionary
from fairseq.data.data_utils import load_indexed_dataset

from fairseq_l2rw.data.pairs import Dictionaries
from fairseq_l2rw.features.copying import shared_types
from fairseq_l2rw.initial_weights.estimate import InitialWeightModel
from fairseq_l2rw.weighting import Initial
from lines import read_lines, write_lines
from report import Table, as_text
from score import CLEAN, auc_per_kind, mean_per_kind
from weights import Array


@dataclass
class Split:
    """Pairs as numbers of types, from binary data."""

    src: Any
    tgt: Any

    def __len__(self) -> int:
        return len(self.src)

    def some(self, count: int, seed: int) -> Split:
        """So many of them, drawn at random."""
        drawn = np.random.default_rng(seed).permutation(len(self))[:count].tolist()
        return Split([self.src[n] for n in drawn], [self.tgt[n] for n in drawn])


def load(folder: Path, languages: Sequence[str]) -> tuple[Split, Split, Dictionaries]:
    """The training pairs, the trusted ones and what the dictionaries say."""
    files = [folder / f"dict.{language}.txt" for language in languages]
    pair = "-".join(languages)
    files += [folder / f"{s}.{pair}.{x}.idx" for s in ("train", "meta") for x in languages]
    missing = [file for file in files if not file.exists()]
    if missing:
        sys.exit(f"missing file: {missing[0]}")
    source, target = (Dictionary.load(str(file)) for file in files[:2])
    train, trusted = (
        Split(*(load_indexed_dataset(str(folder / f"{s}.{pair}.{x}")) for x in languages))
        for s in ("train", "meta")
    )
    same = shared_types(source, target)
    return train, trusted, Dictionaries((len(source), len(target)), source.pad(), same)


def rows(found: Mapping[int, Array], labels: Sequence[str] | None) -> Table:
    """A table with a line for every number of trusted pairs; of noise AUC and mean weight."""
    kinds = np.asarray(labels if labels is not None else [])
    names = [CLEAN, *sorted({*kinds.tolist()} - {CLEAN})] if labels is not None else []
    result = [["trusted pairs", "mean weight", *names]]
    for count, given in found.items():
        row = [str(count), f"{given.mean():.3f}"]
        if names:
            once = np.ones(len(given))
            means, areas = mean_per_kind(given, kinds, once), auc_per_kind(given, kinds, once)
            row.append(f"{means[CLEAN]:.3f}")
            row += [f"{areas[kind]:.3f} / {means[kind]:.3f}" for kind in names[1:]]
        result.append(row)
    return result


def table(
    folder: Path, languages: Sequence[str], counts: Sequence[int] | None = None, seed: int = 1
) -> tuple[str, Array]:
    """How initial weights tell the kinds of noise apart, and the weights by the last count.

    Args:
        folder: of binary data.
        languages: source and target.
        counts: how many trusted pairs to look at; all, if not given.
        seed: of the choice of trusted pairs.
    """
    train, trusted, dictionaries = load(folder, languages)
    options = Initial.Options()
    bounds = options.sharpness, options.tolerance
    found = {}
    for count in counts or [len(trusted)]:
        model, accepted = InitialWeightModel.learn(
            train, trusted.some(count, seed), dictionaries, *bounds
        )
        found[count] = model.weights(accepted).numpy()
    labels = folder / "train.labels"
    text = as_text(rows(found, read_lines(labels) if labels.exists() else None))
    return text, list(found.values())[-1]


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument(
        "--bin", type=Path, required=True, help="folder of binary data with the splits train, meta"
    )
    result.add_argument("--source", default="de", help="source language (default: de)")
    result.add_argument("--target", default="en", help="target language (default: en)")
    result.add_argument(
        "--trusted",
        type=int,
        nargs="+",
        help="how many trusted pairs to look at, drawn at random (default: all)",
    )
    result.add_argument("--seed", type=int, default=1, help="of the draw (default: 1)")
    result.add_argument("--out", type=Path, help="file for the weights by the last number of pairs")
    return result


def main() -> None:
    """Run the command line."""
    args = parser().parse_args()
    text, weights = table(args.bin, (args.source, args.target), args.trusted, args.seed)
    print(text)
    if args.out is not None:
        write_lines(args.out, (f"{w:.6g}" for w in weights))


if __name__ == "__main__":
    main()
