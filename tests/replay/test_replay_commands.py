"""`replay` and `history` where users type them: in a kernel whose cells change, and in a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_workflows.local.paths import HOME_VARIABLE, Home
from tests.kernels import run_cells

COMMAND = [sys.executable, "-m", "jupyter_workflows.cli"]
STEPS = """
from jupyter_workflows import activity, workflow

@activity
async def read(page: int) -> str:
    return "page" * page

@activity
async def rate(text: str) -> int:
    return len(text)
""".strip("\n")
REPORT = """
%%workflow
async def report(page: int) -> int:
    text = await read(page)
    score = await rate(text)
    return score
""".strip("\n")
CHANGED = REPORT.replace("    score = await rate(text)", "    print('again')\n    score = await rate(await read(2))")
SHOW = "import json; print(json.dumps({'agrees': bool(found), 'text': str(found)}))"


def outputs(cell: nbformat.NotebookNode) -> list[str]:
    """What a cell displayed as text."""
    return [item.data["text/plain"] for item in cell.outputs if item.output_type in ("execute_result", "display_data")]


def streams(cell: nbformat.NotebookNode) -> str:
    return "".join(item.text for item in cell.outputs if item.output_type == "stream")


def terminal(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, HOME_VARIABLE: str(home.data)}
    return subprocess.run([*COMMAND, *words], env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def notebook(home: Home, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[nbformat.NotebookNode], Path]:
    folder = tmp_path_factory.mktemp("notebook")
    cells = [
        "%load_ext jupyter_workflows",
        STEPS,
        REPORT,
        'report.options(id="short").start(3).result(60)\nreport.options(id="long").start(20_000).result(60)',
        "%workflow history short histories/short.json --impersonal",
        "%workflow history long histories/",
        "%workflow replay short",
        "%workflow replay histories",
        CHANGED,
        "%workflow replay short",
        "%workflow replay histories",
        'import jupyter_workflows\nfound = jupyter_workflows.replay("histories/short.json")\n' + SHOW,
        "data = %workflow replay histories --json\nprint(json.dumps([one['compatible'] for one in data['histories']]))",
    ]
    (folder / "histories").mkdir()
    return run_cells(cells, home=home.data, folder=folder).cells, folder


def test_the_same_cells_agree(notebook: tuple[list[nbformat.NotebookNode], Path]):
    cells, _ = notebook
    assert outputs(cells[6])[0].startswith("✓ compatible: the code agrees with all 3 workflow tasks of short")
    assert outputs(cells[7])[0].startswith("✓ 2 of 2 compatible")


def test_a_changed_cell_is_located(notebook: tuple[list[nbformat.NotebookNode], Path]):
    cells, _ = notebook
    shown = outputs(cells[9])[0]
    assert shown.startswith("✗ not compatible: the run went on with rate-1, the code asks for read-2")
    assert f"cell [{cells[8].execution_count}] line 5" in shown
    assert "score = await rate(await read(2))" in shown
    assert "with 1 of 3 workflow tasks" in shown
    assert streams(cells[9]) == ""


def test_a_folder_is_a_gate(notebook: tuple[list[nbformat.NotebookNode], Path]):
    cells, _ = notebook
    shown = outputs(cells[10])[0]
    assert shown.startswith("✗ 0 of 2 compatible")
    assert "long.json" in shown
    assert json.loads(streams(cells[12])) == [False, False]


def test_python_gets_an_answer_that_is_true_or_false(notebook: tuple[list[nbformat.NotebookNode], Path]):
    cells, _ = notebook
    found = json.loads(streams(cells[11]))
    assert found["agrees"] is False
    assert found["text"].startswith("0 of 1 compatible\n  short.json: cell [")


def test_large_values_are_in_the_file(notebook: tuple[list[nbformat.NotebookNode], Path]):
    cells, folder = notebook
    assert "large value" in outputs(cells[5])[0]
    text = (folder / "histories" / "long.json").read_text()
    assert len(text) > 80_000
    assert "externalPayloads" not in text


def test_an_impersonal_file_names_no_machine(notebook: tuple[list[nbformat.NotebookNode], Path]):
    _, folder = notebook

    def identities(value: Any) -> list[str]:
        if isinstance(value, list):
            return [found for item in value for found in identities(item)]
        if not isinstance(value, dict):
            return []
        own = [value["identity"]] if "identity" in value else []
        return own + [found for item in value.values() for found in identities(item)]

    assert set(identities(json.loads((folder / "histories" / "short.json").read_text()))) == {""}
    assert any(identities(json.loads((folder / "histories" / "long.json").read_text())))


def test_terminal_replays_against_the_newest_bundle(notebook: tuple[list[nbformat.NotebookNode], Path], home: Home):
    _, folder = notebook
    done = terminal(home, "replay", str(folder / "histories"))
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("✗ 0 of 2 compatible")
    data = json.loads(terminal(home, "replay", "short", "--json").stdout)
    assert data["histories"][0]["replayed"]["divergence"]["step_id"] == "rate-1"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["replay", "no-such-folder.json"], "there is no file or folder no-such-folder.json"),
        (["replay", "no-such-run"], "knows no run 'no-such-run'"),
        (["history", "short", "report.txt"], "neither a folder nor a file name that ends in .json or .json.gz"),
    ],
)
def test_a_mistake_is_named(
    notebook: tuple[list[nbformat.NotebookNode], Path], home: Home, words: list[str], message: str
):
    done = terminal(home, *words)
    assert done.returncode in (1, 2)
    assert message in done.stderr
