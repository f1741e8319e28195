"""A word for every line of a text, in a file beside it: its label, or where it is from."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from fairseq_l2rw.text.files import lines
from fairseq_l2rw.utils.errors import InputError


def add_labels(parser: argparse.ArgumentParser, use: str) -> None:
    """Add the options that name labels.

    Args:
        parser: of the command.
        use: what the command does with them, or what they say.
    """
    add = parser.add_argument
    add("--labels", type=Path, metavar="FILE", help=f"a word for every line: {use}")
    add(
        "--good",
        nargs="+",
        default=["clean"],
        metavar="LABEL",
        help="the labels of good lines (default: clean)",
    )


def read_words(path: Path) -> list[str]:
    """The words of all lines."""
    return [line.strip() for line in lines(path)]


def read_labels(args: argparse.Namespace) -> list[str] | None:
    """The labels of all lines, if a file of them is given.

    Raises:
        InputError: when no line has one of ``--good``.
    """
    if args.labels is None:
        return None
    found = read_words(args.labels)
    if missing := sorted({*args.good} - {*found}):
        raise InputError(f"{args.labels}: no line has the label {missing[0]!r} of --good")
    return found


def check_count(words: Sequence[str], path: Path, count: int, text: str) -> None:
    """Check that there are as many words as lines.

    Args:
        words: by line.
        path: their file.
        count: lines of the text.
        text: what it is called.

    Raises:
        InputError: when there are more or fewer.
    """
    if len(words) != count:
        raise InputError(f"{path} has {len(words)} lines, {text} has {count}")
