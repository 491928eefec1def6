"""Roll back by the handle of a run: what is listed beforehand, what is undone, and what both runs show afterwards."""

from __future__ import annotations

import json
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jupyter_workflows.commands import rollback_commands
from jupyter_workflows.errors import JupyterWorkflowsError, WorkflowCancelled, WorkflowFailed
from jupyter_workflows.runs.handle import Run
from jupyter_workflows.session import Session

from .conftest import Engine, eventually

MODELS = """
import json, os
def note(**line):
    file = os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(file, (json.dumps(line) + "\\n").encode())
    os.close(file)
def answered():
    return os.path.exists({log!r} + ".fixed")
"""
ACTIVITIES = """
QUICK = RetryPolicy(max_attempts=2, initial_interval=timedelta(milliseconds=20))
@activity(retry=QUICK)
def unbook(output: str, key: str) -> None:
    if output == "room 13" and not answered():
        raise OSError("nobody answers")
    note(undone=output, key=key)
@activity(compensate=unbook)
def book(what: str) -> str:
    note(done=what)
    return what
@activity(irreversible=True)
def post(letter: str) -> None:
    note(done=letter)
@activity
def look(what: str) -> str:
    return what
"""
WORKFLOWS = """
@workflow
async def trip(things: list[str], fails: bool = False) -> int:
    await look("map")
    for thing in things:
        await book(thing)
    await post("a letter")
    if fails:
        raise RuntimeError("over")
    return len(things)
@workflow
async def waits(things: list[str]) -> None:
    for thing in things:
        await book(thing)
    await wait_for_signal("go")
"""


