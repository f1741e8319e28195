"""``fairseq-l2rw score``: weights for any parallel text."""

import argparse
import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Protocol

import numpy as np
import torch
from fairseq.data import Dictionary

from fairseq_l2rw.commands.progress import progress
from fairseq_l2rw.inference.finished_run import FinishedRun, checkpoint_of
from fairseq_l2rw.inference.initial_scorer import InitialScorer
from fairseq_l2rw.inference.text_scorer import TextPair, TextScorer
from fairseq_l2rw.reporting.measures import by_group, by_label
from fairseq_l2rw.text.columns import Columns, read_pairs
from fairseq_l2rw.text.files import COMPRESSED, count_lines, lines, opened, replaced
from fairseq_l2rw.text.manifest import Manifest
from fairseq_l2rw.text.pieces import Blanks, SentencePieces, Splitter
from fairseq_l2rw.utils.errors import InputError

HELP = "add a column of weights to a table of sentence pairs"
DESCRIPTION = """
Read a tab-separated table of sentence pairs and write the same lines with one more column: the
weight of the pair, from 0 (keep out) to about 1 (as good as a trusted pair). The weights are those
of a finished run, or with --initial those that the text and your trusted pairs alone give, before
any training. Lines keep their order. A line that cannot be weighed (a side is empty, or too long
for the model) gets an empty column and is counted.
"""
EXAMPLE = """
examples:
  fairseq-l2rw score crawl.tsv.gz scored.tsv.gz --run run
  zcat crawl.tsv.gz | fairseq-l2rw score - - --run run --scol src --tcol trg --header > scored.tsv
  fairseq-l2rw score crawl.tsv scored.tsv --initial --data data --trusted trusted.tsv
"""
#: What the column is called where there is a header.
COLUMN = "weight"
_BLOCK = 8192  # lines that are in memory at a time


class Scorer(Protocol):
    """Weighs pairs of sentences."""

    @property
    def columns(self) -> Sequence[str]:
        """What it gives of a pair."""

    def scores(self, pairs: Sequence[TextPair], first: int) -> list[dict[str, float] | None]:
        """Weights and their factors of pairs, the first of which has this number in the table."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    add("input", help="the table; - is stdin; .gz, .bz2, .xz and .zst are read as they are")
    add("output", nargs="?", default="-", help="file to write; - is stdout (default: -)")
    by = parser.add_mutually_exclusive_group(required=True)
    by.add_argument("--run", type=Path, help="the --save-dir of a finished run, or a checkpoint")
    by.add_argument("--initial", action="store_true", help="no training: initial weights")
    add("--trusted", nargs="+", metavar="FILE", help="with --initial: pairs that you vouch for")
    add("--data", help="folder that prepare made; of a run it is known, if it was not moved")
    add("--scol", default="1", help="column of the source, from 1, or its name (default: 1)")
    add("--tcol", default="2", help="column of the target, likewise (default: 2)")
    add("--header", action="store_true", help="the first line has the names of the columns")
    add("--score-only", action="store_true", help="write the weights alone, one a line")
    add("--factors", action="store_true", help="add a column for every factor of the weight, too")
    add("--sentencepiece", type=Path, metavar="MODEL", help="if prepare did not make the data")
    add("--pieces-given", action="store_true", help="sentences are in pieces already")
    add("--device", help="cpu, cuda, cuda:1, ... (default: a GPU if there is one)")
    add("--fp16", action="store_true", help="half precision: faster on a GPU")
    add(
        "--max-tokens",
        type=int,
        default=None,
        help="tokens of a batch; lower it if memory runs out (default: 2048 on a CPU, whose cache "
        "holds no more, and 16384 on a GPU)",
    )
    add(
        "--labels",
        type=Path,
        metavar="FILE",
        help="a word for every line: say how well weights "
        "tell lines with a --good label from others",
    )
    add("--good", nargs="+", default=["clean"], metavar="LABEL", help="(default: clean)")
    add(
        "--resume",
        action="store_true",
        help="go on with an output that an earlier call left unfinished",
    )


def run(args: argparse.Namespace) -> None:
    """Do it."""
    _check(args)
    scorer = _initial_scorer(args) if args.initial else _run_scorer(args)
    table = _Table(args, scorer)
    with table.output() as output:
        table.write(output)
    table.report()
    if args.labels is not None:
        _tell_labels(args, table.weights)


def _check(args: argparse.Namespace) -> None:
    if args.initial and not args.trusted:
        raise InputError("--initial needs --trusted, and --data of fairseq-l2rw prepare")
    if args.initial and not args.data:
        raise InputError("--initial needs --data, the folder that fairseq-l2rw prepare made")
    if args.initial and args.input == "-":
        raise InputError("--initial reads its input twice, so it takes a file, not stdin")
    if args.trusted and not args.initial:
        raise InputError("--trusted is for --initial: a run has trusted pairs of its own")
    if args.resume and (args.output == "-" or args.output.endswith(COMPRESSED)):
        raise InputError("--resume needs an output file that is not compressed")
    if args.labels is not None and args.resume:
        raise InputError("--labels needs all lines, so it cannot go with --resume")
    if args.input != "-" and not Path(args.input).is_file():
        raise InputError(f"missing file: {args.input}")


def _splitter(args: argparse.Namespace, data: str) -> Splitter:
    """What split the run's text."""
    if args.pieces_given:
        return Blanks()
    model = args.sentencepiece or Path(data) / Manifest.PIECES
    if not model.is_file() and args.sentencepiece is None:
        raise InputError(
            f"no {model}: give --sentencepiece MODEL, or --pieces-given where the table has pieces"
        )
    return SentencePieces(model)


