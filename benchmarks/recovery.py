"""How long a run stands still when its worker host or its server is killed."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from benchmarks.embedded_runtime import Times, recoveries
from benchmarks.measures import Measure, Plan
from jupyter_workflows.connection import LoopThread
from jupyter_workflows.local.paths import Home


def measure(folder: Path, plan: Plan) -> list[Measure]:
    """Each is killed as often as there are rounds, in the middle of a step or a wait."""
    times: Times = defaultdict(list)
    loop = LoopThread()
    try:
        recoveries(Home.locate(folder / "home"), loop, times, kills=plan.rounds)
    finally:
        loop.close()
    return [
        Measure(
            "worker host killed in a step, until the step runs again",
            "p95 at most 2 s",
            times["host killed: step runs again"],
            2.0,
            share=0.95,
        ),
        Measure(
            "server killed, until the next step is done",
            "p95 at most 3 s",
            times["server killed: next step done"],
            3.0,
            share=0.95,
        ),
    ]
