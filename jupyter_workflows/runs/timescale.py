"""Time on a line, with long idle stretches folded: a three-day wait must not hide three seconds of work."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..schema import Step
from .untrusted import coarse_seconds, human_seconds

# A stretch in which nothing works is folded when it lasts longer than this share of all work.
FOLD_SHARE = 0.5
FOLD_AT_LEAST_SECONDS = 3.0
FOLDED_SHARE = 0.16
FOLDS_AT_MOST_SHARE = 0.5
# Labels closer than this would touch on a narrow page.
APART = 18
TICKS = 4


@dataclass(frozen=True)
class Fold:
    """An idle stretch drawn shorter than it was; positions are percent of the line."""

    left: float
    width: float
    seconds: float


@dataclass(frozen=True)
class Timescale:
    """Moments become positions in percent, from 0 at `start` to 100 at `end`."""

    start: datetime
    end: datetime
    seconds: list[float]
    positions: list[float]
    folds: list[Fold]

    def position(self, moment: datetime) -> float:
        """Where a moment is, in percent; the ends for moments outside."""
        at = min(max((moment - self.start).total_seconds(), 0.0), self.seconds[-1])
        index = min(max(bisect_right(self.seconds, at) - 1, 0), len(self.seconds) - 2)
        span = self.seconds[index + 1] - self.seconds[index]
        share = (at - self.seconds[index]) / span if span else 0.0
        return self.positions[index] + share * (self.positions[index + 1] - self.positions[index])

    def ticks(self) -> list[tuple[float, str]]:
        """Positions and labels under the line: the ends, and either the folds or some moments between."""
        total = self.seconds[-1]
        inner = (
            [(fold.left + fold.width / 2, f"⋯ {coarse_seconds(fold.seconds)} ⋯") for fold in self.folds]
            if self.folds
            else [(100 * number / TICKS, human_seconds(total * number / TICKS)) for number in range(1, TICKS)]
        )
        ticks = [(0.0, "0")]
        for tick in inner:
            if tick[0] - ticks[-1][0] > APART:
                ticks.append(tick)
        if 100 - ticks[-1][0] < APART and len(ticks) > 1:
            # The total stands in the card's head; a folded wait is told nowhere else.
            return [*ticks[:-1], (100.0, ticks[-1][1])]
        return [*ticks, (100.0, human_seconds(total))]


def timescale(steps: Sequence[Step], start: datetime, end: datetime) -> Timescale:
    """The scale for steps between two moments.

    Args:
        steps: The steps; activities and child runs are work, approvals and timers are not.
        start: The left end.
        end: The right end.
    """
    total = max((end - start).total_seconds(), 0.001)
    gaps = idle_gaps(work_intervals(steps, start, end), total)
    work = max(total - sum(right - left for left, right in gaps), total * 0.001)
    folded = [gap for gap in gaps if gap[1] - gap[0] > max(FOLD_SHARE * work, FOLD_AT_LEAST_SECONDS)]
    folded = sorted(sorted(folded, key=lambda gap: gap[0] - gap[1])[:5])
    drawn = total - sum(right - left for left, right in folded)
    share = min(FOLDED_SHARE, FOLDS_AT_MOST_SHARE / len(folded)) if folded else 0.0
    per_second = 100 * (1 - share * len(folded)) / drawn if drawn else 0.0
    if folded and drawn < total * 1e-6:
        share, per_second = 1 / len(folded), 0.0
    seconds, positions, folds = [0.0], [0.0], list[Fold]()
    for left, right in folded:
        at = positions[-1] + (left - seconds[-1]) * per_second
        folds.append(Fold(at, 100 * share, right - left))
        seconds += [left, right]
        positions += [at, at + 100 * share]
    seconds.append(total)
    positions.append(100.0)
    return Timescale(start, end, seconds, positions, folds)


def work_intervals(steps: Sequence[Step], start: datetime, end: datetime) -> list[tuple[float, float]]:
    """When steps worked, in seconds from the start, sorted."""
    found: list[tuple[float, float]] = []
    for step in steps:
        if step.kind in ("activity", "child"):
            finished = step.finished_at or end
            found.append(((step.scheduled_at - start).total_seconds(), (finished - start).total_seconds()))
        else:
            # The moments of a wait's ends are kept visible.
            for moment in (step.scheduled_at, step.finished_at):
                if moment:
                    at = (moment - start).total_seconds()
                    found.append((at, at))
    return sorted(found)


def idle_gaps(intervals: Sequence[tuple[float, float]], total: float) -> list[tuple[float, float]]:
    """The stretches between 0 and `total` in which nothing worked."""
    gaps: list[tuple[float, float]] = []
    reached = 0.0
    for left, right in intervals:
        if left > reached:
            gaps.append((reached, left))
        reached = max(reached, right)
    if reached < total:
        gaps.append((reached, total))
    return gaps
