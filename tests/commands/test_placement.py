"""Whose workers run what is started in a workspace: those that its file names, and nobody's where none is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows import cli, session
from jupyter_workflows.connection import loop_thread
from jupyter_workflows.errors import WorkerUnavailable
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.bundled import find_workflow
from jupyter_workflows.local.paths import HOME_VARIABLE, Home
from jupyter_workflows.local.server import NAMESPACE
from jupyter_workflows.local.starts import Wanted, start
from jupyter_workflows.runs.access import RunAccess
from jupyter_workflows.security.workspaces import VARIABLE
from tests.conftest import eventually, temporary_home
from tests.kernels import run_cells

QUEUE = "near the data"
CELL = """%%workflow
from jupyter_workflows import workflow

async def place(number: int) -> int:
    return number + 1

@workflow
async def placed(number: int) -> int:
    return await place(number)
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home with a bundle, in a workspace whose runs are for the workers of a queue."""
    file = tmp_path / "workspaces.toml"
    file.write_text(f'[workspaces.research]\nnamespace = "{NAMESPACE}"\nadmin = ["*"]\nqueue = "{QUEUE}"\n')
    file.chmod(0o644)
    with temporary_home(tmp_path / "home") as home:
        folder = tmp_path / "notebook"
        folder.mkdir()
        run_cells(["%load_ext jupyter_workflows", CELL, "_ = placed.bundle()"], home=home.data, folder=folder)
        monkeypatch.setenv(HOME_VARIABLE, str(home.data))
        monkeypatch.setenv(VARIABLE, str(file))
        yield home
    session.use(None)


@pytest.fixture
def run(home: Home, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any, str]]:
    """Carries out a command line."""

    def carried_out(*words: str) -> tuple[int, Any, str]:
        session.use(None)
        code = cli.main([*words, "--json"])
        told, errors = capsys.readouterr()
        return code, json.loads(told) if told else None, errors

    return carried_out


def test_runs_of_a_workspace_are_for_the_workers_it_names(home: Home, run: Callable[..., tuple[int, Any, str]]):
    found = find_workflow(home.bundles, "placed", "")

    def started_by_a_page(id: str) -> Any:
        access = RunAccess.of(session.current().client(), home)
        wanted = Wanted(found=found, arguments={"number": 1}, starter="ada", id=id)
        return loop_thread().run(start(access, home, None, wanted))

    code, _, errors = run("start", "placed", "[1]")
    assert code == 1
    assert f"runs of workspace research are for the workers of the task queue {QUEUE}" in errors
    assert (
        f"none of them asks for work: start one there, an exported package's with JUPYTER_WORKFLOWS_TASK_QUEUE={QUEUE}"
        in errors
    )
    with pytest.raises(WorkerUnavailable, match="none of them asks for work"):
        started_by_a_page("early")
    assert run("workspace")[1]["workers"] == 0

    status = local_runtime.status(home)
    server = {"TEMPORAL_ADDRESS": str(status.address), "TEMPORAL_NAMESPACE": str(status.namespace)}
    command = [sys.executable, "-m", "jupyter_workflows.cli", "worker", str(found.path), "--queue", QUEUE]
    worker = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | server)
    try:
        assert worker.stderr is not None
        assert worker.stderr.readline().endswith(f", queue {QUEUE}\n")
        assert eventually(lambda: run("workspace")[1]["workers"] == 1)
        assert run("start", "placed", "[1]", "--id", "from-a-terminal")[0] == 0
        started_by_a_page("from-a-page")
        for run_id in ("from-a-terminal", "from-a-page"):
            assert eventually(lambda wanted=run_id: run("show", wanted)[1]["result"] == 2)
            assert run("show", run_id)[1]["steps"][0]["attempts"][0]["worker"].startswith(f"{worker.pid}@")
    finally:
        worker.terminate()
        worker.communicate(timeout=60)
    assert eventually(lambda: run("start", "placed", "[1]")[0] == 1)
