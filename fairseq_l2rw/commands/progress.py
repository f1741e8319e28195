"""A progress bar in a terminal, with rows per second and the time left; nothing in a log."""

from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(
    rows: Iterable[T], what: str, total: int | None = None, unit: str = " pairs"
) -> "tqdm[T]":
    """Go through rows and show how far it is.

    Args:
        rows: what is gone through.
        what: is done with them.
        total: how many there are, if it is known.
        unit: what a row is.
    """
    return tqdm(rows, desc=what, total=total, unit=unit, unit_scale=True, leave=False, disable=None)
