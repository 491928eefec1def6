"""Tour 1, run on the embedded runtime, exported, and installed in an environment without Jupyter."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
import pytest_asyncio

from jupyter_workflows import session as sessions
from jupyter_workflows.export.environment import Environment
from jupyter_workflows.export.exporting import Exported, export
from jupyter_workflows.local.paths import Home
from jupyter_workflows.local.runtime import Runtime
from jupyter_workflows.session import Session

from ..conftest import eventually
from ..dev_server import QUICK_DISPATCH, dev_server
from ..notebook.conftest import Notebook

TOUR = Path(__file__).parents[2] / "notebooks" / "01_review_licences.ipynb"
# A second workflow, all of whose steps may run again.
SECOND = """
@activity
def letters(word: str) -> list[str]:
    return sorted(word)
# ---
@workflow
async def spell(word: str) -> str:
    found = await letters(word)
    approval = await human_approval(f"Spell {word}?", editable={"joint": "-"})
    await sleep(timeout(seconds=0.01))
    return approval.value["joint"].join(found) if approval else ""
# ---
@activity
async def attend(file: str) -> int:
    with open(file + ".begun", "a") as begun:
        begun.write("begun\\n")
    while not os.path.exists(file):
        await asyncio.sleep(0.05)
    with open(file + ".begun") as begun:
        return len(begun.readlines())
# ---
@workflow
async def guard(file: str) -> int:
    return await attend(file)
# ---
assert describe.__name__ == "describe"
assert letters("ba") == ["a", "b"]
"""
# Enough packages, by name, for one that is asked about: certifi.
PACKAGES = 20


@dataclass
class Installed:
    """An exported package in an environment of its own."""

    exported: Exported
    environment: Path

    @property
    def site_packages(self) -> Path:
        (found,) = self.environment.glob("lib/python3*/site-packages")
        return found

    def python(self, *arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
        return self.program("python", *arguments, **settings)

    def program(self, name: str, *arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.environment / "bin" / name, *arguments],
            cwd=self.exported.path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **settings,
        )


def tour_notebook(folder: Path) -> Notebook:
    """The cells of the tour up to its workflow, executed."""
    notebook = Notebook(folder)
    for cell in nbformat.read(TOUR, as_version=4).cells:
        if cell.cell_type == "code" and cell.id != "load":
            notebook.run(cell.source, id=cell.id)
        if cell.id == "workflow":
            break
    notebook.run("from jupyter_workflows import sleep")
    notebook.run_all(SECOND)
    return notebook


@contextlib.contextmanager
def session_of(notebook: Notebook, home: Home) -> Iterator[Session]:
    """The session of a kernel that has executed a notebook's cells."""
    session = Session(home=home, namespace=notebook.namespace, directory=notebook.directory, cells=notebook.cells)
    sessions.use(session)
    try:
        yield session
    finally:
        sessions.use(None)


def by_house_policy(approval: Any) -> dict[str, Any]:
    return {**approval.editable, "decision": "allow with duties", "note": "as agreed"}


@pytest.fixture(scope="module")
def tour(home: Home, runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    """The tour after one run of it, in which each question was answered."""
    folder = tmp_path_factory.mktemp("tour")
    notebook = tour_notebook(folder)
    with session_of(notebook, home):
        run = notebook.namespace["review_licences"].start(str(folder / "register.sqlite"), limit=PACKAGES)
        run.wait_for("approval", timeout=60)
        for approval in run.pending_approvals():
            run.approve(approval, value=by_house_policy(approval), comment="fine")
        assert run.result(timeout=60)
        spelling = notebook.namespace["spell"].start("word")
        spelling.wait_for("approval", timeout=60)
        spelling.approve(value={"joint": "+"}, comment="plainly")
        assert spelling.result(timeout=60) == "d+o+r+w"
        yield notebook


@pytest.fixture(scope="module")
def package(tour: Notebook, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The tour as a package."""
    path = tmp_path_factory.mktemp("exported") / "licence-review"
    return export(["review_licences", "spell", "guard"], path, package="licence-review", prove=False)


@pytest.fixture(scope="module")
def installed(package: Exported, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The package, installed by its own instructions."""
    environment = Environment(package.path, tmp_path_factory.mktemp("clean") / "environment")
    environment.install()
    return Installed(package, environment.folder)


@dataclass
class Serving:
    """The worker of an installed package on a Temporal server of its own."""

    installed: Installed
    folder: Path
    environment: dict[str, str]
    worker: subprocess.Popen[str]

    def command(self, *words: str, code: int = 0, **settings: str) -> Any:
        """What a command of the package tells, as data."""
        done = self.installed.program("licence-review", *words, "--json", env={**self.environment, **settings})
        assert done.returncode == code, done.stdout + done.stderr + self.log
        return json.loads(done.stdout or done.stderr)

    def healthy(self, *words: str) -> Any:
        done = self.installed.program("licence-review", *words, "--json", env=self.environment)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def http(self, endpoint: str, path: str, method: str = "GET") -> tuple[int, str]:
        """Status and text of an answer of the worker."""
        host, _, port = self.environment[f"JUPYTER_WORKFLOWS_{endpoint}"].rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    @property
    def log(self) -> str:
        return (self.folder / "worker.log").read_text()

    def until(self, read: Any, seconds: float = 60.0) -> Any:
        """What `read` gives once it gives something true."""
        found: list[Any] = []
        assert eventually(lambda: found.append(read()) or found[-1], seconds), self.log
        return found[-1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_worker(installed: Installed, folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    command = [installed.environment / "bin" / "licence-review", "worker"]
    with (folder / "worker.log").open("a") as log:
        return subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log, text=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def serving(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    folder = tmp_path_factory.mktemp("serving")
    async with await dev_server([QUICK_DISPATCH]) as server:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TEMPORAL_ADDRESS": server.client.service_client.config.target_host,
            "JUPYTER_WORKFLOWS_HOME": str(folder / "home"),
            "JUPYTER_WORKFLOWS_USER": "operator",
            "JUPYTER_WORKFLOWS_GRACE_SECONDS": "1",
            "JUPYTER_WORKFLOWS_HEALTH": f"127.0.0.1:{free_port()}",
            "JUPYTER_WORKFLOWS_METRICS": f"127.0.0.1:{free_port()}",
        }
        worker = start_worker(installed, folder, environment)
        serving = Serving(installed, folder, environment, worker)
        try:
            yield serving
        finally:
            serving.worker.terminate()
            try:
                serving.worker.wait(60)
            finally:
                serving.worker.kill()
