"""The checker: what histories and the effect log say against the promises."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .effects import Entry
from .histories import Told


@dataclass
class Outcome:
    """What a row found.

    Args:
        count: How many faults were thrown.
        lost: Acknowledged runs that are unknown, failed, or have a wrong result.
        repeated: Completed steps that ran again.
        unrecorded: Steps that did their effect while nothing could be recorded, and ran again.
        recoveries: Seconds from each fault until all it hit went on.
        orphans: Processes that were left.
        problems: What broke a promise, in words; a row without problems has passed.
        notes: What a reader of the table should know.
    """

    count: int = 0
    lost: int = 0
    repeated: int = 0
    unrecorded: int = 0
    recoveries: list[float] = field(default_factory=list[float])
    orphans: int = 0
    problems: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])

    def demand(self, truth: object, problem: str) -> None:
        """Write down a problem unless something is so."""
        if not truth:
            self.problems.append(problem)

    def percentile(self, share: float) -> float | None:
        """A percentile of the recoveries, by the nearest rank."""
        ordered = sorted(self.recoveries)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def judge(
    outcome: Outcome, known: Mapping[str, Told | None], results: Mapping[str, Any], log: list[Entry], *, outage: bool
) -> None:
    """Compare runs that must have ended well with their histories and the effect log.

    Args:
        outcome: Where the verdict goes.
        known: What history tells of each acknowledged run.
        results: What each of them must give.
        log: The effect log.
        outage: Whether the server could record nothing for longer than a step may be silent. Then a step that was done
            but not recorded runs again, and is counted by itself.
    """
    effects = Counter(entry.key for entry in log if entry.what == "effect")
    for run, result in results.items():
        told = known.get(run)
        if told is None or told.status != "completed" or told.result != result:
            outcome.lost += 1
            outcome.problems.append(f"run {run}: {_ending(told)}, wanted {result!r}")
        for step, (attempt, at) in (told.completed if told else {}).items():
            again = [
                entry
                for entry in log
                if entry.key == (run, step) and entry.what == "start" and (entry.attempt > attempt or entry.at > at)
            ]
            earlier = {entry.attempt for entry in log if entry.key == (run, step) and entry.what == "effect"} - {
                attempt
            }
            if outage and earlier and not again:
                outcome.unrecorded += 1
            elif again or effects[run, step] != 1:
                outcome.repeated += 1
                outcome.problems.append(
                    f"step {step} of {run}: completed by attempt {attempt}, {effects[run, step]} effects, "
                    f"{len(again)} starts after it was complete"
                )


def _ending(told: Told | None) -> str:
    if told is None:
        return "unknown to the server"
    return f"{told.status} {told.result!r} {told.failure}".strip()
