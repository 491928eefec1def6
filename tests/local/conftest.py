"""Bundles as a notebook would write them, and runs of them on the embedded runtime."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from jupyter_workflows.connection import LoopThread, Settings, connect
from jupyter_workflows.errors import ConnectionFailed
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home
from jupyter_workflows.local.runtime import Runtime
from jupyter_workflows.local.specs import HostSpec
from jupyter_workflows.local.starting import SPARE_VARIABLE
from jupyter_workflows.local.status import HostStatus
from jupyter_workflows.schema import Manifest
from jupyter_workflows.worker import task_queue

HEAD = "import asyncio, os, time\nfrom pathlib import Path\nfrom jupyter_workflows.authoring import *\n"
STEPS = '''
@activity
def note(line: str, log: str) -> str:
    """An effect outside Temporal: one line for each execution that came to its end."""
    with open(log, "a") as file:
        file.write(line + "\\n")
    return line

@activity(heartbeat_timeout=timeout(seconds=30))
def nap(seconds: float, log: str) -> float:
    with open(log, "a") as file:
        file.write("begun\\n")
    time.sleep(seconds)
    return seconds

@activity(heartbeat_timeout=timeout(seconds=30))
def program(seconds: float, log: str) -> int:
    import subprocess
    process = subprocess.Popen(["sleep", str(seconds)])
    with open(log, "a") as file:
        file.write(f"{process.pid}\\n")
    return process.wait()

@activity
def variable(name: str) -> str:
    return f"{os.environ.get(name)} in {os.getcwd()}"
'''
WORKFLOWS = """
@workflow
async def greet(name: str) -> str:
    return "hello " + name

@workflow
async def sleeper(seconds: float, log: str) -> float:
    await note("before", log)
    slept = await nap(seconds, log)
    await note("after", log)
    return slept

@workflow
async def waiter(log: str) -> str:
    await note("one", log)
    await wait_for_signal("go")
    await note("two", log)
    return "gone"

@workflow
async def outside(seconds: float, log: str) -> int:
    return await program(seconds, log)

@workflow
async def look(name: str) -> str:
    return await variable(name)
"""


def write_bundle(home: Home, workflows: str = WORKFLOWS, activities: str = STEPS, salt: str = "") -> Path:
    """A bundle like those of `notebook.bundle`, from source text."""
    sources = {
        "models": HEAD,
        "activities": HEAD + "from .models import *\n" + activities,
        "workflows": HEAD + "from .models import *\nfrom .activities import *\n" + workflows,
    }
    for line in workflows.splitlines():
        if line.startswith("async def "):
            name = line.removeprefix("async def ").partition("(")[0]
            sources["workflows"] += f'\n{name.title()} = {name}.definition("{name.title()}", __name__)\n'
    digest = hashlib.sha256(repr((sources, salt)).encode()).hexdigest()
    path = home.create().bundles / f"jw_{digest[:16]}"
    path.mkdir(mode=0o700, exist_ok=True)
    manifest = Manifest(
        digest=digest,
        behaviour_digest=digest,
        package=path.name,
        python="3.11",
        workflows=[],
        activities=[],
        segments=[],
    )
    texts = {"__init__.py": "", "manifest.json": manifest.model_dump_json()}
    texts |= {f"{name}.py": source for name, source in sources.items()}
    for name, text in texts.items():
        (path / name).touch(mode=0o600)
        (path / name).write_text(text)
    return path


@dataclass
class Runs:
    """Starts runs of one bundle, as a kernel does."""

    runtime: Runtime
    bundle: Path
    loop: LoopThread

    @property
    def queue(self) -> str:
        return task_queue(self.bundle.name.removeprefix("jw_"), self.spec.key)

    @property
    def spec(self) -> HostSpec:
        return HostSpec.of_this_process()

    def host(self) -> HostStatus:
        """The worker host of this process's runs; other tests' kernels have hosts of their own."""
        return next(host for host in self.runtime.status().hosts if host.key == self.spec.key)

    def client(self) -> Client:
        settings = Settings(self.runtime.address, self.runtime.namespace)
        return self.loop.run(connect(settings, home=self.runtime.home))

    def client_when_up(self, seconds: float = 30.0) -> Client:
        """A client as soon as the server takes connections again."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.client()
            except ConnectionFailed:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def load(self) -> None:
        self.runtime.load_bundle(self.spec, self.bundle)

    def start(self, workflow: str, *args: Any) -> WorkflowHandle[Any, Any]:
        started = self.client().start_workflow(
            workflow, args=args, id=f"{workflow}-{uuid.uuid4().hex[:8]}", task_queue=self.queue
        )
        return self.loop.run(started)

    def result(self, handle: WorkflowHandle[Any, Any], seconds: float = 30.0) -> Any:
        return self.loop.run(handle.result(), timeout=seconds)

    def run(self, workflow: str, *args: Any) -> Any:
        return self.result(self.start(workflow, *args))


@pytest.fixture(scope="session")
def client_loop() -> Iterator[LoopThread]:
    loop = LoopThread()
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def served(runtime: Runtime, client_loop: LoopThread) -> Runs:
    """A bundle served by the session's runtime."""
    runs = Runs(runtime, write_bundle(runtime.home), client_loop)
    runs.load()
    return runs


@pytest.fixture
def no_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no step runs, a worker host that nobody needs only takes processor time from the other tests."""
    monkeypatch.setenv(SPARE_VARIABLE, "0")


@pytest.fixture
def own(own_home: Home, client_loop: LoopThread) -> Iterator[Runs]:
    """A bundle served by a runtime of the test's own, which it may break."""
    runtime = local_runtime.ensure(own_home)
    runs = Runs(runtime, write_bundle(own_home), client_loop)
    runs.load()
    yield runs
    runtime.close()
