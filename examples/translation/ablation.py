"""What each factor of the initial weights adds: how well kinds are told apart without it.

    fairseq-l2rw score train.tsv factors.tsv --initial --factors --score-only --data DATA \
        --trusted trusted.tsv
    python ablation.py --factors factors.tsv --labels train.labels --recipe human

Prints a Markdown table: with all factors that count by default, without each of them, and with the
domain. AUC is how often a good pair outweighs one of a kind; then come the mean weight of good
pairs and the answers to the recipe's own questions.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from labels import CLEAN
from lines import read_lines
from recipes import RECIPES
from score import auc_of, auc_per_kind

Array = npt.NDArray[np.float64]


def read_factors(path: Path, count: int, names: Sequence[str]) -> Array:
    """Return the factors of all pairs, shape (pairs, names); NaN where a pair was not weighed."""
    rows = [line.split("\t") for line in read_lines(path)]
    if len(rows) != count or any(len(row) != 1 + len(names) for row in rows):
        sys.exit(
            f"{path}: not the {count} lines of weight, {', '.join(names)} that `fairseq-l2rw score "
            "--initial --factors --score-only` writes"
        )
    return np.array([[float(cell or "nan") for cell in row[1:]] for row in rows])


def variants(factors: Array, names: Sequence[str]) -> Iterator[tuple[str, Array]]:
    """Yield what counts, and the weights, shape (pairs,); the last factor is the domain."""
    counted = [*range(len(names) - 1)]
    yield "all", factors[:, counted].prod(1)
    for at in counted:
        yield f"without `{names[at]}`", factors[:, [n for n in counted if n != at]].prod(1)
    yield "with `domain`", factors.prod(1)


def table(factors: Array, names: Sequence[str], labels: Sequence[str], recipe: str) -> list[str]:
    """Return the lines of the table."""
    known = np.isfinite(factors).all(1)
    kinds, factors = np.array(labels)[known], factors[known]
    counts, questions = np.ones(len(kinds)), RECIPES[recipe].questions
    rows = []
    for what, weights in variants(factors, names):
        found = auc_per_kind(weights, kinds, counts)
        cells = {kind: f"{area:.3f}" for kind, area in sorted(found.items())}
        cells["weight of good pairs"] = f"{weights[kinds == CLEAN].mean():.2f}"
        for name, question in questions.items():
            cells[name] = f"{auc_of(weights, kinds, counts, question):.3f}"
        rows.append({"factors": what, **cells})
    head = list(rows[0])
    lines = [head, ["---"] * len(head), *([row[name] for name in head] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--factors", type=Path, required=True, help="file of `fairseq-l2rw score`")
    result.add_argument("--labels", type=Path, required=True, help="a label for every line")
    result.add_argument("--recipe", choices=list(RECIPES), default="mixed50", help="of the pairs")
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    from fairseq_l2rw.initial_weights.estimate import InitialWeightModel  # slow to import

    args = parser().parse_args(arguments)
    labels, names = read_lines(args.labels), InitialWeightModel.FACTORS
    factors = read_factors(args.factors, len(labels), names)
    print("\n".join(table(factors, names, labels, args.recipe)))


if __name__ == "__main__":
    main()
