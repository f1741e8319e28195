"""Which lines are kept: by a least weight, a share of the lines, or a number of them."""

import argparse
import logging

import numpy as np
import numpy.typing as npt

from fairseq_l2rw.data.digests import spread
from fairseq_l2rw.utils.errors import InputError

logger = logging.getLogger(__name__)

_LEAST = 0.5  # weight, where nothing is asked for


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which lines are kept."""
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--min-weight",
        type=float,
        metavar="W",
        help=f"keep lines of at least this weight; raise it for a smaller, cleaner corpus "
        f"(default: {_LEAST})",
    )
    how.add_argument(
        "--share", type=float, metavar="S", help="keep this share of the lines, 0 to 1"
    )
    how.add_argument("--pairs", type=int, metavar="N", help="keep so many lines")


def kept(weights: npt.NDArray[np.float64], args: argparse.Namespace) -> npt.NDArray[np.bool_]:
    """Which lines are kept, shape (lines,); one without a weight never is.

    Args:
        weights: of the lines, shape (lines,), NaN for none.
        args: what ``add_selection`` added.

    Raises:
        InputError: for a share or a number that cannot be.
    """
    if args.share is None and args.pairs is None:
        least = _LEAST if args.min_weight is None else args.min_weight
        if np.isnan(least):
            raise InputError(f"--min-weight must be a number, got {least}")
        return np.nan_to_num(weights, nan=-1.0) >= max(least, 0.0)
    if args.share is not None and not 0 < args.share <= 1:
        raise InputError(f"--share must be in (0, 1], got {args.share}")
    if args.pairs is not None and not 0 < args.pairs <= len(weights):
        raise InputError(f"--pairs must be from 1 to {len(weights)}, got {args.pairs}")
    share = round((args.share or 0.0) * len(weights))
    if args.pairs is None and not share:
        raise InputError(f"--share {args.share} of {len(weights)} lines is none of them")
    count = share if args.pairs is None else args.pairs
    return _best(weights, count)


def _best(weights: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.bool_]:
    """Which lines are the best so many, shape (lines,); of equals some from all over the text."""
    found = np.zeros(len(weights), dtype=bool)
    known = np.sort(weights[~np.isnan(weights)])[::-1]
    count = min(count, len(known))
    if not count:
        return found
    last = known[count - 1]
    found[weights > last] = True
    # A text is often several corpora one after the other: the first of equals are of the first one.
    equals = np.flatnonzero(weights == last)
    left = count - int(found.sum())
    found[equals[spread(len(equals), left)]] = True
    if left < len(equals):
        logger.warning(
            f"{len(equals):,} lines have the weight {last:.3g}, of which {left:,} are kept: some "
            "from all over the text"
        )
    return found
