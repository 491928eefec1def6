"""`%workflow export` in a kernel, and the same from a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.kernels import run_cells

CELLS = [
    "%load_ext jupyter_workflows",
    """
%%workflow
from jupyter_workflows import activity, workflow

@activity
def double(number: int) -> int:
    return 2 * number

@workflow
async def doubling(number: int) -> int:
    return await double(number)
""".strip(),
    "assert double(2) == 4",
    "doubling.start(4).result(60)",
    "%workflow export doubling exported --no-prove",
    "import jupyter_workflows\njupyter_workflows.export('doubling', 'exported', prove=False).changes.renewed",
    "%workflow export doubling . --package doubling",
    "%workflow export doubling plain --target temporal-plain",
]


def test_a_workflow_is_exported_from_a_kernel_and_from_a_terminal(runtime_home: Path, tmp_path: Path):
    done = run_cells(CELLS, home=runtime_home, folder=tmp_path, may_raise=[6])
    shown = done.cells[4].outputs[-1]["data"]["text/plain"]
    assert shown.startswith(f"✓ doubling is in {tmp_path / 'exported'}")
    assert "recorded runs  01-doubling-" in shown
    assert done.cells[5].outputs[-1]["data"]["text/plain"] == "[]"
    assert "holds other files" in done.cells[6].outputs[-1]["evalue"]
    root = tmp_path / "exported"
    assert "assert double(2) == 4" in (root / "tests" / "test_notebook.py").read_text()
    assert "| `bundle/workflows.py`, " in (root / "README.md").read_text()
    assert (tmp_path / "plain" / "src" / "doubling" / "durable.py").is_file()
    assert "from doubling.activities import double" in (tmp_path / "plain" / "tests" / "test_notebook.py").read_text()

    command = [
        sys.executable,
        "-m",
        "jupyter_workflows.cli",
        "export",
        "doubling",
        str(tmp_path / "again"),
        "--no-prove",
    ]
    environment = {**os.environ, "JUPYTER_WORKFLOWS_HOME": str(runtime_home)}
    told = subprocess.run(
        [*command, "--no-prove", "--json"], capture_output=True, text=True, timeout=120, check=False, env=environment
    )
    assert told.returncode == 0, told.stderr
    again = json.loads(told.stdout)
    assert again["build"] == json.loads((root / ".export.json").read_text())["build"]
    assert len(again["runs"]) == 1
