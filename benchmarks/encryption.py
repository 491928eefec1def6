"""What encryption costs: the same many runs in two homes, turn and turn about."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from benchmarks.engine import CELLS
from benchmarks.measures import Measure, Plan
from benchmarks.notebooks import Notebook
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home
from jupyter_workflows.local.server import NAMESPACE
from jupyter_workflows.security import keyrings

STEPS = 5


def measure(folder: Path, plan: Plan) -> list[Measure]:
    """Many runs of five steps, encrypted and not."""
    plain, encrypted = homes = Home.locate(folder / "plain"), Home.locate(folder / "encrypted")
    keyrings.turn_on(encrypted.keys, NAMESPACE)
    with ExitStack() as stack:
        notebooks: list[Notebook] = []
        for home in homes:
            stack.callback(local_runtime.down, home)
            local_runtime.ensure(home)
            notebooks.append(stack.enter_context(Notebook(home.data, folder)))
        times: dict[Home, list[float]] = {home: [] for home in homes}
        for notebook in notebooks:
            for cell in CELLS:
                notebook.run(cell)
        for number in range(plan.rounds + 1):
            for home, notebook in zip(homes, notebooks, strict=True):
                seconds = float(notebook.run(f"print(ours_many({plan.runs}, {STEPS}))", seconds=600))
                if number:  # the first round warms up
                    times[home].append(seconds)
    return [
        Measure(
            f"{plan.runs} runs of {STEPS} steps, encrypted",
            "at most 1.10 x without encryption",
            times[encrypted],
            1.10,
            against=times[plain],
        )
    ]
