"""Time cut into periods of a round length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ...schema import Run, RunStatus

MOST_PERIODS = 48
LENGTHS = tuple(
    timedelta(seconds=seconds)
    for seconds in (10, 30, 60, 300, 900, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 7 * 86_400, 28 * 86_400)
)
# A Monday: weeks begin there.
EPOCH = datetime(2001, 1, 1, tzinfo=UTC)


@dataclass
class Periods:
    """Equal periods that follow each other.

    Args:
        starts: When each begins.
        length: How long each is.
        counts: Runs of a period by state, where the server has counted them.
    """

    starts: Sequence[datetime]
    length: timedelta
    counts: dict[datetime, dict[RunStatus, int]] = field(default_factory=dict)  # pyright: ignore[reportUnknownVariableType]

    def start_of(self, moment: datetime) -> datetime:
        """When the period of a moment begins."""
        return EPOCH + self.length * ((moment - EPOCH) // self.length)


def periods_of(runs: Sequence[Run], since: datetime | timedelta | None, now: datetime) -> Periods:
    """The periods from `since`, or else from the first run, until now.

    Args:
        runs: The runs that are shown.
        since: What was asked for.
        now: When the last period ends.
    """
    asked = now - since if isinstance(since, timedelta) else since
    begin = min([run.started_at for run in runs] + [asked or now, now])
    length = next((length for length in LENGTHS if (now - begin) / length < MOST_PERIODS), LENGTHS[-1])
    periods = Periods([], length)
    last = periods.start_of(now)
    # Runs from before 15 years ago are in no period.
    count = min((last - periods.start_of(begin)) // length + 1, 4 * MOST_PERIODS)
    return Periods([last - length * number for number in reversed(range(count))], length)
