"""What a row is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..stage import Stage
from ..verdicts import Outcome

FEWEST_TIMES = 20
"""Fewer say nothing of a 95th percentile, and much of what else the machine was doing."""


class NotHere(Exception):
    """This machine lacks what a row needs."""


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Args:
        id: Its number.
        fault: What is thrown, in words.
        first: How many faults the table shows.
        full: How many before a release.
        play: Throws so many faults and writes down what became of the runs.
        limit_seconds: The p95 of the recoveries must be below this, where there are enough of them.
    """

    id: str
    fault: str
    first: int
    full: int
    play: Callable[[Stage, int, Outcome], None]
    limit_seconds: float | None = None

    def run(self, stage: Stage, count: int) -> Outcome:
        """Play the row and give the verdict."""
        outcome = Outcome(count=count)
        try:
            self.play(stage, count, outcome)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other rows go on
            outcome.problems.append(f"{type(error).__name__}: {error}")
        found = outcome.percentile(0.95)
        if found is not None and self.limit_seconds is not None and len(outcome.recoveries) >= FEWEST_TIMES:
            outcome.demand(
                found < self.limit_seconds, f"p95 of recovery is {found:.2f} s, wanted {self.limit_seconds:g}"
            )
        return outcome
