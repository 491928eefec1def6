"""A notebook without a kernel: cells are executed as a kernel would, and recorded."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from jupyter_workflows.errors import ClosureError
from jupyter_workflows.notebook import BundleFiles, Cell, CellLog, Closure, lint, resolve, write_bundle
from jupyter_workflows.notebook.source import parse_cell
from jupyter_workflows.schema import Diagnostic

PRELUDE = (
    "from jupyter_workflows import (RateLimit, RetryPolicy, activity, continue_as_new, heartbeat, human_approval, "
    "last_heartbeat, parallel_map, set_query_value, sleep, timeout, wait_for_signal, workflow)"
)
SEPARATOR = re.compile(r"^# ---.*\n", re.MULTILINE)


class Notebook:
    """Executes cells in a namespace of its own and keeps the log of them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.bundles = directory / "bundles"
        self.cells = CellLog()
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.number = 0
        self.packages: list[str] = []

    def run(self, source: str, *, id: str | None = None, decorator: str | None = None) -> None:
        """Executes one cell; an exception in it is a failed cell, not a failed test."""
        self.number += 1
        cell = Cell(id or f"cell-{self.number}", self.number, source, decorator)
        execution = self.cells.record(cell)
        parsed = parse_cell(source)
        flags = 0x1000000 if self.cells.future_annotations else 0
        for statement in parsed.statements:
            code = compile(
                ast.Module([statement.node], []), f"<cell {self.number}>", "exec", flags=flags, dont_inherit=True
            )
            try:
                exec(code, self.namespace)
            except Exception:
                self.cells.fail(execution, statement.start_line)
                raise

    def run_all(self, text: str) -> None:
        """Executes cells that are separated by `# ---` lines."""
        for source in SEPARATOR.split(text):
            self.run(source)

    def resolve(self, *workflows: str, capture: tuple[str, ...] = ()) -> Closure:
        return resolve(workflows or ("flow",), self.cells, self.namespace, directory=self.directory, capture=capture)

    def lint(self, *workflows: str, capture: tuple[str, ...] = ()) -> list[Diagnostic]:
        return lint(workflows or ("flow",), self.cells, self.namespace, directory=self.directory, capture=capture)

    def bundle(self, *workflows: str, capture: tuple[str, ...] = ()) -> BundleFiles:
        return write_bundle(self.resolve(*workflows, capture=capture), self.bundles)

    def load(self, *workflows: str, capture: tuple[str, ...] = ()) -> ModuleType:
        """Imports the bundle as a worker does; gives its `workflows` module."""
        bundle = self.bundle(*workflows, capture=capture)
        importlib.invalidate_caches()
        self.packages.append(bundle.package)
        return importlib.import_module(f"{bundle.package}.workflows")

    def sources(self, *workflows: str) -> dict[str, str]:
        bundle = self.bundle(*workflows)
        return {path.stem: path.read_text() for path in bundle.path.glob("*.py")}


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    """A notebook in a directory of its own, the prelude executed."""
    monkeypatch.syspath_prepend(str(tmp_path / "bundles"))
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "tqdm_like.py").write_text("async def fetch(n):\n    return n\n")
    before = set(sys.modules)
    found = Notebook(tmp_path)
    found.run(PRELUDE)
    yield found
    for name in set(sys.modules) - before:
        root = name.partition(".")[0]
        if root in found.packages or (tmp_path / root).exists() or (tmp_path / f"{root}.py").exists():
            del sys.modules[name]


MARK = re.compile(r" *#! *([A-Z0-9, ]+)$", re.MULTILINE)


def expected_of(text: str) -> list[tuple[str, int, int]]:
    """Code, cell number and line of each mark in cells that follow the prelude."""
    return [
        (code.strip(), number, line)
        for number, source in enumerate(SEPARATOR.split(text), 2)
        for line, content in enumerate(source.split("\n"), 1)
        for mark in MARK.finditer(content)
        for code in mark.group(1).split(",")
    ]


@pytest.fixture
def refused(notebook: Notebook) -> Callable[[str], None]:
    """Checks that cells are refused with exactly the codes they are marked with, and nothing is written."""

    def check(text: str) -> None:
        plain = MARK.sub("", text)
        notebook.run_all(plain)
        with pytest.raises(ClosureError) as caught:
            notebook.resolve()
        diagnostics = caught.value.diagnostics
        places = [(found.code, found.location.cell_number, found.location.line) for found in diagnostics]
        assert places == expected_of(text)
        lines = [line for source in SEPARATOR.split(plain) for line in source.split("\n")]
        assert all(found.location.source_line in lines for found in diagnostics)
        assert all(found.message and found.remedy and "{" not in found.remedy for found in diagnostics)
        assert not (notebook.directory / "bundles").exists()

    return check
