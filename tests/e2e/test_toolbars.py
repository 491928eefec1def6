"""JupyterLab's toolbars, pages and notifications about runs that fail; all of it for everybody's eyes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .lab import Notebook, execute
from .test_components import AXE
from .test_output import SLOW, has_ended

pytestmark = pytest.mark.timeout(600)

LOAD = "%load_ext jupyter_workflows\nfrom jupyter_workflows import RetryPolicy, activity, workflow"
STEP = """@activity(retry=RetryPolicy(max_attempts=1))
async def halve(number: int) -> float:
    return 10 / number"""
WORKFLOW = "%%workflow\nasync def halving(number: int) -> float:\n    return await halve(number)"
START = "run = halving.start(0)\nrun"
PAGE = ".jwl-page:visible"
SERIOUS = """async selector => {
    const found = await axe.run(selector, { resultTypes: ['violations'] });
    return found.violations.filter(each => ['serious', 'critical'].includes(each.impact))
        .map(each => [each.id, each.nodes.map(node => node.html.slice(0, 160))]);
}"""


def test_a_failed_run_is_told_and_found_from_the_toolbars_and_counted(notebook: Callable[..., Notebook]):
    opened = notebook(LOAD, STEP, WORKFLOW, START)
    page = opened.page
    # What happened before the page listened is no news.
    page.locator(
        "#jupyter-workflows-sidebar, .jp-SideBar .lm-TabBar-tab[data-id='jupyter-workflows-sidebar']"
    ).first.wait_for(state="attached")
    for index in range(4):
        opened.run(index)
    view = opened.view(3)
    has_ended(view, "failed")
    view.get_by_text("division by zero").first.wait_for()
    number = view.get_attribute("aria-label").removeprefix("Run ")
    execute(page, "apputils:display-notifications")
    told = page.locator(".jp-Notification-Center").get_by_text(f"halving failed ({number})")
    told.wait_for(timeout=SLOW)
    page.keyboard.press("Escape")

    page.locator(".jp-NotebookPanel-toolbar [data-jp-item-name='jupyter-workflows']").click()
    page.locator(PAGE).locator("tr", has_text=number).wait_for()
    back(page, opened)
    opened.cell(2).locator(".jp-InputArea").click()
    opened.cell(2).locator("[data-jp-item-name='jupyter-workflows-runs']").click()
    page.locator(PAGE).locator("tr", has_text=number).wait_for()
    back(page, opened)
    opened.cell(2).locator("[data-jp-item-name='jupyter-workflows-start']").click()
    page.locator(PAGE).get_by_label("Number").fill("0")
    page.locator(PAGE).get_by_role("button", name="Start").click()
    has_ended(page.locator(PAGE).locator(".jwl-nested"), "failed")

    execute(page, "jupyter-workflows:open-dashboard")
    page.locator(PAGE).get_by_text("closed run").first.wait_for(timeout=SLOW)
    page.locator(PAGE).get_by_text("ZeroDivisionError").first.wait_for()
    execute(page, "jupyter-workflows:show-sidebar")
    page.locator("#jupyter-workflows-sidebar tr", has_text=number).wait_for()
    page.locator(".jwl-status-button").first.click()
    page.locator(".jwl-popup:focus").get_by_text("connected").wait_for()
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
        dark = str(theme == "JupyterLab Dark").lower()
        page.wait_for_function(f"() => document.body.dataset.jpThemeLight !== '{dark}'")
        for part in (PAGE.removesuffix(":visible") + " .jwl", "#jupyter-workflows-sidebar", ".jwl-popup"):
            assert page.evaluate(SERIOUS, part) == [], (theme, part)
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Light' })")


def back(page: Any, opened: Notebook) -> None:
    """Returns to the notebook."""
    page.locator(".lm-DockPanel .lm-TabBar-tab", has_text=opened.path.name).first.click()
    opened.cell(2).wait_for()
