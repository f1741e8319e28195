"""``fairseq-l2rw compare``: two runs, or a run and any other scores."""

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import stats

from fairseq_l2rw.commands.places import add_places
from fairseq_l2rw.inference.line_weights import LineWeights
from fairseq_l2rw.inference.run_folder import RunFolder
from fairseq_l2rw.reporting.measures import auc
from fairseq_l2rw.text.columns import column_of
from fairseq_l2rw.text.files import lines, replaced
from fairseq_l2rw.utils.checks import at_least
from fairseq_l2rw.utils.errors import InputError

HELP = "compare the weights of two runs, or of a run and other scores"
DESCRIPTION = """
Say how far two scores of the same lines agree: their rank correlation; where one of them has two
values only, how well the other tells them apart (AUC); and the pairs that they disagree about most.
A score is a run, or a file with a number a line, or a column of a tab-separated table
(FILE:COLUMN, by number from 1, or by name if the table has a header: FILE:NAME).
"""
EXAMPLE = """
examples:
  fairseq-l2rw compare run-deep run-initial
  fairseq-l2rw compare run bicleaner.tsv:3 --out disagreement.tsv
"""

Numbers = npt.NDArray[np.float64]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    add("first", help="a run")
    add("second", help="another run, or FILE, or FILE:COLUMN")
    add("--show", type=int, default=10, help="pairs of most disagreement to show (default: 10)")
    add("--out", type=Path, metavar="FILE", help="write all pairs, most disagreement first")
    add_places(parser)


def run(args: argparse.Namespace) -> None:
    """Do it."""
    at_least(0, "--show", args.show)
    folder = RunFolder.of(Path(args.first), args.data, args.weights_dir)
    text, total = folder.text(args.text), len(folder.target_lengths)
    first = LineWeights.of(folder, total).weight
    second = _scores(args.second, total)
    known = ~np.isnan(first) & ~np.isnan(second)
    if known.sum() < 2:
        raise InputError("fewer than two lines have both scores")
    for line in agreement(first[known], second[known], (args.first, args.second)):
        print(line)
    order = _disagreement(first, second, known)
    pairs = text.at(order if args.out is not None else order[: args.show])
    print(f"\nmost disagreement, of {known.sum():,} lines with both scores:")
    print("line\tfirst\tsecond\tsource\ttarget")
    for number in order[: args.show]:
        print(_row(int(number), first, second, pairs))
    if args.out is not None:
        with replaced(args.out) as file:
            file.write("line\tfirst\tsecond\tsource\ttarget\n")
            file.writelines(_row(int(n), first, second, pairs) + "\n" for n in order)
        print(f"all of them: {args.out}")


def agreement(first: Numbers, second: Numbers, names: Sequence[str]) -> list[str]:
    """How far two scores of the same lines agree, in a line or a few.

    Args:
        first: shape (lines,).
        second: likewise.
        names: of both.
    """
    found = stats.spearmanr(first, second).statistic
    lines = [f"rank correlation (Spearman): {found:.3f}"]
    for score, binary, (of, by) in ((first, second, names), (second, first, names[::-1])):
        values = np.unique(binary)
        if len(values) == 2:
            area = auc(score[binary == values[1]], score[binary == values[0]])
            assert area is not None  # both values occur
            low, high = (f"{value:g}" for value in values)
            lines.append(f"AUC of {of} for {high} against {low} of {by}: {area:.3f}")
    return lines


def _scores(name: str, total: int) -> Numbers:
    """Scores by line: of a run, a file, or a column of a table."""
    whole = Path(name).exists() or ":" not in name
    path, _, column = (name, "", "") if whole else name.rpartition(":")
    if (path and Path(path).is_dir()) or path.endswith(".pt"):
        return LineWeights.of(RunFolder.of(Path(path)), total).weight
    if not Path(path).is_file():
        raise InputError(f"neither a run nor a file: {name}")
    rows = list(lines(path))
    if not rows:
        raise InputError(f"{path} is empty")
    header = rows[0].split("\t") if column and not column.isdecimal() else None
    place = column_of(column, header) if column else 0
    rows = rows[header is not None :]
    if len(rows) != total:
        raise InputError(f"{path} has {len(rows)} scores, the training text {total} lines")
    return np.array([_number(row, place, path, n) for n, row in enumerate(rows, 1)])


def _number(row: str, place: int, path: str, line: int) -> float:
    cells = row.split("\t")
    cell = cells[place].strip() if place < len(cells) else ""
    try:
        return float(cell) if cell else math.nan
    except ValueError:
        raise InputError(f"{path}, line {line}: {cell!r} is no number") from None


def _disagreement(
    first: Numbers, second: Numbers, known: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """Lines with both scores, those first whose ranks differ most."""
    rows = np.flatnonzero(known)
    ranks = [stats.rankdata(scores[rows]) for scores in (first, second)]
    return rows[np.argsort(-np.abs(ranks[0] - ranks[1]), kind="stable")]


def _row(number: int, first: Numbers, second: Numbers, pairs: Mapping[int, tuple[str, str]]) -> str:
    texts = (text.replace("\t", " ") for text in pairs[number])
    return "\t".join([str(number), f"{first[number]:.4g}", f"{second[number]:.4g}", *texts])