def _run_scorer(args: argparse.Namespace) -> Scorer:
    name = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    finished = FinishedRun(checkpoint_of(args.run), torch.device(name), args.data, args.fp16)
    splitter = _splitter(args, finished.task.cfg.data.split(os.pathsep)[0])
    most = args.max_tokens or (2048 if name == "cpu" else 16384)
    return TextScorer(finished, splitter, most)


def _initial_scorer(args: argparse.Namespace) -> Scorer:
    """Learn from the table and the trusted pairs; both are kept in memory as numbers."""
    manifest = Manifest.read(Path(args.data))
    languages = manifest.settings["languages"]
    files = [Path(args.data) / f"dict.{language}.txt" for language in languages]
    source, target = (Dictionary.load(str(file)) for file in files)
    splitter = _splitter(args, args.data)
    text = list(progress(_pairs(args), "initial weights: reading"))
    return InitialScorer(text, list(read_pairs(args.trusted)), splitter, (source, target))


def _pairs(args: argparse.Namespace) -> Iterator[TextPair]:
    rows = lines(args.input)
    header = next(rows, "").split("\t") if args.header else None
    columns = Columns.named(args.scol, args.tcol, header)
    for number, line in enumerate(rows, 1 + args.header):
        yield columns.pair(line, f"{args.input}, line {number}")


@dataclass
class _Counts:
    lines: int = 0
    skipped: int = 0  # which an earlier call wrote
    unweighed: int = 0
    total: float = 0.0


class _Table:
    """The table that is written.

    Args:
        args: of the command.
        scorer: gives the weights.
    """

    def __init__(self, args: argparse.Namespace, scorer: Scorer) -> None:
        self.args, self.scorer = args, scorer
        self.columns = [*scorer.columns] if args.factors else ["weight"]
        self.counts = _Counts()
        self.weights: list[float] = []  # kept for labels only
        self._done = 0  # lines that an earlier call wrote

    @contextmanager
    def output(self) -> Iterator[IO[str]]:
        """The file to write; one that an earlier call left is gone on with if that is wanted."""
        path = Path(self.args.output)
        unfinished = path.with_name(f".unfinished-{path.name}")
        if self.args.resume and unfinished.is_file():
            self._done = _complete_lines(unfinished)
            with opened(unfinished, "a") as file:
                yield file
            os.replace(unfinished, path)
            return
        with replaced(self.args.output) as file:
            yield file

    def write(self, output: IO[str]) -> None:
        """Write all lines."""
        rows = lines(self.args.input)
        header = next(rows, "").split("\t") if self.args.header else None
        columns = Columns.named(self.args.scol, self.args.tcol, header)
        number = 0
        if header is not None:
            number += 1
            if number > self._done:
                output.write(self._line("\t".join(header), self.columns))
        watched = sys.stderr.isatty() and self.args.input != "-"  # then time left is worth a pass
        total = count_lines(self.args.input) - number if watched else None
        bar = progress((), "score", total, " lines")
        skipped = sum(1 for _ in islice(rows, max(0, self._done - number)))
        number += skipped
        bar.update(skipped)
        self.counts.lines = self.counts.skipped = skipped
        while block := list(islice(rows, _BLOCK)):
            places = range(number + 1, number + 1 + len(block))
            pairs = [
                columns.pair(line, f"{self.args.input}, line {place}")
                for line, place in zip(block, places, strict=True)
            ]
            weights = self.scorer.scores(pairs, number - (header is not None))
            for line, found in zip(block, weights, strict=True):
                output.write(self._line(line, self._cells(found)))
            output.flush()
            number += len(block)
            bar.update(len(block))
        bar.close()

    def _cells(self, found: dict[str, float] | None) -> list[str]:
        self.counts.lines += 1
        if self.args.labels is not None:
            self.weights.append(math.nan if found is None else found["weight"])
        if found is None or found["weight"] != found["weight"]:
            self.counts.unweighed += 1
            return [""] * len(self.columns)
        self.counts.total += found["weight"]
        return [f"{found[name]:.4g}" for name in self.columns]

    def _line(self, line: str, cells: Sequence[str]) -> str:
        kept = [] if self.args.score_only else [line]
        return "\t".join([*kept, *cells]) + "\n"

    def report(self) -> None:
        """Say on stderr what was done."""
        counts = self.counts
        weighed = max(1, counts.lines - counts.skipped - counts.unweighed)
        print(
            f"{counts.lines:,} lines, mean weight {counts.total / weighed:.3f}; "
            f"{counts.unweighed:,} could not be weighed (a side is empty or too long)",
            file=sys.stderr,
        )


def _tell_labels(args: argparse.Namespace, weights: list[float]) -> None:
    """Say on stderr how well weights tell labels apart."""
    labels = [line.strip() for line in lines(args.labels)]
    if len(labels) != len(weights):
        raise InputError(f"{args.labels} has {len(labels)} lines, the table has {len(weights)}")
    found = np.array(weights)
    told = by_label(found, labels, args.good)["auc"]
    print(f"{'label':16} {'lines':>9} {'weight':>8} {'AUC':>6}", file=sys.stderr)
    for row in by_group(found, np.ones(len(found)), found > 0, labels):
        area = told.get(row["group"])
        mean = math.nan if row["mean_weight"] is None else row["mean_weight"]
        cells = f"{row['group']:16} {row['lines']:>9,} {mean:>8.3f}"
        print(cells + (f" {area:>6.3f}" if area is not None else ""), file=sys.stderr)


def _complete_lines(path: Path) -> int:
    """Cut off what is no whole line; returns how many lines there are."""
    count = end = 0
    with path.open("rb+") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            count, end = count + 1, end + len(line)
        file.truncate(end)
    return count
