"""Views that the kernel feeds in other hosts: an older ipykernel, Notebook 7, a page made from the saved notebook."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter

from ..kernels import run_cells
from .lab import NOTEBOOK_7, Notebook, PlainNotebook, jupyter_lab, write_notebook
from .test_components import AXE
from .test_notebook import LOAD, LOOP, REVIEW, SLEEP, START, STEPS

pytestmark = pytest.mark.timeout(600)

CELLS = (LOAD, STEPS, REVIEW, START)
OLDER = "7.3"
FOCUS = """() => {
    const at = document.activeElement;
    return [at.closest('.jwl') !== null, at.getAttribute('role') ?? at.tagName, at.textContent.slice(0, 40)];
}"""


def run_all(opened: Notebook, count: int = len(CELLS)) -> Any:
    """Runs the first cells, and gives the view below the last."""
    for index in range(count):
        opened.run(index)
    return opened.view(count - 1)


def approve_with_edit(view: Any) -> None:
    view.get_by_role("button", name="Approve").wait_for(timeout=120_000)
    view.get_by_label("Value, as you approve it").fill('{"amount": 7}')
    view.get_by_role("button", name="Approve with edits").click()
    view.locator(".jwl-bar .jwl-pill", has_text="completed").wait_for(timeout=120_000)
    view.get_by_text('"amount": 7').first.wait_for()


@pytest.fixture(scope="module")
def older_kernel(bare_lab: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A kernelspec of the JupyterLab whose ipykernel is an older one."""
    place = tmp_path_factory.mktemp("ipykernel")
    wanted = [f"ipykernel=={OLDER}.*", "--no-deps", "--target", str(place)]
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "install", *wanted], check=True)
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Older",
        "language": "python",
        "env": {"PYTHONPATH": str(place)},
    }
    folder = bare_lab[1] / ".jupyter" / "data" / "kernels" / "older"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps(spec))
    return "older"


@pytest.mark.parametrize("blocking", [SLEEP, LOOP], ids=["sleeping", "computing"])
def test_a_click_reaches_an_older_kernel_whose_cell_blocks(
    bare_lab: tuple[str, Path], older_kernel: str, page: Any, blocking: str, request: pytest.FixtureRequest
):
    address, folder = bare_lab
    cells = (*CELLS, "import ipykernel\nprint(ipykernel.__version__)", blocking)
    name = request.node.callspec.id
    opened = Notebook(page, address, write_notebook(folder / f"older-{name}.ipynb", cells, older_kernel))
    opened.nudge()
    view = run_all(opened)
    opened.run(4)
    opened.cell(4).get_by_text(f"{OLDER}.").wait_for()
    opened.run(5, wait=False)
    approve_with_edit(view)
    opened.cell(5).get_by_text("run completed").wait_for(timeout=120_000)
    opened.shut_down()


@pytest.fixture(scope="module")
def notebook_7(
    browser: Any, runtime_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("notebook-7")
    with jupyter_lab(runtime_home, folder, with_extension=False, app=NOTEBOOK_7) as address:
        yield address, folder


def test_notebook_7_shows_the_same_view_and_a_click_passes_a_blocked_cell(notebook_7: tuple[str, Path], page: Any):
    address, folder = notebook_7
    opened = PlainNotebook(page, address, write_notebook(folder / "plain.ipynb", (*CELLS, SLEEP)))
    view = run_all(opened)
    opened.run(4, wait=False)
    view.locator("canvas").wait_for()
    approve_with_edit(view)
    opened.cell(4).get_by_text("run completed").wait_for(timeout=120_000)
    opened.shut_down()


@pytest.mark.parametrize("host", ["bare_lab", "lab"])
def test_a_dark_narrow_notebook_is_worked_by_keyboard_alone(host: str, browser: Any, request: pytest.FixtureRequest):
    address, folder = request.getfixturevalue(host)
    context = browser.new_context(
        viewport={"width": 480, "height": 900}, reduced_motion="reduce", device_scale_factor=2
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    opened = Notebook(page, address, write_notebook(folder / "keyboard.ipynb", CELLS))
    opened.page.evaluate(
        """async () => {
            const { commands } = window.jupyterapp;
            await commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' });
            await commands.execute('application:set-mode', { mode: 'single-document' });
            if (window.jupyterapp.shell.leftCollapsed === false) await commands.execute('application:toggle-left-area');
        }"""
    )
    page.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'")
    view = run_all(opened)
    view.get_by_role("button", name="Approve").wait_for(timeout=120_000)
    assert view.evaluate("view => view.scrollWidth <= view.clientWidth + 1")
    assert view.evaluate("view => view.getBoundingClientRect().right <= innerWidth")
    assert view.evaluate("view => view.getAnimations({ subtree: true }).length") == 0
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run('.jwl', {resultTypes: ['violations'], runOnly: ['color-contrast']})")
    assert [each["nodes"][0]["html"] for each in found["violations"]] == []
    opened.cell(3).locator(".jp-InputPrompt").click()
    assert tab_to(page, "application")
    active = page.evaluate("() => window.jupyterapp.shell.currentWidget.content.activeCellIndex")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    view.locator(".jwl-details").get_by_text("read-2").first.wait_for()
    assert page.evaluate("() => window.jupyterapp.shell.currentWidget.content.activeCellIndex") == active
    assert tab_to(page, "TEXTAREA")
    page.keyboard.press("Control+a")
    page.keyboard.type('{"amount": 7}')
    assert tab_to(page, "BUTTON", "Approve with edits")
    page.keyboard.press("Enter")
    view.locator(".jwl-bar .jwl-pill", has_text="completed").wait_for(timeout=120_000)
    view.get_by_text('"amount": 7').first.wait_for()
    opened.shut_down()
    context.close()


def tab_to(page: Any, role: str, text: str = "") -> bool:
    """Presses Tab until the focus is on such an element of a view; whether it is."""
    for _ in range(80):
        page.keyboard.press("Tab")
        inside, found, words = page.evaluate(FOCUS)
        if inside and found == role and text in words:
            return True
    return False


@pytest.fixture(scope="module")
def converted(runtime_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page that nbconvert makes of an executed notebook."""
    folder = tmp_path_factory.mktemp("converted")
    waits = "run = review.start(2)\nwhile not run.pending_approvals():\n    time.sleep(0.05)\nrun"
    ended = "run.approve()\nrun.result(timeout=60)\nrun"
    done = run_cells([LOAD, STEPS, REVIEW, waits, ended], home=runtime_home, folder=folder)
    html, _ = HTMLExporter(template_name="lab").from_notebook_node(nbformat.from_dict(done))
    (folder / "page.html").write_text(html, encoding="utf-8")
    return folder / "page.html"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_nbconvert_shows_the_timeline_without_a_kernel(converted: Path, browser: Any, scripts: bool):
    context = browser.new_context(java_script_enabled=scripts, offline=True, viewport={"width": 1000, "height": 900})
    page = context.new_page()
    page.goto(converted.as_uri(), wait_until="domcontentloaded")
    waits, done = page.locator(".jp-OutputArea-output .jw").all()[-2:]
    for card in (waits, done):
        card.scroll_into_view_if_needed()
        assert card.bounding_box()["height"] > 100
        card.get_by_text("read-2").first.wait_for()
        assert card.locator("svg rect").first.bounding_box()["width"] > 0
    waits.get_by_text("running").first.wait_for()
    done.get_by_text("completed").first.wait_for()
    assert "Loading widget" not in page.content()
    context.close()
