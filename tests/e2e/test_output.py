"""Outputs in notebooks of a JupyterLab with our extension: live from the Jupyter server, whatever the kernel does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .lab import Notebook, write_notebook
from .test_notebook import begin

pytestmark = pytest.mark.timeout(600)
SLOW = 120_000


def has_ended(view: Any, status: str = "completed") -> None:
    view.locator(".jwl-bar .jwl-pill", has_text=status).first.wait_for(timeout=SLOW)


def test_a_run_outlives_kernel_and_page_and_two_pages_see_the_decision(notebook: Callable[..., Notebook], browser: Any):
    opened = begin(notebook)
    view = opened.view(3)
    view.get_by_role("button", name="Approve").wait_for(timeout=SLOW)
    opened.save()
    opened.restart_kernel()
    view.get_by_role("button", name="Approve").wait_for()

    context = browser.new_context(viewport={"width": 1280, "height": 900})
    other = Notebook(context.new_page(), opened.address, opened.path)
    opened.open(idle=False)
    for each in (opened, other):
        each.view(3).get_by_role("button", name="Approve").wait_for(timeout=SLOW)
    opened.view(3).get_by_label("Value, as you approve it").fill('{"amount": 7}')
    opened.view(3).get_by_role("button", name="Approve with edits").click()
    for each in (opened, other):
        has_ended(each.view(3))
        each.view(3).get_by_text('"amount": 7').first.wait_for()
    context.close()


def test_a_workflow_starts_from_its_card_without_a_kernel(notebook: Callable[..., Notebook]):
    opened = begin(notebook)
    card = opened.view(2)
    opened.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    opened.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.sessionContext.session")
    card.get_by_role("button", name="Start").click()
    card.get_by_text("1 field needs a look").wait_for()
    card.get_by_label("Pages").fill("1")
    card.get_by_role("button", name="Start").click()
    run = card.locator(".jwl-nested")
    run.get_by_role("button", name="Approve").click(timeout=SLOW)
    has_ended(run)
    run.get_by_text('"approved": true').first.wait_for()


def test_lists_are_live_and_decide(notebook: Callable[..., Notebook]):
    opened = begin(notebook, "from jupyter_workflows import runs\nruns(notebook=run.describe().notebook)", "inbox()")
    opened.view(3).get_by_role("button", name="Approve").wait_for(timeout=SLOW)
    for index in (4, 5):
        opened.run(index)
    number = opened.view(3).locator(".jwl-mono").nth(1).text_content()
    box = opened.view(5)
    mine = box.locator(".jwl-approval").last
    mine.get_by_role("button", name="Reject").click()
    row = opened.view(4).locator("tr", has_text=number)
    row.get_by_text("completed").wait_for(timeout=SLOW)


UNKNOWN = {
    "text/plain": "a run",
    "text/html": "<p>the picture that was saved</p>",
    "application/vnd.jupyter-workflows.run+json": {"id": "nobody-knows", "run_id": "", "namespace": "default"},
}


def test_what_was_saved_is_shown_where_the_server_knows_no_such_run(lab: tuple[str, Path], page: Any):
    address, folder = lab
    path = write_notebook(folder / "unknown.ipynb", ["1"])
    data = json.loads(path.read_text())
    data["cells"][0]["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": UNKNOWN}]
    path.write_text(json.dumps(data))
    page.goto(f"{address}/lab/tree/{path.name}?reset&token=test")
    page.get_by_text("the picture that was saved").wait_for(timeout=SLOW)
