"""From raw parallel text to a comparison of weightings: binarize, train, evaluate, report.

Every subcommand stands alone, prints the command lines it runs, and skips what is already done:

    python recipe.py binarize --data RAW --out BIN --vocab 4000
    python recipe.py train --bin BIN --weighting deep --out RUN -- --meta-interval 5
    python recipe.py evaluate --bin BIN --run RUN --data RAW
    python recipe.py report --runs RUN... --out report.html
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from binarize import Settings, binarize
from training import CONFIGS, STOCK, Run, train


def _add_binarize(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    sub = commands.add_parser("binarize", help="vocabulary, dictionaries and binary splits")
    sub.add_argument(
        "--data", type=Path, required=True, help="folder with SPLIT.LANGUAGE text files"
    )
    sub.add_argument("--out", type=Path, required=True, help="folder to write to")
    sub.add_argument(
        "--vocab", type=int, default=4000, help="pieces in the joint vocabulary, at most"
    )
    sub.add_argument("--source", default="de", help="source language")
    sub.add_argument("--target", default="en", help="target language")
    sub.add_argument(
        "--keep",
        nargs="+",
        default=[],
        metavar="LABEL",
        help="keep only train lines with these labels; `--keep clean` makes the oracle's data",
    )
    sub.add_argument(
        "--lines", type=Path, help="keep only train lines numbered in this file (filtering.py)"
    )


def _add_train(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    sub = commands.add_parser(
        "train", help="run fairseq-train; what follows -- goes to it as it is"
    )
    sub.add_argument("--bin", type=Path, required=True, help="folder made by binarize")
    sub.add_argument(
        "--out", type=Path, required=True, help="folder for checkpoint, weights and log"
    )
    sub.add_argument(
        "--weighting",
        required=True,
        help=f"how sentences are weighted: uniform, deep, ...; {STOCK}: fairseq without the plugin",
    )
    sub.add_argument(
        "--config", choices=sorted(CONFIGS), default="multi30k", help="model and schedule"
    )
    sub.add_argument("--seed", type=int, default=1, help="seed of initialisation and order")
    sub.add_argument(
        "--updates", type=int, help="length of training (default: the configuration's)"
    )
    sub.add_argument("--source", default="de", help="source language")
    sub.add_argument("--target", default="en", help="target language")


def _add_evaluate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    sub = commands.add_parser("evaluate", help="translate the test set, score it and the weights")
    sub.add_argument("--bin", type=Path, required=True, help="folder made by binarize")
    sub.add_argument("--run", type=Path, required=True, help="folder made by train")
    sub.add_argument("--data", type=Path, required=True, help="folder with the raw test references")


def _add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    sub = commands.add_parser("report", help="tables of several runs, and a page of their weights")
    sub.add_argument(
        "--runs", type=Path, nargs="+", required=True, help="folders with a result.json"
    )
    sub.add_argument("--out", type=Path, required=True, help="page to write")


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = result.add_subparsers(dest="command", required=True)
    for add in (_add_binarize, _add_train, _add_evaluate, _add_report):
        add(commands)
    return result


def split_extra(arguments: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return the arguments before and after `--`."""
    rows = list(arguments)
    if "--" not in rows:
        return rows, ()
    cut = rows.index("--")
    return rows[:cut], tuple(rows[cut + 1 :])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    own, extra = split_extra(sys.argv[1:] if arguments is None else arguments)
    args = vars(parser().parse_args(own))
    command = args.pop("command")
    if extra and command != "train":
        sys.exit(f"{command} takes nothing after --")
    if command == "binarize":
        binarize(Settings(**{**args, "keep": tuple(args["keep"])}))
    elif command == "train":
        train([Run(**args, extra=extra)])
    elif command == "evaluate":
        from score import evaluate  # slow imports: only when they are needed

        evaluate(args["bin"], args["run"], args["data"])
    else:
        from tables import report

        report(args["runs"], args["out"])


if __name__ == "__main__":
    main()
