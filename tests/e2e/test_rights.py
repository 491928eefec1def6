"""What each role sees in JupyterLab: the actions that the server lets it carry out, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jupyter_workflows.local.paths import Home
from jupyter_workflows.local.server import NAMESPACE
from jupyter_workflows.scheduling.handle import Schedule, Wish, scheduled
from jupyter_workflows.scheduling.times import Times
from jupyter_workflows.security.rights import ROLES
from jupyter_workflows.session import Session, get_run, use

from ..kernels import run_cells
from ..roles import on_page
from .lab import LOAD_SECONDS, execute, jupyter_lab
from .test_output import SLOW
from .test_people import page_of
from .test_toolbars import PAGE

pytestmark = pytest.mark.timeout(600)

CELLS = (
    "%load_ext jupyter_workflows\nfrom jupyter_workflows import RetryPolicy, activity, human_approval, workflow",
    """%%workflow
def unbook(output: str, key: str) -> str:
    return key

@activity(compensate=unbook)
def book_for_rights(seat: str) -> str:
    return seat

@activity(retry=RetryPolicy(max_attempts=1))
def pay_for_rights(seat: str) -> str:
    raise ValueError(seat)

@workflow(partial=True)
async def order_for_rights(seat: str) -> str:
    return await pay_for_rights(await book_for_rights(seat))
""",
    """%%workflow
async def sign_for_rights(contract: str) -> bool:
    return bool(await human_approval(f"Sign {contract}?", assignee="reviewer"))
