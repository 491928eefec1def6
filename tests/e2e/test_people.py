"""Two people at one Jupyter server that lives below a path, as a hub's do: who may decide, and who did."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .lab import Notebook, jupyter_lab, write_notebook
from .test_notebook import LOAD, START
from .test_output import SLOW, has_ended

pytestmark = pytest.mark.timeout(600)

REVIEW = """%%workflow
async def review(pages: int) -> dict:
    answer = await human_approval("Pay **ACME**?", assignee="bob", editable={"amount": 10})
    return {"approved": bool(answer), "by": answer.by, "value": answer.value}
"""


@pytest.fixture(scope="module")
def hub(browser: Any, runtime_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("people")
    people = "--ServerApp.identity_provider_class=tests.e2e.people.CookiePeople"
    with jupyter_lab(runtime_home, folder, base_url="/hub/user/x/", options=[people]) as address:
        yield address, folder


def page_of(person: str, browser: Any, address: str) -> Any:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_cookies([{"name": "person", "value": person, "url": address}])
    page = context.new_page()
    page.set_default_timeout(60_000)
    return page


def test_only_bob_decides_what_is_asked_of_bob_and_both_see_that_he_did(hub: tuple[str, Path], browser: Any):
    address, folder = hub
    path = write_notebook(folder / "shared.ipynb", [LOAD, REVIEW, START, "run.result(timeout=120)"])
    alice = Notebook(page_of("alice", browser, address), address, path)
    for index in range(3):
        alice.run(index)
    hers = alice.view(2)
    hers.get_by_role("button", name="Approve").click(timeout=SLOW)
    hers.get_by_role("alert").filter(has_text="bob").filter(has_text="alice").wait_for()
    assert hers.locator(".jwl-bar .jwl-pill", has_text="running").count() == 1
    # Nor by saying that she is bob.
    hers.get_by_label("You decide as").fill("bob")
    hers.get_by_role("button", name="Approve").click()
    hers.get_by_role("alert").filter(has_text="can't decide as bob").wait_for()

    alice.save()
    alice.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    bob = Notebook(page_of("bob", browser, address), address, path)
    his = bob.view(2)
    his.get_by_label("Value, as you approve it").fill('{"amount": 7}')
    his.get_by_role("button", name="Approve with edits").click(timeout=SLOW)
    for view in (hers, his):
        has_ended(view)
        view.get_by_text('"by": "bob"').first.wait_for()
        view.get_by_text("1 decision").click()
        view.locator(".jwl-decided").get_by_text("bob").first.wait_for()
    alice.run(3)
    alice.cell(3).get_by_text("'by': 'bob'").wait_for()
    alice.shut_down()
    for notebook in (alice, bob):
        notebook.page.context.close()
