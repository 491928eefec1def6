"""Where a run's time went: each moment of it counts once, for what most moves the run forward then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...schema.dashboards import Place

# Where two things go on at once, the first of these counts: work hides waiting.
PLACES: tuple[Place, ...] = ("run", "child", "retry", "queue", "people", "timer", "other")


@dataclass(frozen=True)
class Span:
    """Something that went on, from one second to another."""

    place: Place
    begin: float
    end: float


def spent(spans: Iterable[Span], begin: float, end: float) -> dict[Place, float]:
    """Seconds from `begin` to `end` by place; they add up to the whole.

    A moment with several things belongs to the first of them in the order of `PLACES`, one with nothing to
    `other`: workflow code itself, or a wait for a signal.
    """
    rank = {place: number for number, place in enumerate(PLACES)}
    edges: list[tuple[float, int, int]] = []
    for span in spans:
        first, last = max(span.begin, begin), min(span.end, end)
        if last > first:
            edges += [(first, 1, rank[span.place]), (last, -1, rank[span.place])]
    edges.sort()
    open_now = [0] * len(PLACES)
    totals = [0.0] * len(PLACES)
    at = begin
    for moment, change, place in edges:
        totals[current(open_now)] += moment - at
        open_now[place] += change
        at = moment
    totals[-1] += max(0.0, end - at)
    return {place: seconds for place, seconds in zip(PLACES, totals, strict=True) if seconds > 0}


def current(open_now: list[int]) -> int:
    """The first place where something goes on, else the last."""
    return next((number for number, count in enumerate(open_now) if count > 0), len(open_now) - 1)
