"""How far a pass over many pairs is: a bar in a terminal, a line now and then in a log."""

import logging
import time

from tqdm import tqdm

logger = logging.getLogger(__name__)

_EVERY = 30.0  # seconds between two lines


class PassProgress:
    """Says how far a pass is, in a ``with`` block.

    Args:
        what: the pass is for.
        total: pairs.
    """

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.count = what, total, 0
        self._bar = tqdm(total=total, desc=what, unit=" pairs", leave=False, disable=None)
        self._last = time.monotonic()

    def __enter__(self) -> "PassProgress":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def add(self, pairs: int) -> None:
        """So many more are done."""
        self.count += pairs
        self._bar.update(pairs)
        if self._bar.disable and time.monotonic() - self._last >= _EVERY:
            self._last = time.monotonic()
            logger.info(f"{self.what}: {self.count:,} of {self.total:,} pairs")
