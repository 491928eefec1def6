"""JupyterLab around notebooks: sidebar, pages, status, notifications, the way to a cell and back, the tour."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows.local.paths import Home
from jupyter_workflows.runs.audit.exporting import verify_file

from .lab import Notebook, execute
from .test_notebook import begin
from .test_output import SLOW, has_ended

pytestmark = pytest.mark.timeout(600)
SIDEBAR = "#jupyter-workflows-sidebar"
LAYOUT_SAVED = """async topic => {
    for (let tries = 0; tries < 300; tries++) {
        const { data } = await window.jupyterapp.serviceManager.workspaces.fetch('default');
        if (JSON.stringify(data['layout-restorer:data']?.main ?? '').includes(topic)) return true;
        await new Promise(resolve => setTimeout(resolve, 100));
    }
    return false;
}"""


def shown_id(view: Any) -> str:
    """The id of the run that a view shows."""
    return view.get_attribute("aria-label").removeprefix("Run ")


def saves_the_audit_trail(page: Any, home: Home) -> None:
    """The page of a run hands over a file that holds, and a report in which nothing of the run becomes markup."""
    saved: list[Path] = []
    for name in ("Audit file", "Report"):
        with page.expect_download(timeout=SLOW) as download:
            page.locator(".jwl-page").get_by_role("button", name=name, exact=True).click()
        saved.append(download.value.path())
    verdict = verify_file(saved[0], home.keys)
    assert (verdict.problems, verdict.holds, verdict.acts) == ([], True, 2)
    report = saved[1].read_text("utf-8")
    assert "Pay &lt;script&gt;" in report
    assert "<script" not in report


def test_the_sidebar_counts_and_decides_and_opens_pages_that_come_back(notebook: Callable[..., Notebook], home: Home):
    opened = begin(notebook)
    page = opened.page
    opened.view(3).get_by_role("button", name="Approve").wait_for(timeout=SLOW)
    number = shown_id(opened.view(3))
    page.locator(".jp-SideBar .lm-TabBar-tab[data-jwl-waiting]").wait_for()
    # By keyboard alone: the shortcut, then tab by tab to the button.
    page.keyboard.press("Control+Alt+w")
    page.locator(f"{SIDEBAR} :focus").wait_for()
    card = page.locator(f"{SIDEBAR} .jwl-approval", has=page.locator(f"[title*='{number}']"))
    card = card if card.count() else page.locator(f"{SIDEBAR} .jwl-approval").last
    card.get_by_role("button", name="Approve").focus()
    page.keyboard.press("Enter")
    row = page.locator(f"{SIDEBAR} tr", has_text=number)
    row.get_by_text("completed").wait_for(timeout=SLOW)
    has_ended(opened.view(3))

    page.locator(f"{SIDEBAR} input[type=search]").fill(number)
    page.get_by_role("button", name=number).focus()
    page.keyboard.press("Enter")
    has_ended(page.locator(".jwl-page"))
    saves_the_audit_trail(page, home)
    # The layout is saved a moment after it changed; then the page is loaded anew, with its layout.
    assert page.evaluate(LAYOUT_SAVED, f"run:{number}")
    page.goto(f"{opened.address}/lab?token=test")
    page.locator(".lm-DockPanel .lm-TabBar-tab", has_text=number).click(timeout=SLOW)
    has_ended(page.locator(".jwl-page"))


def test_a_step_leads_to_its_cell_and_a_cell_to_its_runs(notebook: Callable[..., Notebook]):
    opened = begin(notebook)
    page = opened.page
    opened.view(3).get_by_role("button", name="Approve").wait_for(timeout=SLOW)
    number = shown_id(opened.view(3))
    opened.view(3).get_by_role("button", name="Open", exact=True).click()
    run = page.locator(".jwl-page")
    run.get_by_role("button", name="Table").click()
    run.get_by_role("row", name=re.compile("read-2")).click()
    place = run.locator(".jwl-details").get_by_role("button", name=re.compile(r"cell \[2\]"))
    place.click()
    page.locator(".jp-Cell.jwl-flash[data-windowed-list-index='1'] .jwl-flash-line").wait_for()

    # The notebook is opened where it was closed.
    opened.save()
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    page.evaluate("() => window.jupyterapp.shell.currentWidget.dispose()")
    place.click()
    page.locator(".jp-Cell.jwl-flash[data-windowed-list-index='1']").wait_for(timeout=SLOW)

    page.locator(".jp-Cell[data-windowed-list-index='2'] .jp-InputArea").click(button="right")
    page.get_by_role("menuitem", name="Show the Runs of This Cell").click()
    page.locator(".jwl-page tr", has_text=number).wait_for()


def test_news_come_once_and_the_status_tells_of_the_workers(notebook: Callable[..., Notebook]):
    opened = begin(notebook)
    page = opened.page
    opened.view(3).get_by_role("button", name="Approve").wait_for(timeout=SLOW)
    execute(page, "apputils:display-notifications")
    told = page.locator(".jp-Notification-Center").get_by_text("review waits: Pay")
    told.first.wait_for()
    assert told.count() == 1
    page.keyboard.press("Escape")

    page.locator(".jwl-status-button", has_text="worker").click()
    popup = page.locator(".jwl-popup")
    popup.get_by_text("connected").wait_for()
    popup.get_by_text(opened.path.name).wait_for()

    # What waited before the page was loaded is no news.
    opened.open()
    page.locator(".jp-SideBar .lm-TabBar-tab[data-jwl-waiting]").wait_for()
    execute(page, "apputils:display-notifications")
    assert told.count() == 0


def test_the_launcher_copies_the_tour_and_overwrites_nothing(lab: tuple[str, Path], page: Any):
    address, folder = lab
    for name in ("workflow-tour.ipynb", "workflow-tour-2.ipynb"):
        page.goto(f"{address}/lab?reset&token=test")
        page.locator(".jp-LauncherCard", has_text="Workflow tour").click(timeout=SLOW)
        page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for(timeout=SLOW)
        page.locator(".lm-TabBar-tab", has_text=name).first.wait_for()
        cells = json.loads((folder / name).read_text())["cells"]
        assert any("%load_ext jupyter_workflows" in "".join(cell["source"]) for cell in cells)
    page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
