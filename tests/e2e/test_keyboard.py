"""What opens by a button is used and closed by keys alone, and the keyboard is back where it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows.live.feed import Telling

from ..kernels import run_cells
from . import stories
from .bare_page import BarePage, PageServer, bare_page_server
from .lab import LOAD_SECONDS, execute
from .test_toolbars import PAGE

pytestmark = pytest.mark.timeout(300)

FOCUSED = "() => { const it = document.activeElement; return it.ariaLabel || it.textContent.trim(); }"
PLAN = "Run contract_review-7f3a goes on from step read_terms-2\n  kept: 1 step\n    ✓ fetch_contract-1  completed"
CELLS = (
    "%load_ext jupyter_workflows",
    "%%workflow\nasync def keyed_by_hand(number: int) -> int:\n    '''Gives a number back.'''\n    return number",
    "keyed_by_hand.bundle()",
)


@pytest.fixture(scope="module")
def server(browser: Any) -> Iterator[PageServer]:
    with bare_page_server() as server:
        yield server


def shown(page: Any, server: PageServer, tellings: Sequence[Telling]) -> BarePage:
    bare = BarePage(page, server.address)
    bare.show("run", stories.TOPIC, tellings).wait_for()
    return bare


def is_focused(page: Any, words: str) -> None:
    page.wait_for_function(f"words => ({FOCUSED})().startsWith(words)", arg=words)


def pressed(page: Any, name: str) -> None:
    page.get_by_role("button", name=name).focus()
    page.keyboard.press("Enter")


@pytest.mark.parametrize(("kind", "name", "question"), [
    ("resume", "Resume…", "Resume this run?"),
    ("fork", "Fork…", "Run another branch beside this run?"),
])  # fmt: skip
def test_a_plan_is_read_and_left_by_keys(page: Any, server: PageServer, kind: str, name: str, question: str):
    bare = shown(page, server, stories.failed_run())
    for leave in ("Escape", "No"):
        pressed(page, name)
        bare.answer(kind, plan=PLAN, runs=[])
        page.get_by_text("✓ fetch_contract-1").wait_for()
        is_focused(page, question)
        if leave == "No":
            pressed(page, "No")
        else:
            page.keyboard.press(leave)
        is_focused(page, name)
        page.evaluate("() => { window.sent.length = 0; }")
    pressed(page, name)
    bare.answer(kind, error="the code disagrees", plan=None, runs=[])
    page.get_by_role("alert").get_by_text("the code disagrees").wait_for()


def test_a_rollback_a_cancellation_and_details_are_left_by_escape(page: Any, server: PageServer):
    shown(page, server, stories.undoable_run())
    pressed(page, "Roll back…")
    is_focused(page, "Roll this run back?")
    page.keyboard.press("Tab")
    page.keyboard.type("by mistake")
    page.keyboard.press("Escape")
    is_focused(page, "Roll back…")
    page.get_by_label("Steps over time").focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("button", name="Close the details").focus()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Close the details").wait_for(state="detached")
    is_focused(page, "Steps over time")
    shown(page, server, stories.waiting_run())
    pressed(page, "Cancel run")
    is_focused(page, "Yes, cancel")
    page.keyboard.press("Escape")
    is_focused(page, "Cancel run")


def test_a_workflow_is_chosen_and_the_status_looked_at_by_keys(
    lab: tuple[str, Path], page: Any, runtime_home: Path, nothing_waits: None
):
    run_cells(CELLS, home=runtime_home, folder=lab[1])
    page.goto(f"{lab[0]}/lab?reset&token=test")
    page.wait_for_function(
        "() => window.jupyterapp?.commands.hasCommand('jupyter-workflows:open-workflow')", timeout=LOAD_SECONDS * 1000
    )
    execute(page, "jupyter-workflows:open-workflow")
    page.locator(".jp-Dialog select:focus").wait_for()
    page.keyboard.press("Escape")
    page.locator(".jp-Dialog").wait_for(state="detached")
    execute(page, "jupyter-workflows:open-workflow")
    page.locator(".jp-Dialog select:focus").wait_for()
    assert page.locator(".jp-Dialog optgroup").last.get_attribute("label").startswith("From notebooks")
    page.keyboard.type("keyed_by_hand")
    page.keyboard.press("Enter")
    page.locator(PAGE).get_by_label("Number").wait_for()

    page.locator(".jwl-status-button").focus()
    page.keyboard.press("Enter")
    page.locator(".jwl-popup:focus").get_by_text("connected").wait_for()
    page.keyboard.press("Escape")
    page.locator(".jwl-popup").wait_for(state="detached")
    page.locator(".jwl-status-button:focus").wait_for()

    execute(page, "jupyter-workflows:open-run", id="not-there-at-all")
    page.locator(PAGE).get_by_text("knows no run 'not-there-at-all'").wait_for()
    page.locator(PAGE).get_by_role("button", name="Show the runs there are").press("Enter")
    page.locator(PAGE).get_by_role("region", name="Runs").wait_for()
