"""How fast a host may tell its views things, all of them together."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """A rate that many tellers share: a few messages go at once, lasting floods are spread over time.

    Args:
        per_second: Messages a second in the long run.
        burst: Messages that may go at once after a quiet time.
        clock: Gives seconds.
    """

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = 1 / per_second
        self.slack = burst * self.seconds
        self.clock = clock
        self.due = 0.0

    def told(self) -> float:
        """Counts a message that was sent; gives the seconds to wait before its teller sends another."""
        now = self.clock()
        self.due = max(self.due, now - self.slack) + self.seconds
        return max(0.0, self.due - now)
