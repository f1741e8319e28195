"""Translations by a model that is too young: trained on the data, but not for long.

    python young.py --data CLEAN --out FOLDER --updates 1000

Crawled text holds machine translations, and those that harm are by poor systems. The model here is
the example's own student, stopped early. `FOLDER/machine.en` has its translation of every training
source, for `noise.py --machine`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from binarize import Settings, binarize
from lines import write_lines
from score import translations
from training import Run, train


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--data", type=Path, required=True, help="folder with SPLIT.LANGUAGE")
    result.add_argument("--out", type=Path, required=True, help="folder to write to")
    result.add_argument("--updates", type=int, required=True, help="length of training")
    result.add_argument("--config", default="multi30k", help="model and schedule (training.py)")
    result.add_argument("--vocab", type=int, default=3000, help="pieces in the vocabulary, at most")
    result.add_argument("--seed", type=int, default=99, help="of no run that is compared")
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    args = parser().parse_args(arguments)
    binary = args.out / "bin"
    binarize(Settings(args.data, binary, args.vocab))
    job = Run(binary, args.out / "model", "uniform", args.config, args.seed, args.updates)
    train([job])
    # One hypothesis a source: a wider beam would take minutes to make them a little better.
    text = translations(job, "train", ("--beam", "1"))
    write_lines(args.out / f"machine.{job.target}", text)


if __name__ == "__main__":
    main()
