"""When a meta step is taken, and how much of the training it speaks for."""

import math
import sys
from typing import Any


class MetaSchedule:
    """Meta steps, spread evenly over updates or over what the updates do.

    A meta-gradient is proportional to the learning rate of its update, so that a least-squares fit
    learns from it with the square of the rate. With ``by_rate`` meta steps are as frequent as
    ``interval`` says while the rate is the highest so far, and an update of a smaller rate counts
    for (rate / highest)^2 of one: every meta step then speaks for as much.

    Args:
        interval: updates from one meta step to the next.
        by_rate: whether an update counts by the square of its learning rate.
    """

    def __init__(self, interval: int, by_rate: bool) -> None:
        self.interval, self.by_rate = interval, by_rate
        self.passed = interval - 1.0  # updates since the last one: the first update gets one
        self.highest = 0.0  # learning rate
        self.mass = 0.0  # sum of squared learning rates since the last meta step

    def ahead(self, rate: float) -> int:
        """Updates to come before the next meta step if all have this rate; 0: after this one."""
        passed, part = self._counted(rate)
        if part == 0:
            return sys.maxsize  # nothing moves any more
        # A rounding error must not put a meta step off.
        return max(math.ceil((self.interval - passed) / part - 1e-6) - 1, 0)

    def advance(self, rate: float, complete: bool = True) -> float | None:
        """Take note of an update.

        Args:
            rate: its learning rate.
            complete: whether a meta step may be taken after it: else one that is due is put off.

        Returns:
            If a meta step is due now, the learning-rate mass that it speaks for (the sum of squared
            rates since the last one), else None.
        """
        due = self.ahead(rate) == 0
        self.passed = sum(self._counted(rate))
        self.highest = max(self.highest, rate)
        self.mass += rate**2
        if not due or not complete:
            return None
        mass, self.passed, self.mass = self.mass, 0.0, 0.0
        return mass

    def _counted(self, rate: float) -> tuple[float, float]:
        """Updates since the last meta step, and what one of this rate adds to them."""
        if not self.by_rate or self.highest == 0:
            return self.passed, 1.0
        highest = max(self.highest, rate)
        return self.passed * (self.highest / highest) ** 2, (rate / highest) ** 2

    def state_dict(self) -> dict[str, Any]:
        """All that decides the next meta step."""
        return {"passed": self.passed, "highest": self.highest, "mass": self.mass}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore ``state_dict``."""
        self.passed, self.highest, self.mass = (state[n] for n in ("passed", "highest", "mass"))
