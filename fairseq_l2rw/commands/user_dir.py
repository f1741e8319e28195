"""``fairseq-l2rw user-dir``: what to give to fairseq's ``--user-dir``."""

import argparse
from pathlib import Path

from fairseq import utils

import fairseq_l2rw
from fairseq_l2rw.utils.errors import InputError

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


def load_user_dir(args: argparse.Namespace) -> None:
    """Import the folder of ``--user-dir``, if one is given.

    Raises:
        InputError: there is no such folder.
    """
    if args.user_dir is not None and not Path(args.user_dir).is_dir():
        raise InputError(f"missing folder: --user-dir {args.user_dir}")
    utils.import_user_module(args)