class Log:
    """The effect log."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def told(self, what: str) -> list[str]:
        lines = [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []
        return [line[what] for line in lines if what in line]

    @property
    def undone(self) -> list[str]:
        return self.told("undone")


@pytest.fixture
def log(engine: Engine, tmp_path: Path) -> Log:
    found = Log(tmp_path / "effects.log")
    engine.serve(WORKFLOWS, ACTIVITIES, MODELS.replace("{log!r}", repr(str(found.path))))
    return found


def statuses(run: Run[object]) -> dict[str, str]:
    return {effect.step: effect.status for effect in run.effects()}


def finished(engine: Engine, things: list[str], *, fails: bool = False) -> Run[object]:
    run = engine.start("trip", things, fails)
    run.wait_for("approval", timeout=20)
    run.approve()
    run.wait_for("end", timeout=20)
    return run


def test_effects_are_listed_before_anything_is_undone(engine: Engine, log: Log) -> None:
    run = finished(engine, ["car", "room"])
    assert statuses(run) == {"book-1": "done", "book-2": "done", "post-1": "irreversible"}
    assert {effect.undo for effect in run.effects()} == {"unbook", None}
    assert log.undone == []


def test_finished_run_is_undone_by_another_and_both_say_so(engine: Engine, log: Log) -> None:
    run = finished(engine, ["car", "room"])
    undoing = run.roll_back("wrong dates", by="ada")
    assert undoing.id == f"{run.id}/undo:{run.run_id}"
    assert undoing.result(timeout=20) == []
    assert log.undone == ["room", "car"]
    assert statuses(undoing) == {"book-2": "undone", "book-1": "undone"}
    rollback = undoing.snapshot().rollback
    assert rollback is not None
    assert (rollback.by, rollback.reason, rollback.of_run) == ("ada", "wrong dates", run.id)
    assert run.status == "completed"
    assert statuses(run) == {"book-1": "undone", "book-2": "undone", "post-1": "irreversible"}
    assert {effect.undone_in for effect in run.effects() if effect.status == "undone"} == {undoing.id}


def test_failed_run_has_undone_itself_and_is_not_undone_again(engine: Engine, log: Log) -> None:
    run = finished(engine, ["car"], fails=True)
    with pytest.raises(WorkflowFailed, match="over"):
        run.result(timeout=20)
    assert statuses(run) == {"book-1": "undone", "post-1": "irreversible"}
    assert [(step.id, step.undoes) for step in run.steps() if step.undoes] == [("undo:book-1", "book-1")]
    with pytest.raises(JupyterWorkflowsError, match=r"nothing of run .* is left to undo \(2 effects: 1 undone"):
        run.roll_back()
    assert log.undone == ["car"]


def test_run_without_effects_has_nothing_to_undo(engine: Engine, log: Log) -> None:
    run = finished(engine, [])
    with pytest.raises(JupyterWorkflowsError, match="nothing of run"):
        run.roll_back()
    assert log.undone == []


def test_open_run_ends_and_undoes_itself(engine: Engine, log: Log) -> None:
    run = engine.start("waits", ["car", "room"])
    run.wait_for("book-2", timeout=20)
    assert statuses(run) == {"book-1": "done", "book-2": "done"}
    assert run.roll_back("changed our mind", by="ada") is run
    with pytest.raises(WorkflowCancelled):
        run.result(timeout=20)
    assert log.undone == ["room", "car"]
    snapshot = run.snapshot()
    assert snapshot.rollback is not None
    assert (snapshot.rollback.cause, snapshot.rollback.by) == ("asked", "ada")


def test_terminated_run_can_be_undone(engine: Engine, log: Log) -> None:
    run = engine.start("waits", ["car"])
    run.wait_for("book-1", timeout=20)
    run.terminate("stuck")
    run.roll_back().result(timeout=20)
    assert log.undone == ["car"]


def test_people_who_ask_at_once_get_one_rollback(engine: Engine, log: Log) -> None:
    run = finished(engine, ["car", "room"])
    with ThreadPoolExecutor(8) as threads:
        found = {undoing.id for undoing in threads.map(lambda _: asked(run), range(8)) if undoing}
    assert found == {f"{run.id}/undo:{run.run_id}"}
    Run[object](run.access, found.pop()).result(timeout=20)
    assert log.undone == ["room", "car"]


def asked(run: Run[object]) -> Run[object] | None:
    """What one of many gets; nothing where the others are through."""
    try:
        found = Run[object](run.access, run.id).roll_back()
    except JupyterWorkflowsError as error:
        if "is left to undo" not in str(error):
            raise
        return None
    else:
        return found


def test_undo_that_fails_leaves_a_state_that_says_so_and_goes_on(engine: Engine, log: Log) -> None:
    run = finished(engine, ["car", "room 13"])
    undoing = run.roll_back()
    snapshot = undoing.wait_for("approval", timeout=20)
    assert snapshot.run.status == "running"
    assert statuses(undoing) == {"book-2": "stuck", "book-1": "done"}
    assert statuses(run)["book-2"] == "stuck"
    assert eventually(lambda: undoing.pending_approvals()[0].message.startswith("`unbook` could not undo `book-2`"))
    undoing.reject(comment="by hand")
    assert undoing.result(timeout=20) == ["book-2"]
    assert statuses(run) == {"book-1": "undone", "book-2": "kept", "post-1": "irreversible"}
    log.path.with_name("effects.log.fixed").touch()
    again = run.roll_back()
    assert again.id == f"{run.id}/undo:{run.run_id}:2"
    again.result(timeout=20)
    assert statuses(run)["book-2"] == "undone"
    assert log.undone == ["car", "room 13"]


def test_text_and_static_html_say_what_was_undone(engine: Engine, log: Log) -> None:
    run = finished(engine, ["car", "<b>room</b>"], fails=True)
    shown = run._repr_mimebundle_()
    text, html = shown["text/plain"], shown["text/html"]
    assert "rolled back because it failed: over; 3 effects: 2 undone, 1 can't be undone" in text
    assert "↶ book-1: undone by unbook" in text
    assert "undoes book-2" in text
    assert "rolled back because it failed" in html
    assert "undone by unbook" in html
    assert "undoes book-2" in html
    assert "<b>room</b>" not in html


def test_command_lists_and_undoes(engine: Engine, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    run = finished(engine, ["car"])
    # A session has the runtime of its home; this engine is a server of its own.
    monkeypatch.setattr(rollback_commands, "get_run", lambda name: Run[object](run.access, name))
    wanted = Namespace(run=run.id, yes=False, reason="")
    listed = rollback_commands.roll_back(Session(), wanted)
    assert [effect.status for effect in listed.data] == ["done", "irreversible"]
    assert log.undone == []
    done = rollback_commands.roll_back(Session(), Namespace(run=run.id, yes=True, reason="wrong dates"))
    done.value.result(timeout=20)
    assert log.undone == ["car"]
