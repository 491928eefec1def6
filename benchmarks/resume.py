"""From a corrected cell and `run.resume()` to the first step that runs again, in a real kernel."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.measures import Measure, Plan
from benchmarks.notebooks import Marks, Notebook
from jupyter_workflows.local.paths import Home

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
async def flow(steps: int, log: str) -> float:
    if steps > 100:
        await parallel_map(one, list(range(steps)), max_concurrent=200)
    else:
        value = 0
        for _ in range(steps):
            value = await one(value)
    return await last(log)
"""


def measure(folder: Path, plan: Plan) -> list[Measure]:
    """A history of 50 steps one after the other, and one of 5,000 events of 1,500 steps side by side."""
    home = Home.locate(folder / "home")
    few, many = (resumed(home, folder, Marks(folder / f"{steps}.txt"), steps, plan.rounds) for steps in (50, 1_500))
    return [
        Measure("corrected cell and resume, until the step runs again; 50 steps before", "at most 1 s", few, 1.0),
        Measure("the same; 1,500 steps before, 5,000 events", "at most 3 s", many, 3.0),
    ]


def resumed(home: Home, folder: Path, marks: Marks, steps: int, rounds: int) -> list[float]:
    """How long each resumption takes, the cell of the failing step corrected before."""
    times: list[float] = []
    with Notebook(home.data, folder) as notebook:
        for source in (LOAD, LAST.format(round=0), FLOW, f"run = flow.start({steps}, {str(marks.path)!r})"):
            notebook.run(source)
        notebook.run("run.wait_for('failed', timeout=300);", seconds=300)
        for number in range(1, rounds + 1):
            seen, began = marks.count(), time.time()
            notebook.run(LAST.format(round=number))
            notebook.run("run = run.resume()")
            times.append(marks.next_after(seen) - began)
            notebook.run("run.wait_for('failed', timeout=60);")
    return times
