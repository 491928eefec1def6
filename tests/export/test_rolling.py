"""A new version of a deployment under load: 200 open runs, two packages' workers, a ramp, a switch, and back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from jupyter_workflows import session as sessions
from jupyter_workflows.commands.dispatch import run as carry_out
from jupyter_workflows.commands.parser import parse
from jupyter_workflows.connection import Settings
from jupyter_workflows.errors import CommandError, JupyterWorkflowsError
from jupyter_workflows.export.project import Project
from jupyter_workflows.export.writing import write_package
from jupyter_workflows.local.paths import Home
from jupyter_workflows.session import Session

from ..dev_server import QUICK_DISPATCH, dev_server
from ..notebook.conftest import PRELUDE, Notebook

NAME = "rolling-desk"
CELLS = """
@activity
def stamp(code: int) -> list[int]:
    return [code, {version}]
# ---
@workflow
async def desk() -> list[int]:
    await wait_for_signal("go")
    return await stamp({version})
"""
QUICK_DRAIN = [
    QUICK_DISPATCH,
    'matching.wv.VersionDrainageStatusVisibilityGracePeriod="2s"',
    'matching.wv.VersionDrainageStatusRefreshInterval="1s"',
]


@dataclass
class Deployment:
    """A server of its own, the packages on disk, their workers, and a notebook's session that looks at it."""

    address: str
    client: Client
    session: Session
    folder: Path
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def serve(self, version: int) -> str:
        """Exports a version and starts its worker; gives what it is called."""
        notebook = Notebook(self.folder / f"notebook{version}")
        notebook.directory.mkdir()
        notebook.run(PRELUDE)
        notebook.run_all(CELLS.format(version=version))
        made = Project(NAME, notebook.bundle("desk"))
        root = self.folder / f"version{version}"
        write_package(root, NAME, made.files(), {})
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": str(root / "src"),
            "TEMPORAL_ADDRESS": self.address,
            "JUPYTER_WORKFLOWS_HOME": str(self.folder / "home"),
            "JUPYTER_WORKFLOWS_HEALTH": "off",
            "JUPYTER_WORKFLOWS_METRICS": "off",
            "JUPYTER_WORKFLOWS_GRACE_SECONDS": "1",
        }
        with (self.folder / f"worker{version}.log").open("wb") as log:
            words = [sys.executable, "-m", made.package, "worker"]
            self.workers[made.build] = subprocess.Popen(words, env=environment, stdout=log, stderr=log)
        return made.build

    async def told(self, *words: str) -> Any:
        """What the notebook's command tells, as data."""
        outcome = await asyncio.to_thread(carry_out, self.session, parse("%workflow", ["deployments", *words]))
        return json.loads(outcome.json())

    async def until(self, wanted: Any) -> list[dict[str, Any]]:
        """The versions, once they are as they should be."""
        told: Any = None
        for _ in range(60):
            # A server may also say that it is asked too often.
            with contextlib.suppress(JupyterWorkflowsError):
                told = await self.told(NAME)
                if wanted({one["build_id"]: one for one in told}):
                    return told
            await asyncio.sleep(1)
        logs = [path.read_text() for path in self.folder.glob("worker*.log")]
        raise AssertionError(f"the versions stayed {told}; {logs}")

    async def start(self, count: int) -> list[WorkflowHandle[Any, Any]]:
        """Starts runs by the deployment's queue, ten at once."""
        slots = asyncio.Semaphore(10)

        async def one() -> WorkflowHandle[Any, Any]:
            async with slots:
                return await self.client.start_workflow("desk", id=f"desk-{os.urandom(4).hex()}", task_queue=NAME)

        return await asyncio.gather(*(one() for _ in range(count)))


@pytest.fixture
async def deployment(tmp_path: Path, home: Home) -> AsyncIterator[Deployment]:
    flags = [word if word.startswith("--") else f"--dynamic-config-value={word}" for word in QUICK_DRAIN]
    async with await dev_server(flags) as server:
        address = server.client.service_client.config.target_host
        session = Session(home=home, settings=Settings(address=address), directory=tmp_path)
        with using(session):
            found = Deployment(address, server.client, session, tmp_path)
            try:
                yield found
            finally:
                for worker in found.workers.values():
                    worker.terminate()
                for worker in found.workers.values():
                    await asyncio.to_thread(worker.wait, 60)


