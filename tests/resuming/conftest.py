"""A notebook on the embedded runtime: cells are executed and recorded as in a kernel, runs are real."""

from __future__ import annotations

import ast
import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows import schema
from jupyter_workflows import session as sessions
from jupyter_workflows.local.paths import Home
from jupyter_workflows.local.runtime import Runtime
from jupyter_workflows.notebook import Cell
from jupyter_workflows.notebook.source import parse_cell
from jupyter_workflows.runs.access import RunAccess
from jupyter_workflows.runs.handle import Run
from jupyter_workflows.session import Session

PRELUDE = (
    "import asyncio, time\n"
    "from pydantic import BaseModel\n"
    "from jupyter_workflows import (RetryPolicy, activity, human_approval, parallel_map, sleep, timeout, "
    "wait_for_signal, workflow)\n"
    "ONCE = RetryPolicy(max_attempts=1)"
)
EFFECT = """
def effect(log: str, line: str) -> None:
    with open(log, "a") as file:
        file.write(line + "\\n")
"""


class Notebook:
    """Executes cells in a namespace of its own; its session is the one of the process."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "effects.txt"
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        notebook = str(folder / "notebook.ipynb")
        self.session = Session(home=home, settings=None, namespace=self.namespace, directory=folder, notebook=notebook)
        self.cells: dict[str, int] = {}

    def cell(self, id: str, source: str) -> None:
        """Executes a cell, for the first time or anew."""
        self.cells[id] = len(self.cells) + 1
        self.session.cells.record(Cell(id, self.cells[id], source))
        for statement in parse_cell(source).statements:
            code = compile(ast.Module([statement.node], []), f"<{id}>", "exec")
            exec(code, self.namespace)

    def start(self, workflow: str, *args: Any, **options: Any) -> Run[Any]:
        chosen = self.namespace[workflow]
        return self.session.start(chosen.options(**options) if options else chosen, args, {})

    def handle(self, id: str) -> Run[Any]:
        """A handle of another person."""
        return Run(RunAccess.of(self.session.client(), self.session.home), id)

    def executions(self, id: str) -> list[schema.Run]:
        """All executions of a run, the newest first."""
        return [found for found in sessions.runs(limit=50).records if found.id == id]

    def effects(self) -> list[str]:
        """What was done outside, in order."""
        return self.log.read_text().split() if self.log.exists() else []


@contextlib.contextmanager
def at_work(home: Home, folder: Path) -> Iterator[Notebook]:
    """A new notebook, its prelude executed."""
    found = Notebook(home, folder)
    sessions.use(found.session)
    found.cell("prelude", PRELUDE)
    found.cell("effect", EFFECT)
    yield found
    sessions.use(None)


def tell_kept_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets histories count as long that are short, so that executions are told of the steps they keep."""
    planning = importlib.import_module("jupyter_workflows.runs.resuming.planning")
    monkeypatch.setattr(planning, "LONG_HISTORY_EVENTS", 0)


@pytest.fixture
def notebook(home: Home, runtime: Runtime, tmp_path: Path) -> Iterator[Notebook]:
    """A notebook on the runtime of the test session."""
    with at_work(home, tmp_path) as found:
        yield found


@pytest.fixture
def own_notebook(own_home: Home, tmp_path: Path) -> Iterator[Notebook]:
    """A notebook on a runtime that the test may break."""
    with at_work(own_home, tmp_path) as found:
        yield found
