"""What durable cells cost while they run, and how quickly they are restored after a crash."""

from __future__ import annotations

from pathlib import Path

from benchmarks.measures import Measure, Plan
from benchmarks.notebooks import Notebook
from chaos.processes import kill
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home

OPEN = "%load_ext jupyter_workflows"
FINISHED = 11
SMALL = '%%durable\nvalue_{number} = {{"number": {number}, "before": {before}}}\nprint({number})'
# 50 MB: as many numbers as fit, in columns of 8 bytes.
FRAME = """%%durable
import numpy as np, pandas as pd
frame = pd.DataFrame(np.random.default_rng(1).random((625_000, 10)), columns=list("abcdefghij"))"""
READING = "%%durable\nsum_{number} = float(frame.{column}.sum())"


def small_cells() -> list[str]:
    """Cells that each read what the one before gave."""
    return [
        SMALL.format(number=number, before=f'value_{number - 1}["number"]' if number > 1 else 0)
        for number in range(1, FINISHED + 1)
    ]


def large_cells() -> list[str]:
    """A cell that gives a DataFrame of 50 MB, and ten that read it."""
    return [FRAME, *(READING.format(number=number, column=column) for number, column in enumerate("abcdefghij"))]


def measure(folder: Path, plan: Plan) -> list[Measure]:
    """All of it, each notebook in a folder of its own."""
    home, rounds = Home.locate(folder / "home"), plan.rounds
    local_runtime.ensure(home)
    small = restored(home, folder / "small", small_cells(), rounds)
    large = restored(home, folder / "large", large_cells(), rounds)
    durable, plain = running(home, folder / "running", rounds)
    beyond = [mine - theirs for mine, theirs in zip(durable, plain, strict=True)]
    return [
        Measure(f"after a crash: {FINISHED} finished durable cells restored", "at most 1 s", small, 1.0),
        Measure("the same, one a DataFrame of 50 MB that the ten others read", "at most 1 s", large, 1.0),
        Measure("a durable cell that runs, beyond the same one without", "at most 100 ms", beyond, 0.1),
    ]


def restored(home: Home, folder: Path, cells: list[str], rounds: int) -> list[float]:
    """Seconds from sending the first finished cell to the end of the last one, in a kernel after one was killed."""
    folder.mkdir()
    with Notebook(home.data, folder) as notebook:
        for cell in [OPEN, *cells]:
            notebook.run(cell)
        kill(notebook.pid)
    times: list[float] = []
    for _ in range(rounds):
        with Notebook(home.data, folder) as notebook:
            notebook.run(OPEN)
            notebook.run("import pandas")  # a notebook imports what it needs before
            began = float(notebook.run("import time; print(time.time())"))
            for cell in cells:
                notebook.run(cell)
            times.append(float(notebook.run("print(time.time())")) - began)
            notebook.run("from jupyter_workflows.session import current")
            assert notebook.value("current().durable.record.count") == len(cells), "a cell has run again"
            kill(notebook.pid)
    return times


def running(home: Home, folder: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds that a durable cell takes which does nothing, and a plain one."""
    folder.mkdir()
    times: tuple[list[float], list[float]] = ([], [])
    with Notebook(home.data, folder) as notebook:
        notebook.run(OPEN)
        notebook.run("%%durable\nwarm = 1")
        for number in range(rounds * 5):
            for kept, head in zip(times, ("%%durable --always\n", ""), strict=True):
                began = float(notebook.run("import time; print(time.perf_counter())"))
                notebook.run(f"{head}x = {number}")
                kept.append(float(notebook.run("print(time.perf_counter())")) - began)
    return times
