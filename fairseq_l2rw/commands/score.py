"""``fairseq-l2rw score``: weights for any parallel text."""

import argparse
import math
import multiprocessing
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from fairseq.data import Dictionary

from fairseq_l2rw.commands.labels import add_labels, check_count, read_labels
from fairseq_l2rw.commands.progress import progress
from fairseq_l2rw.commands.scored_table import ScoredTable, Scorer, pair_table
from fairseq_l2rw.commands.user_dir import load_user_dir
from fairseq_l2rw.inference.checkpoint_file import checkpoint_of
from fairseq_l2rw.inference.finished_run import FinishedRun
from fairseq_l2rw.inference.initial_scorer import InitialScorer
from fairseq_l2rw.inference.scorer_pool import ScorerPool
from fairseq_l2rw.inference.text_scorer import TextScorer
from fairseq_l2rw.initial_weights.options import CHOICES, InitialOptions
from fairseq_l2rw.reporting.measures import by_group, by_label
from fairseq_l2rw.text.columns import read_pairs
from fairseq_l2rw.text.files import COMPRESSED
from fairseq_l2rw.text.manifest import Manifest
from fairseq_l2rw.text.pieces import Blanks, SentencePieces, Splitter
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.weighting.options import BY

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
_MOST_WORKERS = 8  # unless more are asked for: each takes the memory of a batch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    add("input", help="the table; - is stdin; .gz, .bz2, .xz and .zst are read as they are")
    add("output", nargs="?", default="-", help="file to write; - is stdout (default: -)")
    by = parser.add_mutually_exclusive_group(required=True)
    by.add_argument("--run", type=Path, help="the --save-dir of a finished run, or a checkpoint")
    by.add_argument("--initial", action="store_true", help="no training: initial weights")
    add("--by", choices=CHOICES, help=f"with --initial: {BY} (default: quality)")
    add("--trusted", nargs="+", metavar="FILE", help="with --initial: pairs that you vouch for")
    add("--data", help="folder that prepare made; of a run it is known, if it was not moved")
    add(
        "--user-dir",
        metavar="FOLDER",
        help="with --run: the folder that fairseq-train was given, if that was one of your own, "
        "with a weighting or a model",
    )
    _add_table(parser)
    _add_computation(parser)


def _add_table(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--scol", default="1", help="column of the source, from 1, or its name (default: 1)")
    add("--tcol", default="2", help="column of the target, likewise (default: 2)")
    add("--header", action="store_true", help="the first line has the names of the columns")
    add("--score-only", action="store_true", help="write the weights alone, one a line")
    add("--factors", action="store_true", help="add a column for every factor of the weight, too")
    add_labels(parser, "say how well weights tell lines with a --good label from others")
    add(
        "--resume",
        action="store_true",
        help="go on with an output that an earlier call left unfinished",
    )


def _add_computation(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
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
        "--workers",
        type=int,
        help="processes that score side by side on a CPU; fewer take less memory (default: one a "
        f"core, {_MOST_WORKERS} at most)",
    )


def run(args: argparse.Namespace) -> None:
    """Do it."""
    _check(args)
    labels = read_labels(args)
    scorer = _initial_scorer(args) if args.initial else _run_scorer(args)
    table = ScoredTable(args, scorer)
    with table.output() as output:
        table.write(output)
    table.report()
    if labels is not None:
        check_count(labels, args.labels, len(table.weights), "the table")
        _tell_labels(labels, args.good, np.array(table.weights))


def _check(args: argparse.Namespace) -> None:
    if args.initial and not args.trusted:
        raise InputError("--initial needs --trusted, and --data of fairseq-l2rw prepare")
    if args.initial and not args.data:
        raise InputError("--initial needs --data, the folder that fairseq-l2rw prepare made")
    if args.initial and args.input == "-":
        raise InputError("--initial reads its input twice, so it takes a file, not stdin")
    for name in ("trusted", "by"):
        if getattr(args, name) and not args.initial:
            raise InputError(f"--{name} is for --initial: a run has its own")
    if args.resume and (args.output == "-" or args.output.endswith(COMPRESSED)):
        raise InputError("--resume needs an output file that is not compressed")
    if args.labels is not None and args.resume:
        raise InputError("--labels needs all lines, so it cannot go with --resume")
    if (args.workers or 1) > 1 and "fork" not in multiprocessing.get_all_start_methods():
        raise InputError("--workers above 1 needs processes that share memory: not on this system")
    for name in ("workers", "max_tokens"):
        number = getattr(args, name)
        if number is not None and number < 1:
            raise InputError(f"--{name.replace('_', '-')} must be 1 or more, not {number}")
    if args.input != "-" and not Path(args.input).exists():
        raise InputError(f"missing file: {args.input}")
    if args.input != "-" and not Path(args.input).is_file() and (args.initial or args.resume):
        raise InputError(f"{args.input} is no plain file, and is read twice: write it to one")


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
    load_user_dir(args)
    device = _device(args.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    finished = FinishedRun(checkpoint_of(args.run), device, args.data, args.fp16)
    splitter = _splitter(args, finished.task.cfg.data.split(os.pathsep)[0])
    on_cpu = finished.device.type == "cpu"
    scorer = TextScorer(finished, splitter, args.max_tokens or (2048 if on_cpu else 16384))
    workers = args.workers or (_cores() if on_cpu else 1)
    return ScorerPool(scorer, workers) if workers > 1 else scorer


def _cores() -> int:
    """Processes that a CPU can run side by side, where processes can share memory."""
    if "fork" not in multiprocessing.get_all_start_methods():
        return 1
    if sys.platform == "darwin":  # which has no way to ask, and where a fork of torch may crash
        return 1
    return min(_MOST_WORKERS, len(os.sched_getaffinity(0)))


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"--device {name}: {str(error).splitlines()[0]}") from None
    return device


def _initial_scorer(args: argparse.Namespace) -> Scorer:
    """Learn from the table and the trusted pairs; both are kept in memory as numbers."""
    manifest = Manifest.read(Path(args.data))
    languages = manifest.settings["languages"]
    files = [Path(args.data) / f"dict.{language}.txt" for language in languages]
    source, target = (Dictionary.load(str(file)) for file in files)
    splitter = _splitter(args, args.data)
    text = progress((pair for _, pair in pair_table(args)), "initial weights: reading")
    trusted = read_pairs(args.trusted)
    return InitialScorer(
        text, trusted, splitter, (source, target), InitialOptions(args.by or "quality")
    )


def _tell_labels(
    labels: Sequence[str], good: Sequence[str], weights: npt.NDArray[np.float64]
) -> None:
    """Say on stderr how well weights tell labels apart."""
    told = by_label(weights, labels, good)["auc"]
    print(f"{'label':16} {'lines':>9} {'weight':>8} {'AUC':>6}", file=sys.stderr)
    for row in by_group(weights, np.ones(len(weights)), weights > 0, labels):
        area = told.get(row["group"])
        mean = math.nan if row["mean_weight"] is None else row["mean_weight"]
        cells = f"{row['group']:16} {row['lines']:>9,} {mean:>8.3f}"
        print(cells + (f" {area:>6.3f}" if area is not None else ""), file=sys.stderr)
