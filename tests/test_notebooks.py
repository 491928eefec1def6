"""The tours run from top to bottom in a real kernel, as `make demo` runs them."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import nbformat
import pytest

from jupyter_workflows.testing import Call, ModelServer, Reply
from tests.kernels import printed

ROOT = Path(__file__).parents[1]
TOURS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RUN_SECONDS = 400

pytestmark = pytest.mark.timeout(RUN_SECONDS + 20)


@pytest.mark.parametrize("tour", TOURS, ids=lambda tour: tour.stem)
def test_tour_is_committed_without_outputs(tour: Path):
    cells = [cell for cell in nbformat.read(tour, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.id for cell in cells if cell.outputs or cell.execution_count] == []


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that the licence review wrote, and what it said."""
    output = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "notebooks/run_tour.py", "notebooks/01_review_licences.ipynb", "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return output, done.stdout


def run_agents(output: Path, environment: dict[str, str]) -> list[nbformat.NotebookNode]:
    """The cells of the tour of agents, executed with the model that the environment names."""
    command = [sys.executable, "notebooks/run_tour.py", "notebooks/02_agents.ipynb", "--output", str(output)]
    keys = ("MISTRAL_", "JUPYTER_WORKFLOWS_MODEL")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(keys)}
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=RUN_SECONDS, check=False, env=kept | environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return nbformat.read(output / "02_agents.ipynb", as_version=4).cells


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> list[nbformat.NotebookNode]:
    """The tour of agents with the model on this machine."""
    return run_agents(tmp_path_factory.mktemp("agents"), {})


def says(call: Call) -> Reply:
    """What a large model would: looks clauses up, hands over, quotes them, and finds that all is well."""
    tools = {tool["function"]["name"] for tool in call.body.get("tools") or []}
    found = [message["content"] for message in call.body["messages"] if message["role"] == "tool"]
    asked = " ".join(str(message["content"]) for message in call.body["messages"])
    package = next(name for name in ("fqdn", "numpy", "certifi", "") if name in asked)
    if "find_clauses" in tools:
        return Reply(tool_calls=[("find_clauses", {"package": package})])
    if "hand_over_to_writer" in tools:
        return Reply(tool_calls=[("hand_over_to_writer", {"message": found[-1]})])
    if "claims" in str(call.schema):
        clause = max(re.split(r"\n+", asked), key=lambda line: "must" in line or "shall" in line)
        return Reply({"claims": [{"quote": clause.strip("- "), "duty": "keep the notice"}]})
    return Reply({"supported": True})


def test_agents_run_unchanged_on_a_server_that_speaks_as_mistral_s(tmp_path: Path):
    with ModelServer(answer=says) as server:
        cells = run_agents(tmp_path, server.environment)
        assert server.count >= 9, "three packages: clauses, handover, memo, and the reviewer"
        assert all(call.key_ok for call in server.calls)
        assert any(call.body.get("tools") for call in server.calls), "with tool calls, which the small model lacks"
        assert all(call.body["stream"] for call in server.calls)
    (tokens,) = [cell for cell in cells if cell.id == "tokens"]
    assert "keep the notice" in json.loads(printed(tokens))["claims"][0]["duty"]
    assert ": completed." in printed(cells[-1])


def test_agents_stream_a_memo_that_has_the_form_it_must_have(agents: list[nbformat.NotebookNode]):
    (tokens,) = [cell for cell in agents if cell.id == "tokens"]
    memo = json.loads(printed(tokens))
    assert all({"quote", "duty"} == set(claim) for claim in memo["claims"])


def test_agents_keep_only_claims_whose_quotes_stand_in_a_licence(agents: list[nbformat.NotebookNode]):
    texts = []
    for package in ("fqdn", "numpy", "certifi"):
        files = [file for file in metadata.files(package) or [] if "LICEN" in file.name.upper()]
        texts += [" ".join(file.read_text("utf-8").casefold().split()) for file in files]
    (memo,) = [cell for cell in agents if cell.id == "memo"]
    shown = [output.data["text/markdown"] for output in memo.outputs]
    assert [text.splitlines()[0] for text in shown] == ["### fqdn", "### numpy", "### certifi"]
    quotes = [line.removeprefix("  > ") for text in shown for line in text.splitlines() if line.startswith("  > ")]
    assert all(any(" ".join(quote.casefold().split()) in text for text in texts) for quote in quotes)


def test_agents_end_with_their_outcome_in_words(agents: list[nbformat.NotebookNode]):
    said = printed(agents[-1])
    assert ": completed." in said
    assert "3 packages, " in said


def register_rows(output: Path) -> list[sqlite3.Row]:
    database = sqlite3.connect(output / "licence_register.sqlite")
    database.row_factory = sqlite3.Row
    rows = database.execute("SELECT * FROM register").fetchall()
    database.close()
    return rows


def test_licence_review_registers_every_package(demo: tuple[Path, str]):
    rows = register_rows(demo[0])
    assert len(rows) > 90
    assert {"temporalio", "jupyterlab", "pandas"} <= {row["package"] for row in rows}


def test_licence_review_keeps_the_edit_of_a_reviewer_in_the_register(demo: tuple[Path, str]):
    (certifi,) = [row for row in register_rows(demo[0]) if row["package"] == "certifi"]
    assert "use it unmodified and link to its source" in certifi["duties"]
    assert certifi["decided_by"] not in ("the rules", "nobody in time")


def test_licence_review_ends_with_its_outcome_in_words(demo: tuple[Path, str]):
    notebook = nbformat.read(demo[0] / "01_review_licences.ipynb", as_version=4)
    assert "were decided by a person" in printed(notebook.cells[-1])
    assert "Register: " in demo[1]


def test_licence_review_leaves_a_picture_of_the_run_in_its_html(demo: tuple[Path, str]):
    html = (demo[0] / "01_review_licences.html").read_text(encoding="utf-8")
    assert "<svg" in html
    assert "review_texts" in html


def test_ship_it_leaves_a_package_with_the_tests_and_runs_of_the_notebook(tmp_path: Path):
    command = [sys.executable, "notebooks/run_tour.py", "notebooks/04_ship_it.ipynb", "--output", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = {cell.id: cell for cell in nbformat.read(tmp_path / "04_ship_it.ipynb", as_version=4).cells}
    assert printed(cells["by-hand"]) == "kept: ['README.md'] conflicts: []\n"
    (agrees,) = cells["agrees"].outputs
    assert agrees.data["text/plain"].startswith("2 of 2 compatible") or "✓" in agrees.data["text/plain"]
    package = tmp_path / "invoice-desk"
    assert len(list((package / "tests" / "histories").iterdir())) == 2
    assert "difference(sample) == 0" in (package / "tests" / "test_notebook.py").read_text()
    assert "2 runs of this notebook are its tests" in printed(cells["closing"])


def test_fix_and_resume_runs_only_what_had_to_run_again(tmp_path: Path):
    command = [sys.executable, "notebooks/run_tour.py", "notebooks/03_fix_and_resume.ipynb", "--output", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = nbformat.read(tmp_path / "03_fix_and_resume.ipynb", as_version=4).cells
    (last,) = [cell for cell in cells if cell.id == "check"]
    assert "replaced_by" in last.outputs[0].data["text/plain"]
