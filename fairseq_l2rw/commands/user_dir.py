"""``fairseq-l2rw user-dir``: what to give to fairseq's ``--user-dir``."""

import argparse
from pathlib import Path

import fairseq_l2rw

HELP = "print the folder for fairseq's --user-dir"
DESCRIPTION = (
    "Print the folder of this package, which every command of fairseq takes as --user-dir."
)
EXAMPLE = """
example:
  fairseq-train data --user-dir "$(fairseq-l2rw user-dir)" --task l2rw_translation ...
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes nothing."""


def run(args: argparse.Namespace) -> None:
    """Print it."""
    print(Path(fairseq_l2rw.__file__).resolve().parent)
