"""Runs in a real notebook: JupyterLab without our extension, fed by the kernel through anywidget."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from .lab import Notebook

pytestmark = pytest.mark.timeout(600)

LOAD = "%load_ext jupyter_workflows\nfrom jupyter_workflows import human_approval, inbox, workflow\nimport time"
STEPS = """
async def read(page: int) -> str:
    time.sleep(0.2)
    return f"<img src=x onerror=window.pwned=1> page {page}"

async def file_it(text: str) -> str:
    return "filed"
"""
REVIEW = """%%workflow
async def review(pages: int) -> dict:
    texts = [await read(page) for page in range(pages)]
    answer = await human_approval("Pay <script>window.pwned=1</script> **ACME**?", editable={"amount": 10})
    done = await file_it(texts[0])
    return {"approved": bool(answer), "value": answer.value, "done": done}
"""
START = "run = review.start(2)\nrun"
# The cell never gives the main thread back; the run goes on all the same.
SLEEP = """for _ in range(3000):
    time.sleep(0.1)
    if run.status != 'running':
        break
print('run', run.status)"""
LOOP = """end = time.time() + 240
while time.time() < end and run.status == 'running':
    sum(range(200_000))
print('run', run.status)"""


def begin(notebook: Callable[..., Notebook], *more: str) -> Notebook:
    opened = notebook(LOAD, STEPS, REVIEW, START, *more)
    for index in range(4):
        opened.run(index)
    return opened


@pytest.mark.parametrize("blocking", [SLEEP, LOOP], ids=["sleeping", "computing"])
def test_a_click_approves_with_an_edit_while_a_cell_blocks(bare_notebook: Callable[..., Notebook], blocking: str):
    opened = begin(bare_notebook, blocking)
    view = opened.view(3)
    opened.run(4, wait=False)
    approve = view.get_by_role("button", name="Approve")
    approve.wait_for(timeout=120_000)
    assert opened.is_busy(4)
    view.get_by_label("Value, as you approve it").fill('{"amount": 7}')
    view.get_by_role("button", name="Approve with edits").click()
    view.locator(".jwl-bar .jwl-pill", has_text="completed").wait_for(timeout=120_000)
    view.get_by_text('"amount": 7').first.wait_for()
    opened.cell(4).get_by_text("run completed").wait_for(timeout=120_000)
    assert opened.page.evaluate("() => window.pwned") is None


def test_the_saved_notebook_shows_the_final_picture_without_a_kernel(bare_notebook: Callable[..., Notebook], bare_lab):
    opened = begin(bare_notebook, "run.approve()\nrun.result(timeout=120)")
    opened.view(3).get_by_role("button", name="Approve").wait_for(timeout=120_000)
    opened.run(4)
    opened.view(3).locator(".jwl-bar .jwl-pill", has_text="completed").wait_for(timeout=120_000)
    opened.page.wait_for_function(
        """() => {
            const cell = window.jupyterapp.shell.currentWidget.content.widgets[3];
            return JSON.stringify(cell.model.toJSON().outputs).includes('>completed<');
        }""",
        timeout=60_000,
    )
    opened.save()
    path = next(bare_lab[1].glob("test_the_saved*.ipynb"))
    opened.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    data = json.loads(path.read_text())["cells"][3]["outputs"][0]["data"]
    html = "".join(data["text/html"])
    assert "completed" in html
    assert "<img" not in html
    assert "<script" not in html
    assert data["application/vnd.jupyter-workflows.run+json"]["id"].startswith("review-")


def test_the_inbox_decides_and_empties_itself(bare_notebook: Callable[..., Notebook]):
    opened = begin(bare_notebook, "inbox()")
    opened.view(3).get_by_role("button", name="Approve").wait_for(timeout=120_000)
    opened.run(4)
    box = opened.view(4)
    box.get_by_role("button", name="Reject").first.click()
    box.get_by_text("nothing waits for a decision").wait_for(timeout=120_000)
    opened.view(3).locator(".jwl-bar .jwl-pill", has_text="completed").wait_for(timeout=120_000)
