"""Which cells of a notebook become tests of the package, and as what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows.export.cells import CellTests, cell_tests
from jupyter_workflows.notebook import Cell

from ..notebook.conftest import PRELUDE, Notebook

BEFORE = """
import math
from dataclasses import dataclass

LIMIT = 3
TABLE = object()

@activity
def double(number: int) -> int:
    return 2 * number

@activity
async def half(number: int) -> float:
    return number / 2

def helper(number: int) -> int:
    return math.floor(number) + LIMIT
# ---
@workflow
async def flow(number: int) -> float:
    return await half(await double(number))
# ---
"""


def made(folder: Path, cell: str, tags: dict[str, list[str]] | None = None) -> CellTests:
    notebook = Notebook(folder)
    notebook.run(PRELUDE)
    notebook.run_all(BEFORE.rpartition("# ---\n")[0])
    notebook.cells.record(Cell("check-it", 4, cell))
    return cell_tests(notebook.cells, notebook.bundle("flow").manifest, notebook.bundle("flow").package, tags)


@pytest.mark.parametrize(
    "cell",
    [
        "assert double(2) == 4",
        "assert await half(3) == 1.5",
        "# comment\nfor number in range(3):\n    assert double(number) == 2 * number\nassert helper(1.5) == 4",
        'text = """\nnot indented\n  a bit"""\nassert text.splitlines()[1] == "not indented"',
        "assert (\n    double(1)\n) == 2, 'no'\n",
    ],
)
def test_a_cell_that_asserts_becomes_a_test_that_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: str):
    found = made(tmp_path, cell)
    assert found.left_out == {}
    assert "def test_01_check_it() -> None:\n    # cell [4], id check-it\n" in found.text
    monkeypatch.syspath_prepend(str(tmp_path / "bundles"))
    names: dict[str, Any] = {"__name__": "test_notebook"}
    exec(compile(found.text, "test_notebook.py", "exec"), names)
    names["test_01_check_it"]()


def test_a_tagged_cell_is_a_test(tmp_path: Path):
    assert made(tmp_path, "double(2)").text == ""
    (tmp_path / "tagged").mkdir()
    assert "double(2)" in made(tmp_path / "tagged", "double(2)", {"check-it": ["test"]}).text


@pytest.mark.parametrize(
    ("cell", "reason"),
    [("assert TABLE", "it reads TABLE, which the package does not have"), ("%pwd\nassert True", "it has a magic")],
)
def test_a_cell_that_needs_more_is_left_out_and_told(tmp_path: Path, cell: str, reason: str):
    found = made(tmp_path, cell)
    assert found.text == ""
    assert found.left_out == {"cell 4": reason}
