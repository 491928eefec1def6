"""Days of a run in JupyterLab with our extension: watched, decided, left alone, come back to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows.local import runtime as local_runtime

from ..conftest import temporary_home
from .lab import Notebook, jupyter_lab, write_notebook
from .test_hosts import CELLS, approve_with_edit, run_all
from .test_notebook import LOAD, LOOP, SLEEP, begin

pytestmark = pytest.mark.timeout(600)

GATED_STEPS = """
from pathlib import Path

async def read(page: int, gates: str) -> str:
    "Waits until the test lets it go on."
    while not Path(gates, str(page)).exists():
        time.sleep(0.05)
    return f"page {page}"
"""
GATED = """%%workflow
async def review(gates: str, pages: int = 3) -> dict:
    texts = [await read(page, gates) for page in range(pages)]
    answer = await human_approval("Pay **ACME**?", editable={"amount": 10})
    return {"pages": len(texts), "paid": answer.value}
"""


def test_the_tour_by_hand(notebook: Callable[..., Notebook], tmp_path: Path):
    gates = tmp_path / "gates"
    gates.mkdir()
    start = f"run = review.start({str(gates)!r})\nrun"
    opened = notebook(LOAD, GATED_STEPS, GATED, start, "run.result(timeout=60)")
    view = run_all(opened, 4)
    for page in range(3):
        words = "1 step" if page == 0 else f"{page + 1} steps"
        view.locator(".jwl-tools").get_by_text(words, exact=True).wait_for(timeout=60_000)
        # A timeline out of sight is not drawn.
        view.locator(".jwl-timeline-box").scroll_into_view_if_needed()
        view.locator(f".jwl-timeline-box[data-painted='{page + 1}']").wait_for()
        (gates / str(page)).touch()
    approve_with_edit(view)
    view.get_by_text("with 1 edit").first.wait_for(state="attached")
    opened.run(4)
    opened.cell(4).get_by_text("{'pages': 3, 'paid': {'amount': 7}}").wait_for()


@pytest.mark.parametrize("blocking", [SLEEP, LOOP], ids=["sleeping", "computing"])
def test_a_click_approves_while_a_cell_blocks(notebook: Callable[..., Notebook], blocking: str):
    opened = begin(notebook, blocking)
    opened.run(4, wait=False)
    approve_with_edit(opened.view(3))
    opened.cell(4).get_by_text("run completed").wait_for(timeout=120_000)


def test_a_run_outlives_kernel_and_page(notebook: Callable[..., Notebook]):
    opened = begin(notebook)
    opened.view(3).get_by_role("button", name="Approve").wait_for(timeout=120_000)
    opened.save()
    opened.restart_kernel()
    opened.open()
    approve_with_edit(opened.view(3))


def test_a_page_that_is_loaded_anew_while_a_cell_blocks_shows_the_run(notebook: Callable[..., Notebook]):
    opened = begin(notebook, SLEEP)
    opened.view(3).get_by_role("button", name="Approve").wait_for(timeout=120_000)
    opened.save()
    opened.run(4, wait=False)
    opened.open(idle=False)
    approve_with_edit(opened.view(3))


def test_a_second_browser_sees_the_decision(notebook: Callable[..., Notebook], browser: Any):
    opened = begin(notebook)
    opened.view(3).get_by_role("button", name="Approve").wait_for(timeout=120_000)
    opened.save()
    opened.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    other = Notebook(context.new_page(), opened.address, opened.path)
    watched = other.view(3)
    watched.get_by_role("button", name="Approve").wait_for(timeout=120_000)
    approve_with_edit(opened.view(3))
    watched.locator(".jwl-bar .jwl-pill", has_text="completed").wait_for(timeout=60_000)
    assert watched.get_by_role("button", name="Approve").count() == 0
    watched.locator(".jwl-decided summary").click()
    watched.get_by_text("with 1 edit").wait_for()
    context.close()


def test_the_notebook_of_yesterday_shows_the_run_live(browser: Any, tmp_path: Path):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    path = write_notebook(folder / "yesterday.ipynb", CELLS)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    with temporary_home(tmp_path / "home") as home:
        with jupyter_lab(home.data, folder) as address:
            opened = Notebook(page, address, path)
            run_all(opened).get_by_role("button", name="Approve").wait_for(timeout=120_000)
            opened.save()
            page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
        local_runtime.down(home)
        with jupyter_lab(home.data, folder) as address:
            approve_with_edit(Notebook(page, address, path).view(3))
    context.close()
