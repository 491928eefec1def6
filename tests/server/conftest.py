"""One Jupyter server for these tests, with a runtime of their own and a bundle as a notebook writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from jupyter_workflows.connection import loop_thread
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import HOME_VARIABLE, Home
from jupyter_workflows.local.runtime import Runtime
from jupyter_workflows.runs.access import RunAccess
from jupyter_workflows.security.identity import local_user
from jupyter_workflows.session import Session

from ..conftest import temporary_home
from ..kernels import run_cells
from .pages import Page, Server, jupyter_server

WORKFLOWS = (
    "%load_ext jupyter_workflows",
    """
from jupyter_workflows import activity, human_approval, workflow, timeout
import time

@activity
def measure(text: str) -> int:
    return len(text)

@activity
def publish(text: str) -> float:
    return time.time()
""",
    """%%workflow
async def review(contract: str, urgent: bool = False) -> dict:
    '''Measures a contract and asks.'''
    size = await measure(contract)
    approval = await human_approval(f"Publish {contract}?", editable={"size": size})
    published = await publish(contract)
    return {"approved": bool(approval), "by": approval.by, "at": published, "value": approval.value}
""",
    f"""%%workflow
async def panel(contract: str) -> bool:
    return bool(await human_approval(f"Publish {{contract}}?", assignee=[{local_user()!r}, "bob"], quorum=2))
""",
    """%%workflow
async def many(count: int) -> int:
    total = 0
    for number in range(count):
        total += await measure("x" * number)
    return total
""",
    """%%workflow
def free(output: str, key: str) -> str:
    return key

@activity(compensate=free)
def book(seat: str) -> str:
    return seat

@workflow
async def seats(many: int) -> int:
    for number in range(many):
        await book(f"seat {number}")
    return many
""",
)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home of these tests alone: they name workflows, and the newest of a name may be another test's elsewhere."""
    with temporary_home(tmp_path_factory.mktemp("home")) as home:
        yield home


@pytest.fixture(scope="session")
def runtime(home: Home) -> Iterator[Runtime]:
    with pytest.MonkeyPatch.context() as patch:
        # Its processes inherit it, and each home looks for those that name it.
        patch.setenv(HOME_VARIABLE, str(home.data))
        runtime = local_runtime.ensure(home)
    yield runtime
    runtime.close()


@pytest.fixture(autouse=True)
def _home_of_the_environment(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(home.data))


@pytest.fixture(scope="session")
def server(runtime: Runtime, bundles: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Jupyter server on the runtime of these tests."""
    with jupyter_server(runtime.home.data, tmp_path_factory.mktemp("server")) as running:
        yield running
        assert "Traceback" not in running.read_log()


@pytest.fixture(scope="session")
def bundles(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The workflows of a notebook, whose kernel has ended."""
    run_cells(WORKFLOWS, home=runtime.home.data, folder=tmp_path_factory.mktemp("notebook"))


@pytest.fixture(scope="session")
def access(runtime: Runtime) -> RunAccess:
    """What tests look at runs with, past the Jupyter server."""
    return RunAccess.of(Session(home=runtime.home, settings=None).client(), runtime.home)


@pytest.fixture
def page(server: Server) -> Iterator[Page]:
    with server.page() as page:
        yield page


def on_loop(work: Any) -> Any:
    """The result of a coroutine on the loop thread."""
    return loop_thread().run(work, timeout=60)
