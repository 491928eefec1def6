"""Roll back by a button, in both hosts: the effects are listed first, then undone, and both runs show it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .lab import Notebook
from .test_output import SLOW, has_ended

pytestmark = pytest.mark.timeout(600)
LOAD = "%load_ext jupyter_workflows\nimport json\nfrom jupyter_workflows import activity, get_run, workflow"
STEPS = """
LOG = {log!r}
def note(**line):
    with open(LOG, "a") as file:
        file.write(json.dumps(line) + "\\n")

def release(output: str, key: str) -> None:
    note(undone=output, key=key)

@activity(compensate=release)
def reserve(what: str) -> str:
    note(done=what)
    return what
"""
TRIP = """%%workflow
async def trip(things: list[str], fails: bool = False) -> list:
    found = [await reserve(thing) for thing in things]
    if fails:
        raise RuntimeError("no seat left")
    return found
"""
THINGS = '["flight", "<img src=x onerror=window.pwned=1>", "room"]'


def undone(log: Path) -> list[str]:
    """What was undone, in that order; each by a key of its own."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    found = [line for line in lines if "undone" in line]
    assert len({line["key"] for line in found}) == len(found)
    return [line["undone"] for line in found]


def begin(opening: Callable[..., Notebook], log: Path, start: str) -> Notebook:
    opened = opening(LOAD, STEPS.replace("{log!r}", repr(str(log))), TRIP, start, "get_run(run.id)")
    for index in range(4):
        opened.run(index)
    return opened


@pytest.mark.parametrize("host", ["notebook", "bare_notebook"])
def test_finished_run_is_undone_by_a_button_that_lists_its_effects_first(
    host: str, request: pytest.FixtureRequest, tmp_path: Path
):
    log = tmp_path / "effects.log"
    opened = begin(request.getfixturevalue(host), log, f"run = trip.start({THINGS})\nrun")
    view = opened.view(3)
    has_ended(view)
    view.get_by_role("button", name="Roll back…").click()
    asked = view.get_by_role("form", name="Roll this run back?")
    asked.get_by_text("3 effects: 3 can be undone").wait_for()
    assert asked.locator("li").all_inner_texts() == [f"reserve-{n}\ncan be undone by release" for n in (1, 2, 3)]
    assert undone(log) == []
    asked.get_by_label("reason").fill("the trip is off")
    asked.get_by_role("button", name="Undo 3 effects").click()

    undoing = view.locator(".jwl-nested .jwl")
    has_ended(undoing)
    undoing.get_by_text("Rolled back as asked").wait_for(timeout=SLOW)
    undoing.get_by_text("the trip is off").first.wait_for()
    undoing.get_by_text("3 effects: 3 undone").wait_for()
    assert undone(log) == ["room", "<img src=x onerror=window.pwned=1>", "flight"]
    assert opened.page.evaluate("() => window.pwned") is None
    # Whoever looks at the first run from now on sees it too.
    opened.run(4)
    again = opened.view(4)
    again.wait_for(timeout=SLOW)
    again.get_by_text("3 effects: 3 undone").wait_for(timeout=SLOW)
    assert again.get_by_role("button", name="Roll back…").count() == 0
    again.get_by_role("button", name="Show the run that undid it").click()
    again.locator(".jwl-nested .jwl").get_by_text("Rolled back as asked").wait_for(timeout=SLOW)


@pytest.mark.parametrize("host", ["notebook", "bare_notebook"])
def test_failed_run_shows_what_it_has_undone(host: str, request: pytest.FixtureRequest, tmp_path: Path):
    log = tmp_path / "effects.log"
    opened = begin(request.getfixturevalue(host), log, f"run = trip.start({THINGS}, fails=True)\nrun")
    view = opened.view(3)
    has_ended(view, "failed")
    view.get_by_text("Rolled back because it failed").wait_for(timeout=SLOW)
    view.get_by_text("3 effects: 3 undone").wait_for()
    assert view.get_by_role("button", name="Roll back…").count() == 0
    view.get_by_role("button", name="Table").click()
    view.get_by_role("row", name="undo:reserve-3").click()
    view.get_by_text("Undoes reserve-3").wait_for()
    assert undone(log) == ["room", "<img src=x onerror=window.pwned=1>", "flight"]


def test_static_picture_says_what_was_undone(bare_notebook: Callable[..., Notebook], tmp_path: Path):
    log = tmp_path / "effects.log"
    cell = (
        f"run = trip.start({THINGS}, fails=True)\nrun.wait_for('end', timeout=60)\n"
        "print(run._repr_mimebundle_()['text/plain'])"
    )
    opened = begin(bare_notebook, log, cell)
    said: Any = opened.cell(3).locator(".jp-OutputArea-output").first
    said.get_by_text("rolled back because it failed").wait_for(timeout=SLOW)
    assert "↶ reserve-2: undone by release" in said.inner_text()
