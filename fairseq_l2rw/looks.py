"""When the trusted pairs are asked, and how much of the training they then speak for."""

import math
import sys
from typing import Any


class Looks:
    """Looks at the dev set, spread evenly over updates or over what the updates do.

    A meta-gradient is proportional to the learning rate of its update, so that a least-squares fit
    learns from it with the square of the rate. With ``by_rate`` looks are as frequent as
    ``interval`` says while the rate is the highest so far, and an update of a smaller rate counts
    for (rate / highest)^2 of one: every look then speaks for as much.

    Args:
        interval: updates from one look to the next.
        by_rate: whether an update counts by the square of its learning rate.
    """

    def __init__(self, interval: int, by_rate: bool) -> None:
        self.interval, self.by_rate = interval, by_rate
        self.passed = interval - 1.0  # updates since the last look: the first one gets a look
        self.highest = 0.0  # learning rate
        self.span = 0.0  # sum of squared learning rates since the last look

    def ahead(self, rate: float) -> int:
        """Updates to come before the next look if all have this rate; 0: after this one."""
        passed, part = self._counted(rate)
        if part == 0:
            return sys.maxsize  # nothing moves any more
        # A rounding error must not put a look off.
        return max(math.ceil((self.interval - passed) / part - 1e-6) - 1, 0)

    def advance(self, rate: float) -> float | None:
        """Take note of an update.

        Args:
            rate: its learning rate.

        Returns:
            If a look is due now, the sum of squared rates that it speaks for, else None.
        """
        due = self.ahead(rate) == 0
        self.passed = sum(self._counted(rate))
        self.highest = max(self.highest, rate)
        self.span += rate**2
        if not due:
            return None
        span, self.passed, self.span = self.span, 0.0, 0.0
        return span

    def _counted(self, rate: float) -> tuple[float, float]:
        """Updates since the last look, and what one of this rate adds to them."""
        if not self.by_rate or self.highest == 0:
            return self.passed, 1.0
        highest = max(self.highest, rate)
        return self.passed * (self.highest / highest) ** 2, (rate / highest) ** 2

    def state_dict(self) -> dict[str, Any]:
        """All that decides the next look."""
        return {"passed": self.passed, "highest": self.highest, "span": self.span}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore :meth:`state_dict`."""
        self.passed, self.highest, self.span = (state[n] for n in ("passed", "highest", "span"))