@contextlib.contextmanager
def using(session: Session) -> Iterator[None]:
    sessions.use(session)
    try:
        yield
    finally:
        sessions.use(None)


async def went_on(handle: WorkflowHandle[Any, Any]) -> tuple[str, list[int]]:
    """The version that a run was pinned to, and what its code and its step said after the signal."""
    await handle.signal("go", "on")
    result = await asyncio.wait_for(handle.result(), 120)
    described = await handle.describe()
    return described.raw_description.workflow_execution_info.versioning_info.deployment_version.build_id, result


@pytest.mark.timeout(400)
async def test_a_new_version_takes_over_while_200_runs_are_open(deployment: Deployment):
    old = deployment.serve(1)
    await deployment.until(lambda found: old in found and found[old]["state"] == "current")
    runs = await deployment.start(100)
    new = deployment.serve(2)
    await deployment.until(lambda found: new in found and found[new]["state"] == "never took runs")
    (ramped, _) = await deployment.told(NAME, "--promote", new, "--ramp", "40")
    assert (ramped["build_id"], ramped["state"], ramped["share"]) == (new, "ramping", 40.0)
    runs += await deployment.start(60)
    await deployment.told(NAME, "--promote", new)
    runs += await deployment.start(40)
    versions = await deployment.until(lambda found: found[old]["open_runs"] + found[new]["open_runs"] == 200)
    assert [(one["build_id"], one["state"]) for one in versions] == [(new, "current"), (old, "has open runs")]
    on_new = versions[0]["open_runs"]
    assert 40 < on_new < 100, "a share of those of the ramp, and all after it"
    (listed,) = await deployment.told()
    assert listed == {"name": NAME, "current": new, "ramping": "", "share": 0.0, "open_runs": 200}

    ended = await asyncio.gather(*map(went_on, runs))
    assert {(build, *result) for build, result in ended} == {(old, 1, 1), (new, 2, 2)}
    assert Counter(build for build, _ in ended) == {old: 200 - on_new, new: on_new}
    await deployment.until(lambda found: found[old]["state"] == "no longer needed")

    back = await deployment.told(NAME, "--roll-back")
    assert [(one["build_id"], one["state"]) for one in back] == [(new, "has open runs"), (old, "current")]
    assert await went_on((await deployment.start(1))[0]) == (old, [1, 1])
    await refused(deployment, new)
    await not_served(deployment, new)


async def not_served(deployment: Deployment, version: str) -> None:
    """New runs are not sent where no worker of a version is up, but on purpose."""
    deployment.workers[version].terminate()
    await asyncio.to_thread(deployment.workers[version].wait, 60)
    for line in ([NAME, "--promote", version], [NAME, "--promote", version, "--ramp", "10"], [NAME, "--roll-back"]):
        with pytest.raises(CommandError, match=f"no worker of {NAME} {version} asks for work, .*; --force lets them"):
            await deployment.told(*line)
    (forced, _) = await deployment.told(NAME, "--promote", version, "--force")
    assert (forced["build_id"], forced["state"]) == (version, "current")
    (back, _) = await deployment.told(NAME, "--roll-back")
    assert back["build_id"] == version
    assert back["state"] != "current"


async def refused(deployment: Deployment, version: str) -> None:
    """What makes no sense is said with what to do."""
    lines = {
        ("elsewhere",): "there is no deployment 'elsewhere': there are rolling-desk",
        (NAME, "--promote", "none"): "has no version 'none': there are ",
        (NAME, "--promote", version, "--ramp", "140"): "a percentage from 0 to 100, not 140",
        (NAME, "--ramp", "10"): "name it by --promote VERSION",
        (NAME, "--force"): "--force goes with",
        ("--roll-back",): "name the deployment",
    }
    for words, reason in lines.items():
        with pytest.raises(CommandError, match=reason):
            await deployment.told(*words)
