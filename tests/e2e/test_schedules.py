"""The page of schedules in JupyterLab: seen, paused, run now, given other times and deleted by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows.local.paths import Home
from jupyter_workflows.scheduling.handle import Schedule, Wish, scheduled
from jupyter_workflows.scheduling.times import Times
from jupyter_workflows.session import Session, use

from ..conftest import eventually
from ..kernels import run_cells
from .lab import LOAD_SECONDS, execute
from .test_components import AXE
from .test_output import SLOW
from .test_toolbars import PAGE, SERIOUS

pytestmark = pytest.mark.timeout(600)

CELLS = (
    "%load_ext jupyter_workflows\nfrom jupyter_workflows import activity",
    "@activity\ndef read(feed: str) -> str:\n    return f'read {feed}'",
    "%%workflow\nasync def poll(feed: str) -> str:\n    return await read(feed)",
    "poll.bundle()",
)
NIGHTLY = Times(cron=["0 2 * * *"], time_zone="Europe/Paris")
HOSTILE = "<img src=x onerror=alert(1)>\u202etxt.exe"


@pytest.fixture
def made(lab: tuple[str, Path], runtime_home: Path) -> Iterator[tuple[Schedule, Schedule]]:
    """Two schedules that Python made."""
    run_cells(CELLS, home=runtime_home, folder=lab[1])
    session = Session(home=Home.locate(), settings=None)
    use(session)
    nightly = scheduled(session, Wish(workflow="poll", times=NIGHTLY, args=["news"], id="nightly-poll"))
    seldom = Wish(
        workflow="poll", times=Times(every=timedelta(days=300)), args=["mail"], id="seldom-poll", note=HOSTILE
    )
    yield nightly, scheduled(session, seldom)
    use(None)


def opened(page: Any, address: str) -> Any:
    """The page of schedules."""
    page.goto(f"{address}/lab?reset&token=test")
    page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('jupyter-workflows:open-schedules')",
                           timeout=LOAD_SECONDS * 1000)  # fmt: skip
    execute(page, "jupyter-workflows:open-schedules")
    return page.locator(PAGE)


def theme(page: Any, name: str) -> None:
    execute(page, "apputils:change-theme", theme=name)
    page.wait_for_function(
        "light => document.body.dataset.jpThemeLight === light", arg="true" if "Light" in name else "false"
    )


def test_schedules_are_seen_to_by_hand(lab: tuple[str, Path], page: Any, made: tuple[Schedule, Schedule]):
    nightly, seldom = made
    shown = opened(page, lab[0])
    first, second = (shown.get_by_role("listitem", name=f"Schedule {each.id}") for each in made)
    for words in ("poll", "every day at 02:00", "cron 0 2 * * *", "Europe/Paris", "none yet"):
        first.get_by_text(words, exact=True).wait_for(timeout=SLOW)
    second.get_by_text("every 300 d").wait_for(timeout=SLOW)
    second.get_by_text("<img src=x onerror=alert(1)>\\u202etxt.exe").wait_for()
    assert shown.locator("img").count() == 0

    first.get_by_role("switch", name="Pause nightly-poll").focus()
    page.keyboard.press("Space")
    first.get_by_text("none while paused").wait_for()
    assert nightly.describe().paused
    shown.get_by_role("status").get_by_text("2 schedules, 1 paused").wait_for()

    second.get_by_role("button", name="Run now").click()
    assert eventually(lambda: seldom.describe().recent, 60)
    run = seldom.describe().recent[0].run
    second.get_by_role("button", name=run).click(timeout=SLOW)
    page.locator(PAGE).get_by_text("read mail").first.wait_for(timeout=SLOW)
    execute(page, "jupyter-workflows:open-schedules")

    first.get_by_role("button", name="Times…").click()
    first.get_by_label("Cron, one a line").fill("0 25 * * *")
    first.get_by_role("button", name="Save").click()
    first.get_by_role("alert").get_by_text("schedule nightly-poll can't be so").wait_for()
    first.get_by_label("Cron, one a line").fill("0 9 * * mon-fri\n")
    first.get_by_label("Every").first.fill("36")
    first.get_by_label("Unit of every").select_option("hours")
    first.get_by_label("Time zone").fill("Asia/Tokyo")
    first.get_by_label("While the run before is not over").select_option("one start waits")
    first.get_by_role("button", name="Save").click()
    first.get_by_text("cron 0 9 * * mon-fri").wait_for()
    state = nightly.describe()
    assert (state.time_zone, state.overlap, state.paused) == ("Asia/Tokyo", "buffer_one", True)
    assert sorted(state.times) == ["cron 0 9 * * mon-fri", "every 1 d 12 h"]
    nightly.trigger()
    assert eventually(lambda: nightly.describe().recent, 60), "what it starts is as it was"

    faultless(page, shown)
    second.get_by_role("button", name="Delete…").click()
    page.keyboard.press("Escape")
    second.get_by_role("button", name="Delete…").click()
    second.get_by_role("button", name="Delete", exact=True).click()
    second.wait_for(state="detached")
    assert page.evaluate("() => document.activeElement.ariaLabel") == "Schedules"
    nightly.delete()
    shown.get_by_text("Nothing starts by the clock yet").wait_for(timeout=SLOW)


def faultless(page: Any, shown: Any) -> None:
    """Looks at the page in light and dark, and narrow, with a form and a question open."""
    shown.get_by_role("button", name="Times…").first.click()
    shown.get_by_label("Cron, one a line").wait_for()
    shown.get_by_role("button", name="Delete…").last.click()
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for name in ("JupyterLab Dark", "JupyterLab Light"):
        theme(page, name)
        assert page.evaluate(SERIOUS, ".jwl-page:not(.lm-mod-hidden *)") == []
    page.set_viewport_size({"width": 480, "height": 900})
    sideways = "node => node.scrollWidth > node.clientWidth + 1"
    assert not shown.evaluate(sideways)
    page.set_viewport_size({"width": 1280, "height": 900})
    shown.get_by_role("button", name="Cancel").click()
    shown.get_by_role("button", name="Keep it").click()
