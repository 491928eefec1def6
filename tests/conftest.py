"""What tests share: a home of their own, and the embedded runtime in it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Generator, Iterator
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import pytest

from chaos.processes import gone, kill
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import HOME_VARIABLE, Home
from jupyter_workflows.local.runtime import Runtime


def eventually(condition: Callable[[], object], seconds: float = 30.0) -> bool:
    """Whether `condition` becomes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@contextlib.contextmanager
def temporary_home(root: Path) -> Iterator[Home]:
    """A home below `root`; at the end its runtime is ended, and no process of it may be left."""
    home = Home.locate(root)
    try:
        yield home
    finally:
        local_runtime.down(home)
        left = gone(home.data, 20.0)
        kill(*(found.pid for found in left))
        assert left == []


@pytest.fixture(autouse=True, scope="session")
def _environment_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test may reach the user's own runtime, nor a Temporal server that the environment names."""
    # Python's own helper process lives until the session ends, for no home.
    resource_tracker.ensure_running()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("TEMPORAL_")]:
            patch.delenv(name)
        patch.setenv("TEMPORAL_CONFIG_FILE", os.devnull)
        patch.setenv(HOME_VARIABLE, str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session")
def home(_environment_of_tests: None) -> Iterator[Home]:
    """The home of this test session (of each xdist worker), the one that `JUPYTER_WORKFLOWS_HOME` names."""
    with temporary_home(Path(os.environ[HOME_VARIABLE])) as home:
        yield home


@pytest.fixture(scope="session")
def runtime_home(home: Home) -> Path:
    """The same home as a path, for tests that start kernels and terminals in it."""
    return home.data


@pytest.fixture(scope="session")
def runtime(home: Home) -> Iterator[Runtime]:
    """The embedded runtime of this test session; tests that break it use `own_home` instead."""
    runtime = local_runtime.ensure(home)
    yield runtime
    runtime.close()


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home for one test alone."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    with temporary_home(tmp_path / "home") as home:
        yield home


def sendable(value: Any) -> Any:
    """A report's value with lone surrogates written out."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {sendable(key): sendable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(sendable(item) for item in value)
    return value


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests go last: Playwright's event loop stays in the main thread, where no other can run after it."""
    items.sort(key=lambda item: "e2e" in item.path.parts)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Lets xdist send the failure of a test about odd texts; it would end the whole session otherwise."""
    return sendable((yield))
