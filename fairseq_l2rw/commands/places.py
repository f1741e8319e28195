"""Where a run's things are, if they were moved."""

import argparse
from pathlib import Path


def add_places(parser: argparse.ArgumentParser) -> None:
    """Add the options that say so."""
    add = parser.add_argument
    add("--text", nargs="+", metavar="FILE", help="the training text, if prepare did not read it")
    add("--data", type=Path, metavar="FOLDER", help="the binary data, if they were moved")
    add("--weights-dir", type=Path, metavar="FOLDER", help="the record, if it was moved")
