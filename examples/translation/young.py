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

import sentencepiece

from binarize import Settings, binarize
from fairseq_l2rw.text.manifest import Manifest
from lines import read_lines, write_lines
from score import generate_command, hypotheses
from steps import run
from training import Run, train


def translations(job: Run) -> list[str]:
    """Return what the last checkpoint makes of the training sources, detokenised, in order."""
    # One hypothesis a source: a wider beam would take minutes to make them a little better.
    run([*generate_command(job, job.out, "train"), "--beam", "1"], job.out / "generate.log")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(job.bin / Manifest.PIECES))
    pieces = hypotheses(read_lines(job.out / "generate-train.txt"))
    return [processor.decode(line.split(" ")) for line in pieces]


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
    write_lines(args.out / f"machine.{job.target}", translations(job))


if __name__ == "__main__":
    main()