""",
    "failed = order_for_rights.start('14C')\nfailed.wait_for('failed', timeout=60)",
    "sign_for_rights.bundle(); print(failed.id)",
)
# What is pressed, and the row of the page on roles that says who may; None where pressing it changes nothing.
ACTIONS: dict[str, str | None] = {
    "Approve": "decide",
    "Reject": "decide",
    "Ask": "act question",
    "Hand over": "act delegation",
    "Send answer": "act answer",
    "Cancel run": "cancel",
    "Roll back…": "roll_back",
    "Resume…": "resume",
    "Resume from here…": "resume",
    "Fork…": "fork",
    "Fork from here…": "fork",
    "Start": "start",
    "Start again…": "start",
    "Export…": "POST api/workflows/{name}/export",
    "Pause .+": "POST api/schedules/{id}/{action}",
    "Run now": "POST api/schedules/{id}/{action}",
    "Delete…": "POST api/schedules/{id}/{action}",
    "Times…": "POST api/schedules/{id}/times",
    "Audit file": "GET api/runs/{id}/audit",
    "Report": "GET api/runs/{id}/audit",
    "Start a workflow, without a kernel": "start",
    "Ask the author, or hand it over": "act question",
    # What only shows something, or takes it along.
    "Compare.*|Show the runs there are": None,
    "Timeline|Table|Zoom (in|out).*|Show all .+|Open|Open the .+|Close the details|a link": None,
    "(.+: )?(CSV|PNG|table)": None,
    r"traceback|caused by .+|\d+ effects?: .+|cell \[\d+\].*": None,
}
COMMANDS = {
    "open-workflow": "start",
    "export": "POST api/workflows/{name}/export",
}
# Only whoever started a run is asked about it, whatever others may.
OF_THE_STARTER = {"Send answer"}
# What scripts ask for: pages send a message that does the same, or do without.
OF_SCRIPTS = {
    "POST api/runtime/start",
    "POST api/workflows/{name}/runs",
    *(f"POST api/runs/{{id}}/{what}" for what in ("cancel", "terminate", "resume", "fork", "rollback")),
    *(
        f"POST api/runs/{{id}}/approvals/{{approval}}/{what}"
        for what in ("decision", "delegation", "question", "answer")
    ),
    "POST api/codec",
    "POST codec/{ticket}/decode",
    "POST codec/{ticket}/encode",
}
PRESSED = """roots => roots.flatMap(root => [...root.querySelectorAll(
        "button, summary, [role=button], [role=switch], jp-button")])
    .filter(each => each.checkVisibility() && !each.parentElement.closest("button, jp-button"))
    .map(each => each.matches(".jwl-link") ? "a link" : (each.ariaLabel || each.title || each.textContent).trim())"""


class Office(NamedTuple):
    """A Jupyter server with people in each role, and what there is to see."""

    address: str
    failed: str
    schedule: Schedule


@pytest.fixture(scope="module")
def office(browser: Any, runtime_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    file = folder / "workspaces.toml"
    roles = "\n".join(f'{role} = ["{role}"]' for role in ROLES)
    file.write_text(f'[workspaces.here]\nnamespace = "{NAMESPACE}"\n{roles}\n')
    file.chmod(0o600)
    cells = run_cells(CELLS, home=runtime_home, folder=folder)
    failed = cells.cells[-1].outputs[-1].text.strip()
    session = Session(home=Home.locate(), settings=None)
    use(session)
    times = Times(cron=["0 2 * * *"], time_zone="Europe/Paris")
    schedule = scheduled(session, Wish(workflow="sign_for_rights", times=times, args=["C-1"], id="for-rights"))
    options = [
        "--ServerApp.identity_provider_class=tests.e2e.people.CookiePeople",
        f"--WorkflowsServer.workspaces_file={file}",
    ]
    with jupyter_lab(runtime_home, folder, options=options) as address:
        yield Office(address, failed, schedule)
    schedule.delete()
    use(None)


@pytest.fixture(scope="module")
def waiting(office: Office, browser: Any) -> Iterator[str]:
    """A run that the author started, whom the reviewer has asked something."""
    author, reviewer = (entered(person, browser, office.address) for person in ("author", "reviewer"))
    execute(author, "jupyter-workflows:open-workflow", name="sign_for_rights")
    author.locator(PAGE).get_by_label("Contract").fill("C-17")
    author.locator(PAGE).get_by_role("button", name="Start", exact=True).click()
    started = author.locator(PAGE).locator(".jwl-nested")
    started.get_by_text("Sign C-17?").wait_for(timeout=SLOW)
    run = started.locator(".jwl").get_attribute("aria-label").removeprefix("Run ")
    execute(reviewer, "jupyter-workflows:open-run", id=run)
    reviewer.locator(PAGE).get_by_text("Ask the author").click(timeout=SLOW)
    reviewer.locator(PAGE).get_by_label("Question to the author").fill("For how long?")
    reviewer.locator(PAGE).get_by_role("button", name="Ask").click()
    reviewer.locator(PAGE).get_by_text("waits for an answer").wait_for(timeout=SLOW)
    for page in (author, reviewer):
        page.context.close()
    yield run
    get_run(run).terminate("the test is over")


def entered(person: str, browser: Any, address: str) -> Any:
    """JupyterLab as it is open for one person, whose rights the page knows."""
    page = page_of(person, browser, address)
    page.goto(f"{address}/lab?reset")
    page.wait_for_function(
        "() => window.jupyterapp?.commands.hasCommand('jupyter-workflows:show-sidebar')", timeout=LOAD_SECONDS * 1000
    )
    page.locator(".jwl-status-button", has_text=re.compile("ready|worker")).wait_for(timeout=SLOW)
    return page


def opened(page: Any, command: str, marker: str, **arguments: Any) -> Any:
    """A page of ours, once there is something on it."""
    execute(page, f"jupyter-workflows:{command}", **arguments)
    shown = page.locator(PAGE)
    shown.get_by_text(marker).first.wait_for(timeout=SLOW)
    return shown


def offered(page: Any, office: Office, waiting: str) -> set[str]:
    """All that a person can press, on each page."""
    found: set[str] = set()

    def note(shown: Any) -> None:
        found.update(shown.evaluate_all(PRESSED))

    inbox = opened(page, "open-inbox", "For how long?")
    card = inbox.locator(".jwl-approval", has_text="Sign C-17?").last
    for more in card.locator(".jwl-more > summary").all():
        more.click()
    note(inbox)
    note(opened(page, "open-run", "Sign C-17?", id=waiting))
    failed = opened(page, "open-run", "ValueError", id=office.failed)
    failed.get_by_role("button", name="Table").click()
    failed.locator("tbody tr", has_text="pay_for_rights-1").click()
    failed.get_by_role("button", name="Close the details").wait_for()
    note(failed)
    note(opened(page, "open-workflow", "sign_for_rights", name="sign_for_rights"))
    note(opened(page, "open-schedules", "every day at 02:00"))
    note(opened(page, "open-runs", office.failed))
    note(opened(page, "open-dashboard", "Failures by cause"))
    execute(page, "jupyter-workflows:show-sidebar")
    sidebar = page.locator("#jupyter-workflows-sidebar")
    sidebar.get_by_text(office.failed).first.wait_for(timeout=SLOW)
    note(sidebar)
    return found


def actions_of(pressed: set[str]) -> set[str]:
    """The rows above that what can be pressed belongs to."""
    fitting = {each: [name for name in ACTIONS if re.fullmatch(name, each)] for each in pressed}
    unclear = sorted(each for each, names in fitting.items() if len(names) != 1)
    assert not unclear, f"ACTIONS has no row for {unclear}, or several: say what they do, and who may"
    return {name for names in fitting.values() for name in names}


def rows() -> dict[str, set[str]]:
    """The roles that may send each message and use each route."""
    return on_page("Messages of a page") | on_page("Routes")


def test_all_that_not_everybody_may_do_is_on_a_page_or_for_scripts():
    for_some = {row for row, roles in rows().items() if roles != set(ROLES)}
    assert for_some == {row for row in ACTIONS.values() if row} | OF_SCRIPTS


@pytest.mark.parametrize("role", ROLES)
def test_pages_offer_what_the_server_lets_a_role_do(office: Office, waiting: str, browser: Any, role: str):
    page = entered(role, browser, office.address)
    pressed = actions_of(offered(page, office, waiting))
    mine = {row for row, roles in rows().items() if role in roles}
    expected = {
        action for action, row in ACTIONS.items() if row in mine and (action not in OF_THE_STARTER or role == "author")
    }
    assert {action for action in pressed if ACTIONS[action]} == expected
    visible = "ids => ids.filter(id => window.jupyterapp.commands.isVisible(`jupyter-workflows:${id}`))"
    assert set(page.evaluate(visible, list(COMMANDS))) == {name for name, row in COMMANDS.items() if row in mine}
    page.context.close()
