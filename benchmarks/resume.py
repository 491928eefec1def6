"""From a corrected cell and `run.resume()` to the first step that runs again, in a real kernel."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measures import Measure, Plan
from benchmarks.notebooks import Marks, Notebook
from jupyter_workflows.local.paths import Home

MAKING_SECONDS = 900
LOAD = """%load_ext jupyter_workflows
from jupyter_workflows import RetryPolicy, activity, parallel_map, workflow
import time
ONCE = RetryPolicy(max_attempts=1)
async def one(value: int) -> int:
    return value + 1
"""
LAST = """@activity(retry=ONCE)
def last(log: str) -> float:
    with open(log, "a") as file:
        file.write(f"{{time.time()}}\\n")
    return {round} / 0
"""
FLOW = """@workflow
async def flow(steps: int, beside: bool, log: str) -> float:
    if beside:
        await parallel_map(one, list(range(steps)), max_concurrent=200)
    else:
        value = 0
        for _ in range(steps):
            value = await one(value)
    return await last(log)
"""


def measure(folder: Path, plan: Plan) -> list[Measure]:
    """Histories of 50 steps one after the other, of 5,000 steps of a map, and of 5,000 one after the other."""
    home = Home.locate(folder / "home")
    few, many, long = (
        resumed(home, folder, Job(name, steps, beside=name == "map", afresh=steps > 50), rounds)
        for name, steps, rounds in (
            ("few", 50, plan.rounds),
            ("map", 5_000, min(plan.rounds, 5)),
            ("long", 5_000, min(plan.rounds, 3)),
        )
    )
    return [
        Measure("corrected cell and resume, until the step runs again; 50 steps before", "at most 1 s", few, 1.0),
        Measure("the same; 5,000 steps of a `parallel_map` before", "at most 3 s", many, 3.0),
        Measure("the same; 5,000 steps one after the other before, 30,000 events", "at most 3 s", long, 3.0),
    ]


@dataclass(frozen=True)
class Job:
    """What is done before the step that fails; `afresh` for each round, else the run of before is resumed again."""

    name: str
    steps: int
    beside: bool
    afresh: bool


def resumed(home: Home, folder: Path, job: Job, rounds: int) -> list[float]:
    """How long each resumption takes, the cell of the failing step corrected before."""
    times: list[float] = []
    marks = Marks(folder / f"{job.name}.txt")
    begun = f"run = flow.start({job.steps}, {job.beside}, {str(marks.path)!r})"
    with Notebook(home.data, folder) as notebook:
        for source in (LOAD, LAST.format(round=0), FLOW):
            notebook.run(source)
        for number in range(1, rounds + 1):
            if number == 1 or job.afresh:
                notebook.run(begun)
                notebook.run(f"run.wait_for('failed', timeout={MAKING_SECONDS});", seconds=MAKING_SECONDS)
            seen, began = marks.count(), time.time()
            notebook.run(LAST.format(round=number))
            notebook.run("run = run.resume()", seconds=MAKING_SECONDS)
            times.append(marks.next_after(seen, MAKING_SECONDS) - began)
            notebook.run(f"run.wait_for('failed', timeout={MAKING_SECONDS});", seconds=MAKING_SECONDS)
    return times
