"""How runs do, over ten thousand of them: the first look, the next one, and how few histories it takes."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import jupyter_workflows as jw
from benchmarks import raw
from benchmarks.measures import Measure, Plan

RUNS = 10_000
AT_ONCE = 400
# One run in so many has a step; the others end at once, which the server does twice as fast.
WITH_STEP = 25
LOOKS = 3
SEEN_SECONDS = 120.0


def measure(folder: Path, plan: Plan) -> list[Measure]:
    """Makes the runs, which takes minutes, and looks at them."""
    del folder
    with raw.untouched_server() as address:
        with raw.worker(address, "default"):
            make_runs(address)
        jw.connect(address)
        wait_until_listed()
        return looks(min(plan.rounds, LOOKS))


def make_runs(address: str) -> None:
    """So many runs that have ended."""
    plain = raw.Raw(address, "default")
    for first in range(0, RUNS, AT_ONCE):
        plain.run_many(AT_ONCE // WITH_STEP, 1)
        plain.run_many(min(AT_ONCE, RUNS - first) - AT_ONCE // WITH_STEP, 0)


def wait_until_listed() -> None:
    """Visibility follows a moment later.

    Raises:
        TimeoutError: It does not.
    """
    deadline = time.monotonic() + SEEN_SECONDS
    while sum(jw.dashboard(since=timedelta(days=1)).data.counts.values()) < RUNS:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the server lists fewer than {RUNS} runs")
        time.sleep(0.5)


def looks(rounds: int) -> list[Measure]:
    """First looks, each by somebody who knows nothing yet, and second ones."""
    first: list[float] = []
    again: list[float] = []
    histories: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        shown = jw.dashboard(since=timedelta(days=1))
        first.append(time.perf_counter() - began)
        began = time.perf_counter()
        shown.refresh()
        again.append(time.perf_counter() - began)
        histories.append(shown.data.basis.histories)
    what = f"a dashboard of {RUNS:,} runs"
    return [
        Measure(f"{what}: first look", "at most 5 s", first, 5),
        Measure(f"{what}: looked at again", "at most 1 s", again, 1),
        Measure(f"{what}: histories it rests on", "at most 1 in 10", histories, RUNS / 10, ""),
    ]
