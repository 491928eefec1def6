"""A browser and a JupyterLab for this folder's tests.

Without a browser they are skipped, and say what is missing; where `CI` is set they fail, so that nobody takes a
machine without a browser for a green one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows.connection import Settings, connect, loop_thread
from jupyter_workflows.errors import JupyterWorkflowsError
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home
from jupyter_workflows.runs.client import list_runs
from jupyter_workflows.widgets.host import is_built

from ..dev_server import outside_of_the_home
from .lab import Notebook, chromium, jupyter_lab, missing, write_notebook


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Adds to a failure what its page showed and what its Jupyter servers logged."""
    report = yield
    if report.when == "call" and report.failed and isinstance(item, pytest.Function):
        page = item.funcargs.get("page")
        for name, place in item.funcargs.items():
            log = place[1] / ".jupyter" / "server.log" if name.endswith("lab") else None
            if log and log.exists():
                report.sections.append((f"log of {name}", log.read_text(encoding="utf-8", errors="replace")[-4000:]))
        if page is not None:
            with contextlib.suppress(Exception):
                shown = page.locator(".jp-OutputArea-output, .jwl-page, .jwl-lab").all_inner_texts()
                report.sections.append(("page", "\n".join(shown)[-6000:]))
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    try:
        from playwright import sync_api as playwright
    except ImportError:
        missing("browser tests need `pip install playwright`")
    path = chromium()
    if path is None:
        missing("browser tests need Chromium: apt-get install chromium, or JUPYTER_WORKFLOWS_CHROMIUM=<path>")
    if not is_built():
        missing("browser tests need the built components: npm ci && npm run build")
    with outside_of_the_home():
        running = playwright.sync_playwright().start()
        browser = running.chromium.launch(executable_path=path)
    yield browser
    browser.close()
    running.stop()


@pytest.fixture(scope="session")
def lab(browser: Any, runtime_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A JupyterLab with our extension: its address, and the folder of its notebooks."""
    folder = tmp_path_factory.mktemp("notebooks")
    with jupyter_lab(runtime_home, folder) as address:
        yield address, folder


@pytest.fixture(scope="session")
def bare_lab(browser: Any, runtime_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A JupyterLab without our extension, as any other notebook host is."""
    folder = tmp_path_factory.mktemp("notebooks")
    with jupyter_lab(runtime_home, folder, with_extension=False) as address:
        yield address, folder


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page
    context.close()


def opener(lab: tuple[str, Path], page: Any, request: pytest.FixtureRequest) -> Iterator[Callable[..., Notebook]]:
    """Opens a notebook with these cells; its kernel ends with the test."""
    address, folder = lab
    opened: list[Notebook] = []

    def open_notebook(*cells: str) -> Notebook:
        path = write_notebook(folder / f"{request.node.name.replace('[', '_').rstrip(']')}.ipynb", cells)
        opened.append(Notebook(page, address, path))
        return opened[-1]

    yield open_notebook
    for each in opened:
        each.shut_down()


@pytest.fixture
def nothing_waits(home: Home) -> None:
    """What other tests left open is no longer in the inbox."""
    status = local_runtime.status(home)
    if status.address is None or status.namespace is None:
        return
    client = loop_thread().run(connect(Settings(status.address, status.namespace), home=home))
    for run in list_runs(client, status="running", limit=1_000):
        with contextlib.suppress(JupyterWorkflowsError):
            run.terminate("left open by another test")


@pytest.fixture
def notebook(
    nothing_waits: None, lab: tuple[str, Path], page: Any, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Notebook]]:
    """Opens notebooks in a JupyterLab with our extension."""
    yield from opener(lab, page, request)


@pytest.fixture
def bare_notebook(
    nothing_waits: None, bare_lab: tuple[str, Path], page: Any, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Notebook]]:
    """Opens notebooks in a JupyterLab without our extension."""
    yield from opener(bare_lab, page, request)
