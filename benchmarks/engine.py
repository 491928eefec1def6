"""Runs of one, of forty and of many times five steps, ours and the plain SDK's, turn and turn about.

All of it happens in a kernel's cells: what is measured is what a notebook's user waits for.
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import raw
from benchmarks.measures import Measure, Plan
from benchmarks.notebooks import Notebook
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home

CELLS = (
    "%load_ext jupyter_workflows\nfrom jupyter_workflows import activity, workflow",
    "@activity\nasync def add(number: int) -> int:\n    return number + 1",
    """%%workflow
async def chain(steps: int) -> int:
    number = 0
    for _ in range(steps):
        number = await add(number)
    return number
""",
    """import asyncio, json, time
from benchmarks.raw import Raw

def ours(steps):
    began = time.perf_counter()
    assert chain.start(steps).result() == steps
    return time.perf_counter() - began

def ours_many(runs, steps):
    began = time.perf_counter()
    for run in [chain.start(steps) for _ in range(runs)]:
        assert run.result() == steps
    return time.perf_counter() - began

def compared(rounds, *sides):
    times = [[] for _ in sides]
    for number in range(rounds + 1):
        for kept, side in zip(times, sides):
            seconds = side()
            if number:  # the first round warms up
                kept.append(seconds)
    return times
""",
)


def measure(folder: Path, plan: Plan) -> list[Measure]:
    """One-step, forty-step and many runs against the plain SDK."""
    home = Home.locate(folder / "home")
    runtime = local_runtime.ensure(home)
    with (
        raw.untouched_server() as untouched,
        raw.worker(runtime.address, runtime.namespace),
        raw.worker(untouched, "default"),
        Notebook(home.data, folder) as notebook,
    ):
        for cell in CELLS:
            notebook.run(cell)
        notebook.run(
            f"raw = Raw({runtime.address!r}, {runtime.namespace!r}); untouched = Raw({untouched!r}, 'default')"
        )

        def compare(sides: str, count: int) -> list[list[float]]:
            return json.loads(notebook.run(f"print(json.dumps(compared({count}, {sides})))", seconds=3600))

        one = compare("lambda: ours(1), lambda: raw.run(1), lambda: untouched.run(1)", plan.rounds)
        forty = compare("lambda: ours(40), lambda: raw.run(40), lambda: untouched.run(40)", plan.rounds)
        many = compare(f"lambda: ours_many({plan.runs}, 5), lambda: raw.run_many({plan.runs}, 5)", plan.rounds)
    return [
        Measure("a run of 1 step", "at most 1.10 x the plain SDK on our server", one[0], 1.10, against=one[1]),
        Measure("a run of 40 steps", "at most 1.10 x the plain SDK on our server", forty[0], 1.10, against=forty[1]),
        *(
            Measure(
                f"the same, the plain SDK on an untouched dev server, {name}",
                "at least 2.5 x faster",
                times[0],
                2.5,
                against=times[2],
                at_least=True,
            )
            for name, times in (("1 step", one), ("40 steps", forty))
        ),
        Measure(f"{plan.runs} runs of 5 steps", "at most 1.15 x the plain SDK", many[0], 1.15, against=many[1]),
    ]
