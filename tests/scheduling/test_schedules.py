"""Schedules on a real server: they fire while nobody is there, and their runs say who scheduled them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows.cli import main
from jupyter_workflows.connection import loop_thread
from jupyter_workflows.errors import ApprovalRefused, ArgumentsError, ScheduleRefused
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home
from jupyter_workflows.local.runtime import Runtime
from jupyter_workflows.notebook.catalog import newest
from jupyter_workflows.runs.access import RunAccess
from jupyter_workflows.runs.audit.exporting import verify_file
from jupyter_workflows.runs.client import StartRequest, start_run
from jupyter_workflows.runs.handle import Run
from jupyter_workflows.scheduling.deeds import MOST
from jupyter_workflows.scheduling.handle import Schedule, Wish, scheduled, schedules
from jupyter_workflows.scheduling.schedules import retime
from jupyter_workflows.scheduling.times import Times
from jupyter_workflows.session import Session, use

from ..conftest import eventually
from ..kernels import run_cells

CELLS = (
    "%load_ext jupyter_workflows",
    """
from pydantic import BaseModel
from jupyter_workflows import activity, human_approval, workflow

class Feed(BaseModel):
    name: str
    depth: int = 3

@activity
def read(feed: str) -> str:
    return f"read {feed}"
""",
    "%%workflow\nasync def poll(feed: str) -> str:\n    return await read(feed)",
    """%%workflow
async def check(feed: Feed) -> bool:
    return bool(await human_approval(f'Take {feed.name}?', four_eyes=True))
""",
    """
import datetime
from jupyter_workflows import schedule
poll.bundle(), check.bundle()
made = schedule(poll, 'news', every=datetime.timedelta(days=300), id='rare', note='seldom')
""",
)
SELDOM = Times(every=timedelta(days=300))


@pytest.fixture(scope="module")
def there(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A terminal's session in a home where a notebook scheduled something, and its kernel has ended."""
    run_cells(CELLS, home=runtime.home.data, folder=tmp_path_factory.mktemp("scheduling"))
    made = Session(home=runtime.home, settings=None)
    use(made)
    yield made
    use(None)


def access_of(session: Session) -> RunAccess:
    return RunAccess.of(session.client(), session.home)


def run_of(session: Session, schedule: Schedule) -> Run[Any]:
    assert eventually(lambda: schedule.describe().recent, 60)
    return Run[Any](access_of(session), schedule.describe().recent[0].run)


def test_a_schedule_runs_its_bundle_though_its_notebook_is_gone(there: Session) -> None:
    rare = Schedule(there, "rare")
    state = rare.describe()
    assert (state.workflow, state.times, state.note, state.overlap) == ("poll", ["every 300 d"], "seldom", "skip")
    assert state.bundle == newest(there.home.bundles, "poll").manifest.digest[:16]
    assert len(state.next) == 10
    # No host serves it any more: whoever holds the runtime finds that its run waits.
    folder = f"jw_{state.bundle}"
    assert eventually(lambda: all(folder not in host.bundles for host in local_runtime.status(there.home).hosts), 90)
    rare.trigger()
    run = run_of(there, rare)
    assert run.result(60) == "read news"
    assert run.describe().starter == state.made_by


