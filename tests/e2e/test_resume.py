"""Resuming and forking by button, in both hosts: the kernel's own view, and JupyterLab's, fed by the Jupyter server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .lab import Notebook

pytestmark = pytest.mark.timeout(600)

LOAD = """%load_ext jupyter_workflows
from jupyter_workflows import RetryPolicy, activity, workflow
ONCE = RetryPolicy(max_attempts=1)
LOG = "effects.txt"
def effect(line: str) -> None:
    with open(LOG, "a") as file:
        file.write(line + " ")
"""
STEPS = "".join(
    f"@activity(retry=ONCE)\nasync def step_{n}(value: int) -> int:\n    effect('{n}')\n    return value + 1\n"
    for n in (1, 2, 4)
)
BUGGY = "@activity(retry=ONCE)\nasync def step_3(value: int) -> int:\n    effect('3')\n    return value / {by}\n"
FLOW = """%%workflow
async def flow(start: int) -> float:
    value = await step_1(start)
    value = await step_2(value)
    value = await step_3(value)
    return await step_4(value)
"""


@pytest.mark.parametrize("host", ["bare_notebook", "notebook"])
def test_failed_run_is_resumed_by_button_after_the_plan_was_shown(host: str, request: pytest.FixtureRequest):
    notebook: Callable[..., Notebook] = request.getfixturevalue(host)
    buggy, fixed = BUGGY.format(by="0"), BUGGY.format(by="1").replace("/", "*")
    opened = notebook(LOAD, STEPS, buggy, FLOW, "run = flow.start(0)\nrun", fixed, FLOW, "print(open(LOG).read())")
    for index in range(5):
        opened.run(index)
    view = opened.view(4)
    view.locator(".jwl-bar .jwl-pill", has_text="failed").first.wait_for(timeout=120_000)
    opened.run(5)
    opened.run(6)
    view.get_by_role("button", name="Resume…").click()
    view.get_by_text("kept: 2 steps").wait_for(timeout=60_000)
    view.get_by_role("button", name="Yes, resume").click()
    view.locator(".jwl-nested .jwl-bar .jwl-pill", has_text="completed").wait_for(timeout=120_000)
    opened.run(7)
    opened.cell(7).get_by_text("1 2 3 3 4").wait_for(timeout=60_000)


@pytest.mark.parametrize("host", ["bare_notebook", "notebook"])
def test_run_is_forked_by_button_with_another_argument(host: str, request: pytest.FixtureRequest):
    notebook: Callable[..., Notebook] = request.getfixturevalue(host)
    opened = notebook(LOAD, STEPS, BUGGY.format(by="2"), FLOW, "run = flow.start(0)\nrun", "print(open(LOG).read())")
    for index in range(5):
        opened.run(index)
    view = opened.view(4)
    view.locator(".jwl-bar .jwl-pill", has_text="completed").first.wait_for(timeout=120_000)
    view.get_by_role("button", name="Fork…").click()
    view.get_by_text("would keep everything").wait_for(timeout=60_000)
    view.get_by_label("Other arguments, as JSON").fill('{"start": 10}')
    view.get_by_role("button", name="Look again").click()
    view.get_by_text("Changed: start").wait_for(timeout=60_000)
    view.get_by_role("button", name="Yes, fork").click()
    nested = view.locator(".jwl-nested")
    nested.locator(".jwl-bar .jwl-pill", has_text="completed").wait_for(timeout=120_000)
    nested.locator(".jwl-branches").get_by_text("forked from").wait_for(timeout=60_000)
    view.locator(".jwl-branches", has_text="forks:").first.wait_for(timeout=60_000)
    opened.run(5)
    opened.cell(5).get_by_text("1 2 3 4 1 2 3 4").wait_for(timeout=60_000)


def test_button_in_jupyterlab_takes_the_cells_as_they_were_last_run(notebook: Callable[..., Notebook]):
    buggy, fixed = BUGGY.format(by="0"), BUGGY.format(by="1").replace("/", "*")
    opened = notebook(LOAD, STEPS, buggy, FLOW, "run = flow.start(0)\nrun", fixed, "print(open(LOG).read())")
    for index in range(5):
        opened.run(index)
    view = opened.view(4)
    view.locator(".jwl-bar .jwl-pill", has_text="failed").first.wait_for(timeout=120_000)
    opened.run(5)
    view.get_by_role("button", name="Resume…").click()
    view.get_by_text("that of the notebook's cells as they were last run").wait_for(timeout=60_000)
    view.get_by_role("button", name="Yes, resume").click()
    view.locator(".jwl-nested .jwl-bar .jwl-pill", has_text="completed").wait_for(timeout=120_000)
    opened.run(6)
    opened.cell(6).get_by_text("1 2 3 3 4").wait_for(timeout=60_000)
    assert opened.cell(6).locator(".jp-InputPrompt").inner_text() == "[7]:", "asking the kernel counted no cell"
