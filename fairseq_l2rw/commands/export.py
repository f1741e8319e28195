"""``fairseq-l2rw export``: the weights of a finished run for other toolkits."""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fairseq_l2rw.commands.export_format import Line, Setting
from fairseq_l2rw.commands.formats import FORMATS
from fairseq_l2rw.commands.places import add_places
from fairseq_l2rw.commands.progress import progress
from fairseq_l2rw.commands.selection import add_selection, kept
from fairseq_l2rw.inference.line_weights import REASONS, LineWeights
from fairseq_l2rw.inference.run_folder import RunFolder
from fairseq_l2rw.reporting.measures import reasons, summary
from fairseq_l2rw.text.columns import PairFiles
from fairseq_l2rw.text.manifest import Manifest
from fairseq_l2rw.text.pieces import Blanks, SentencePieces, Splitter

HELP = "write a filtered corpus, or weights for Marian, eole, OpusTrainer, OpusFilter"
DESCRIPTION = """
Write the last weight that a run gave to every line of its training text, in the formats that you
name, to a folder. A line that was not trained on (too long) has weight 0. Formats:

""" + "\n".join(f"  {name:13} {found.help}" for name, found in FORMATS.items())
EXAMPLE = """
examples:
  fairseq-l2rw export run filtered --out filtered --share 0.6
  fairseq-l2rw export run marian opusfilter --out weights
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    add("run", type=Path, help="the --save-dir of a finished run, or a checkpoint")
    add("formats", nargs="+", choices=list(FORMATS), metavar="FORMAT", help="see above")
    add("--out", type=Path, required=True, metavar="FOLDER", help="folder to write to")
    add_selection(parser)
    add_places(parser)
    add(
        "--thresholds",
        type=float,
        nargs=2,
        default=(0.8, 0.3),
        metavar=("CLEAN", "MEDIUM"),
        help="opustrainer: weights from which on a line is clean, or medium (default: 0.8 0.3)",
    )


def run(args: argparse.Namespace) -> None:
    """Do it."""
    folder = RunFolder.of(args.run, args.data, args.weights_dir)
    text, lengths = folder.text(args.text), folder.target_lengths
    by_token = any(FORMATS[name].reads_tokens for name in args.formats)
    weights = LineWeights.of(folder, len(lengths), by_token)
    chosen = kept(weights.weight, args)
    args.out.mkdir(parents=True, exist_ok=True)

    def splitter() -> Splitter:
        model = folder.folders[0] / Manifest.PIECES
        return SentencePieces(model) if model.is_file() else Blanks()

    clean, medium = args.thresholds
    setting = Setting(args.out, folder.languages, splitter, list(weights.factors), (clean, medium))
    with ExitStack() as stack:
        formats = [
            stack.enter_context(FORMATS[name](setting)) for name in dict.fromkeys(args.formats)
        ]
        for line in progress(_lines(text, weights, chosen), "export", len(lengths)):
            for found in formats:
                found.add(line)
    _report(weights, lengths, chosen)
    for found in formats:
        print(f"\n{found.usage()}")


def _lines(text: PairFiles, weights: LineWeights, chosen: npt.NDArray[np.bool_]) -> Iterator[Line]:
    why = weights.why()
    last = np.nan_to_num(weights.weight)
    for number, (source, target) in enumerate(text):
        factors = {name: float(column[number]) for name, column in weights.factors.items()}
        yield Line(
            number,
            source,
            target,
            float(last[number]),
            factors,
            why[number],
            bool(chosen[number]),
            weights.tokens.get(number),
        )


def _report(
    weights: LineWeights, tokens: npt.NDArray[np.float64], chosen: npt.NDArray[np.bool_]
) -> None:
    """Say how many lines are kept, and why others are not."""
    found = summary(weights.weight, tokens, chosen)
    share = found["kept_token_share"]
    print(f"kept {found['kept']:,} of {found['lines']:,} lines ({share:.0%} of the target tokens)")
    for row in reasons(weights.why(), tokens, chosen):
        print(f"  removed {row['lines']:>9,}: {REASONS.get(row['reason'], row['reason'])}")
