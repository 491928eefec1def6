"""Two runs side by side on a run's page: a fork with the run it was forked from, and any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ..kernels import run_cells
from .lab import LOAD_SECONDS, execute
from .test_components import AXE
from .test_output import SLOW
from .test_toolbars import PAGE, SERIOUS

pytestmark = pytest.mark.timeout(300)

CELLS = (
    "%load_ext jupyter_workflows\nfrom jupyter_workflows import activity, workflow",
    """%%workflow
@activity
def read_side(name: str) -> str:
    return f"text of {name}"

@activity
def answer_side(model: str, text: str) -> dict:
    return {"by": model, "words": "<img src=x onerror=window.pwned=1>" if model == "small" else "Apache-2.0"}

@workflow
async def side_by_side(name: str, model: str = "large") -> dict:
    return await answer_side(model, await read_side(name))
""",
    "run = side_by_side.start('ours')\nrun.result(timeout=60)\nfork = run.fork(model='small')\nfork.result(timeout=60)",
    "print(run.id, fork.id)",
)


def test_a_fork_is_compared_with_what_it_was_forked_from(lab: tuple[str, Path], page: Any, runtime_home: Path):
    cells = run_cells(CELLS, home=runtime_home, folder=lab[1]).cells
    run, fork = cells[-1].outputs[-1].text.split()
    page.goto(f"{lab[0]}/lab?reset&token=test")
    page.wait_for_function(
        "() => window.jupyterapp?.commands.hasCommand('jupyter-workflows:open-run')", timeout=LOAD_SECONDS * 1000
    )
    execute(page, "jupyter-workflows:open-run", id=fork)
    shown = page.locator(PAGE)
    shown.get_by_role("button", name="Compare with the run it was forked from").press("Enter", timeout=SLOW)
    found = shown.get_by_role("region", name="Comparison")
    sides = found.get_by_role("columnheader")
    sides.filter(has_text="A").get_by_text(run, exact=True).wait_for()
    sides.filter(has_text="B").get_by_text(fork, exact=True).wait_for()
    found.get_by_text("2 steps, 1 of them kept").wait_for()
    steps = found.locator("details")
    assert [step.get_attribute("open") is not None for step in steps.all()] == [False, True]
    steps.last.locator("del", has_text="Apache-2.0").wait_for()
    steps.last.locator("ins", has_text="<img src=x onerror=window.pwned=1>").wait_for()
    assert page.evaluate("() => window.pwned") is None
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate(SERIOUS, ".jwl-comparison") == []
    page.set_viewport_size({"width": 480, "height": 900})
    assert not shown.evaluate("node => node.scrollWidth > node.clientWidth + 1")
    page.set_viewport_size({"width": 1280, "height": 900})
    found.get_by_role("button", name="Close the comparison").click()
    found.wait_for(state="detached")

    execute(page, "jupyter-workflows:open-run", id=run)
    shown.get_by_role("button", name="Compare…").press("Enter", timeout=SLOW)
    # The newest fork is offered.
    page.wait_for_function("id => document.activeElement.querySelector('input')?.value === id", arg=fork)
    shown.get_by_label("Id of the other run").fill(run)
    page.keyboard.press("Enter")
    shown.get_by_role("alert").get_by_text("can't be compared with itself").wait_for()
    shown.get_by_label("Id of the other run").fill(fork)
    page.keyboard.press("Enter")
    found.get_by_text("another output").wait_for()
    shown.get_by_role("button", name="Compare…").and_(page.locator(":focus")).wait_for()