def test_pausing_renewing_and_deleting(there: Session, capsys: pytest.CaptureFixture[str]) -> None:
    made = scheduled(there, Wish(workflow="poll", times=SELDOM, kwargs={"feed": "a"}, id="seen-to", paused=True))
    assert made.describe().paused
    assert eventually(lambda: "seen-to" in [each.id for each in schedules()], 30)
    assert made.resume("go").note == "go"
    scheduled(
        there,
        Wish(workflow="poll", times=Times(cron=["0 9 * * *"], time_zone="Europe/Paris"), args=["b"], id="seen-to"),
    )
    state = made.describe()
    assert (state.times, state.time_zone) == (["cron 0 9 * * *"], "Europe/Paris")
    assert main(["schedules", "pause", "seen-to", "--note", "for a while", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["paused"] is True
    with pytest.raises(ScheduleRefused, match="is a schedule of poll: give another --id"):
        scheduled(there, Wish(workflow="check", times=SELDOM, kwargs={"feed": {"name": "x"}}, id="seen-to"))
    assert main(["schedules", "delete", "seen-to"]) == 0
    with pytest.raises(ScheduleRefused, match="there is no schedule 'seen-to'"):
        made.describe()
    assert main(["schedules", "trigger", "seen-to"]) == 1


def test_who_did_what_to_a_schedule_is_in_the_audit_of_its_runs(
    there: Session, tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def user(name: str) -> None:
        monkeypatch.setenv("JUPYTER_WORKFLOWS_USER", name)

    user("ada")
    wish = Wish(workflow="poll", times=SELDOM, kwargs={"feed": "a"}, id="told", note="for the desk")
    made = scheduled(there, wish)
    user("bob")
    made.pause("month's end")
    user("cyd")
    made.resume()
    access = access_of(there)
    loop_thread().run(retime(access, "told", Times(cron=["0 9 * * *"]), by="dan"))
    scheduled(there, wish)
    user("eve")
    made.trigger()
    run = run_of(there, made)
    assert run.result(60) == "read a"
    known = [(deed.deed, deed.by) for deed in made.describe().deeds]
    expected = [
        *(("make", "ada"), ("pause", "bob"), ("resume", "cyd"), ("retime", "dan"), ("renew", "cyd"), ("trigger", "eve"))
    ]
    assert known == expected
    assert made.describe().deeds[3].note == "cron 0 9 * * *"

    written = run.audit(tmp_path / "told.jsonl", html=tmp_path / "told.html")
    records = [json.loads(line) for line in (tmp_path / "told.jsonl").read_text().splitlines()]
    acts = [record["body"] for record in records if record["body"].get("kind") == "schedule_act"]
    assert [(act["act"]["deed"], act["by"]) for act in acts] == expected
    (start,) = [record["body"] for record in records if record["type"] == "start"]
    assert (start["kind"], start["by"]) == ("schedule", "cyd")
    verdict = verify_file(tmp_path / "told.jsonl", None, [written.fingerprint])
    assert (verdict.holds, verdict.acts) == (True, len(expected) + 1)
    page = (tmp_path / "told.html").read_text()
    assert "pause" in page
    assert "month&#x27;s end" in page or "month&#39;s end" in page

    user("fay")
    made.delete()
    (line,) = [
        json.loads(line)
        for line in (there.home.schedules / "deleted.jsonl").read_text().splitlines()
        if '"told"' in line
    ]
    assert (line["deed"], line["by"]) == ("delete", "fay")
    assert (there.home.schedules / "deleted.jsonl").stat().st_mode & 0o777 == 0o600


def test_many_deeds_are_kept_short(there: Session, monkeypatch: Any) -> None:
    made = scheduled(there, Wish(workflow="poll", times=SELDOM, kwargs={"feed": "a"}, id="busy"))
    for number in range(MOST + 5):
        made.pause(f"pause {number}")
    deeds = made.describe().deeds
    assert (len(deeds), deeds[0].deed, deeds[-1].note) == (MOST, "make", f"pause {MOST + 4}")
    made.delete()


def test_what_makes_no_sense_makes_nothing(there: Session) -> None:
    for wish, error in [
        (Wish(workflow="poll", times=SELDOM, id="never"), ArgumentsError),
        (Wish(workflow="poll", times=SELDOM, args=[3], id="never"), ArgumentsError),
        (Wish(workflow="poll", times=Times(cron=["99 9 * * *"]), args=["a"], id="never"), ScheduleRefused),
        (Wish(workflow="poll", times=SELDOM, args=["a"], overlap="often", id="never"), ScheduleRefused),
        (Wish(workflow="poll", times=SELDOM, args=["a"], catch_up=timedelta(seconds=1), id="never"), ScheduleRefused),
    ]:
        with pytest.raises(error):
            scheduled(there, wish)
    with pytest.raises(ScheduleRefused, match="there is no schedule"):
        Schedule(there, "never").describe()


def test_a_backfill_makes_up_for_a_period(there: Session) -> None:
    made = scheduled(there, Wish(workflow="poll", times=Times(every=timedelta(days=1)), args=["a"], id="daily"))
    begin = datetime(2026, 11, 2, tzinfo=UTC)
    made.backfill(begin, begin + timedelta(days=2))
    names = [f"daily-2026-11-0{day}T00:00:00Z" for day in (2, 3, 4)]
    assert eventually(lambda: {each.run for each in made.describe().recent} >= set(names), 60)
    assert [Run[Any](access_of(there), name).result(60) for name in names] == ["read a"] * 3
    made.delete()


def test_four_eyes_count_for_whoever_scheduled_and_for_nothing_else(there: Session, monkeypatch: Any) -> None:
    monkeypatch.setenv("JUPYTER_WORKFLOWS_USER", "ada")
    made = scheduled(there, Wish(workflow="check", times=SELDOM, kwargs={"feed": {"name": "news"}}, id="eyes"))
    made.trigger()
    run = run_of(there, made)
    run.wait_for("approval", timeout=60)
    with pytest.raises(ApprovalRefused, match="ada started the run: somebody else"):
        run.approve(reviewer="ada")
    run.approve(reviewer="bob")
    assert run.result(60) is True
    # Its statement, taken for a run of other arguments, proves nothing.
    access = access_of(there)
    memo = loop_thread().run(stated(access, run.id))
    state = made.describe()
    forged = StartRequest(
        workflow="check", task_queue=state.task_queue or "", args=[{"name": "other", "depth": 3}],
        id="eyes-2026-11-02T00:00:00Z", memo={"starter": memo},
    )  # fmt: skip
    other = start_run(access.client, forged, home=there.home)
    other.wait_for("approval", timeout=60)
    with pytest.raises(ApprovalRefused, match="who started the run is not proven"):
        other.approve(reviewer="bob")
    other.terminate()
    made.delete()


async def stated(access: RunAccess, run: str) -> Any:
    """The statement in a run's memo."""
    return await (await access.client.get_workflow_handle(run).describe()).memo_value("starter")


def test_a_schedule_that_was_made_elsewhere_is_left_alone(there: Session) -> None:
    from temporalio.client import Schedule as Foreign
    from temporalio.client import ScheduleActionStartWorkflow, ScheduleSpec

    client = access_of(there).client
    action = ScheduleActionStartWorkflow("other", id="foreign", task_queue="other")
    loop_thread().run(client.create_schedule("foreign", Foreign(action=action, spec=ScheduleSpec())))
    with pytest.raises(ScheduleRefused, match="was made elsewhere"):
        Schedule(there, "foreign").pause()
    assert "foreign" not in [each.id for each in schedules()]
    loop_thread().run(client.get_schedule_handle("foreign").delete())


def test_notes_of_schedules_are_private(there: Session, own_home: Home) -> None:
    paths: list[Path] = list(there.home.schedules.iterdir())
    assert {path.stat().st_mode & 0o777 for path in paths} <= {0o600}
    assert there.home.schedules.stat().st_mode & 0o777 == 0o700
    assert not own_home.schedules.exists()
