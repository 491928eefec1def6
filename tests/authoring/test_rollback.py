"""Roll back, headless: what steps did is undone once, the last first; proved by a log outside of Temporal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError

from jupyter_workflows import schema
from jupyter_workflows.authoring.rollback import ASK, UNDO_RUN, undo_run_id

from .conftest import Engine, eventually
from .test_rollback_orders import wish

NOTES = """
import json, os
def note(**line):
    file = os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(file, (json.dumps(line) + "\\n").encode())
    os.close(file)
def told(name):
    return os.path.exists({flags!r} + name)
"""

STEPS = """
import time
QUICK = RetryPolicy(max_attempts=2, initial_interval=timedelta(milliseconds=20))
@activity(retry=QUICK)
def unbook(number, output, key, input):
    note(undone=number, output=output, key=key, input=input)
@activity(compensate=unbook, retry=QUICK)
def book(number: int, fails: bool = False) -> str:
    if fails:
        raise ValueError(f"no room at {number}")
    note(done=number)
    return f"booking {number}"
@activity
def look(number: int) -> int:
    return number
"""

PIPELINE = """
@workflow
async def trip(count: int, failing: int) -> list:
    return [await book(number, number == failing) for number in range(1, count + 1)]
"""


class Log:
    """The effect log."""

    def __init__(self, root: Path) -> None:
        self.path = root / "effects.log"
        self.flags = root

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    @property
    def done(self) -> list[Any]:
        return [line["done"] for line in self.lines() if "done" in line]

    @property
    def undone(self) -> list[Any]:
        return [line["undone"] for line in self.lines() if "undone" in line]


@pytest.fixture
def log(engine: Engine) -> Log:
    return Log(engine.root)


def models(log: Log) -> str:
    return NOTES.format(log=str(log.path), flags=f"{log.flags}/")


async def status(handle: Any) -> WorkflowExecutionStatus | None:
    return (await handle.describe()).status


@pytest.mark.parametrize("failing", range(1, 9))
async def test_failure_at_each_of_eight_steps_undoes_what_was_done_in_reverse(
    engine: Engine, log: Log, failing: int
) -> None:
    await engine.serve(PIPELINE, STEPS, models(log))
    handle = await engine.start("trip", 8, failing)
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert f"no room at {failing}" in str(caught.value.cause)
    assert log.done == list(range(1, failing))
    assert log.undone == log.done[::-1]


async def test_run_that_succeeds_keeps_what_it_did(engine: Engine, log: Log) -> None:
    await engine.serve(PIPELINE, STEPS, models(log))
    assert len(await engine.run("trip", 3, 0)) == 3
    assert (log.done, log.undone) == ([1, 2, 3], [])


async def test_undo_is_told_input_output_and_a_key_of_its_own(engine: Engine, log: Log) -> None:
    await engine.serve(PIPELINE, STEPS, models(log))
    handle = await engine.start("trip", 3, 3)
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    last, first = [line for line in log.lines() if "undone" in line]
    assert last["output"] == "booking 2"
    assert first["input"] == {"number": 1, "fails": False}
    run_id = handle.result_run_id
    assert [first["key"], last["key"]] == [f"{handle.id}/{run_id}/book-{number}" for number in (1, 2)]


async def test_cancelled_run_is_rolled_back_and_ends_cancelled(engine: Engine, log: Log) -> None:
    workflow = """
@workflow
async def waits() -> None:
    await book(1)
    await book(2)
    await sleep(timedelta(days=1))
"""
    await engine.serve(workflow, STEPS, models(log))
    handle = await engine.start("waits")
    await eventually(lambda: two(log))
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert await status(handle) == WorkflowExecutionStatus.CANCELED
    assert log.undone == [2, 1]


async def two(log: Log) -> bool:
    return log.done == [1, 2]


async def test_branches_are_undone_in_the_reverse_of_how_they_ended(engine: Engine, log: Log) -> None:
    steps = (
        STEPS
        + """
@activity(compensate=unbook)
async def book_when(number: int, flag: str) -> str:
    while not told(flag):
        await asyncio.sleep(0.01)
    note(done=number)
    return f"booking {number}"
@activity(retry=RetryPolicy(max_attempts=1))
async def fail_when(flag: str) -> None:
    while not told(flag):
        await asyncio.sleep(0.01)
    raise RuntimeError("over")
"""
    )
    workflow = """
@workflow
async def branches() -> None:
    await asyncio.gather(book_when(1, "late"), book_when(2, "early"), book_when(3, "never"), fail_when("end"))
"""
    steps = steps.replace("input):", "input=None):")
    await engine.serve(workflow, steps, models(log))
    handle = await engine.start("branches")
    for flag, done in (("early", [2]), ("late", [2, 1])):
        (log.flags / flag).touch()
        await eventually(lambda wanted=done: ended_steps(handle, wanted))
    (log.flags / "end").touch()
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert "over" in str(caught.value.cause)
    assert (log.done, log.undone) == ([2, 1], [1, 2])


async def ended_steps(handle: Any, wanted: list[int]) -> bool:
    """Whether as many steps have ended, as history tells."""
    events = [event async for event in handle.fetch_history_events()]
    return sum(event.HasField("activity_task_completed_event_attributes") for event in events) == len(wanted)


async def test_branch_left_alone_goes_no_further_once_the_run_is_rolled_back(engine: Engine, log: Log) -> None:
    workflow = """
@workflow
async def forked() -> None:
    async def side():
        await book(1)
        await wait_for_signal("on")
        await book(2)
    left = asyncio.create_task(side())
    await wait_for_signal("fail")
    raise RuntimeError("over")
"""
    await engine.serve(workflow, STEPS, models(log))
    handle = await engine.start("forked")
    await eventually(lambda: done(log, 1))
    await handle.signal("on")
    await handle.signal("fail")
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert sorted(log.undone) == sorted(log.done)


async def done(log: Log, count: int) -> bool:
    return len(log.done) == count


STUBBORN = """
@activity(retry=QUICK)
def unstick(number, key):
    if not told("fixed"):
        raise OSError("the desk is <b>closed</b>")
    note(undone=number, key=key)
@activity(compensate=unstick)
def stick(number: int) -> None:
    note(done=number)
"""
STUCK = """
@workflow
async def stuck() -> None:
    await book(1)
    await stick(2)
    await book(3)
    raise RuntimeError("over")
"""


async def test_undo_that_fails_waits_for_a_person_and_is_tried_again(engine: Engine, log: Log) -> None:
    await engine.serve(STUCK, STEPS + STUBBORN, models(log))
    handle = await engine.start("stuck")
    asked = await engine.approval(handle)
    assert "`unstick` could not undo `stick-1`" in asked.message
    assert "    OSError: the desk is <b>closed</b>" in asked.message
    assert log.undone == [3]
    (log.flags / "fixed").touch()
    await engine.decide(handle, asked)
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert "over" in str(caught.value.cause)
    assert log.undone == [3, 2, 1]
    assert (await (await handle.describe()).memo())["rollback"]["kept"] == []


async def test_undo_that_fails_can_be_left_and_the_others_are_undone(engine: Engine, log: Log) -> None:
    await engine.serve(STUCK, STEPS + STUBBORN, models(log))
    handle = await engine.start("stuck")
    await engine.decide(handle, await engine.approval(handle), verdict="reject", comment="done by hand")
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert log.undone == [3, 1]
    record = (await (await handle.describe()).memo())["rollback"]
    assert (record["cause"], record["kept"]) == ("failed", ["stick-1"])
    assert record["finished_at"] is not None


async def test_cancelling_a_rollback_does_not_stop_it(engine: Engine, log: Log) -> None:
    await engine.serve(STUCK, STEPS + STUBBORN, models(log))
    handle = await engine.start("stuck")
    asked = await engine.approval(handle)
    await handle.cancel()
    (log.flags / "fixed").touch()
    await engine.decide(handle, asked)
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert log.undone == [3, 2, 1]


async def test_step_that_ends_in_spite_of_a_cancellation_is_undone(engine: Engine, log: Log) -> None:
    steps = (
        STEPS
        + """
@activity(compensate=unbook)
async def insist(number: int, fails: bool = False) -> str:
    note(begun=number)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        note(done=number)
    return "kept on"
"""
    )
    workflow = """
@workflow
async def insisting() -> None:
    await book(1)
    await insist(2)
    await book(3)
"""
    await engine.serve(workflow, steps, models(log))
    handle = await engine.start("insisting")
    await eventually(lambda: begun(log))
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert await status(handle) == WorkflowExecutionStatus.CANCELED
    assert (log.done, log.undone) == ([1, 2], [2, 1])


async def begun(log: Log) -> bool:
    return any("begun" in line for line in log.lines())


@pytest.mark.parametrize("partial", [True, False])
async def test_partial_workflow_keeps_what_was_done(engine: Engine, log: Log, partial: bool) -> None:
    workflow = PIPELINE.replace("@workflow", f"@workflow(partial={partial})")
    await engine.serve(workflow, STEPS, models(log))
    handle = await engine.start("trip", 3, 3)
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert log.undone == ([] if partial else [2, 1])


async def test_failure_that_the_workflow_handles_undoes_nothing(engine: Engine, log: Log) -> None:
    workflow = """
@workflow
async def careful() -> str:
    await book(1)
    try:
        await book(2, True)
    except ValueError:
        return "one is enough"
"""
    await engine.serve(workflow, STEPS, models(log))
    assert await engine.run("careful") == "one is enough"
    assert (log.done, log.undone) == ([1], [])


WIRE = """
@activity(irreversible=True)
def wire(amount: int, to: str) -> None:
    note(done=amount)
@workflow
async def pays() -> None:
    await book(1)
    await wire(70, "<b>*ACME*</b>")
    raise RuntimeError("over")
"""


@pytest.mark.parametrize("verdict", ["approve", "reject"])
async def test_irreversible_step_waits_for_a_person_and_is_never_undone(engine: Engine, log: Log, verdict: str) -> None:
    activities, workflows = WIRE.split("@workflow")
    await engine.serve(f"@workflow{workflows}", STEPS + activities, models(log))
    handle = await engine.start("pays")
    asked = await engine.approval(handle)
    assert "`wire-1` can't be undone" in asked.message
    assert '    amount = 70\n    to = "<b>*ACME*</b>"' in asked.message
    assert log.done == [1]
    await engine.decide(handle, asked, verdict=verdict, comment="too much")
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert ("over" if verdict == "approve" else "ada did not let wire-1 run") in str(caught.value.cause)
    assert log.done == ([1, 70] if verdict == "approve" else [1])
    assert log.undone == [1]


FAMILY = """
@workflow
async def inner(number: int) -> int:
    await book(number)
    await book(number + 1)
    return number
@workflow
async def outer() -> None:
    await book(1)
    await inner(2)
    await book(4)
    raise RuntimeError("over")
"""


async def test_finished_child_run_is_undone_in_its_turn(engine: Engine, log: Log) -> None:
    await engine.serve(FAMILY, STEPS, models(log))
    handle = await engine.start("outer")
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert (log.done, log.undone) == ([1, 2, 3, 4], [4, 3, 2, 1])
    keys = [line["key"] for line in log.lines() if "undone" in line]
    assert len(set(keys)) == 4
    assert keys[1].startswith(f"{handle.id}/inner-1/")


async def test_child_run_that_fails_is_rolled_back_once(engine: Engine, log: Log) -> None:
    workflow = FAMILY.replace("    return number", "    raise RuntimeError('inside')")
    await engine.serve(workflow, STEPS, models(log))
    handle = await engine.start("outer")
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert (log.done, log.undone) == ([1, 2, 3], [3, 2, 1])


async def test_cancelled_run_and_its_child_are_rolled_back(engine: Engine, log: Log) -> None:
    workflow = FAMILY.replace("    return number", "    await sleep(timedelta(days=1))")
    await engine.serve(workflow, STEPS, models(log))
    handle = await engine.start("outer")
    await eventually(lambda: done(log, 3))
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert await status(handle) == WorkflowExecutionStatus.CANCELED
    assert log.undone == [3, 2, 1]


@pytest.mark.parametrize("spread", [False, True])
async def test_parallel_map_is_undone_item_by_item(
    engine: Engine, log: Log, spread: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if spread:
        monkeypatch.setattr("jupyter_workflows.authoring.mapping.ITEMS_PER_RUN", 3)
    workflow = """
@workflow
async def mapped() -> None:
    await parallel_map(book_one, list(range(1, 8)), max_concurrent=2)
    raise RuntimeError("over")
"""
    steps = (
        STEPS.replace("input):", "input=None):")
        + """
@activity(compensate=unbook)
def book_one(number: int) -> str:
    note(done=number)
    return f"booking {number}"
"""
    )
    await engine.serve(workflow, steps, models(log))
    with pytest.raises(WorkflowFailureError):
        await engine.run("mapped")
    assert sorted(log.done) == list(range(1, 8))
    assert sorted(log.undone) == list(range(1, 8))


async def undo(engine: Engine, handle: Any, generation: int = 1) -> Any:
    """Starts the run that undoes a run which has ended."""
    request = wish(engine, handle, generation=generation, reason="wrong order")
    order = schema.RollBackOrder(
        workflow_id=handle.id, run_id=handle.result_run_id, generation=generation, request=request
    )
    return await engine.client.start_workflow(
        UNDO_RUN, order, id=undo_run_id(handle.id, handle.result_run_id, generation), task_queue=engine.queue
    )


async def test_run_that_succeeded_is_undone_by_a_run_of_its_own(engine: Engine, log: Log) -> None:
    await engine.serve(PIPELINE, STEPS, models(log))
    handle = await engine.start("trip", 3, 0)
    await handle.result()
    undoing = await undo(engine, handle)
    assert await undoing.result() == []
    assert log.undone == [3, 2, 1]
    first = next(line for line in log.lines() if "undone" in line)
    assert (first["output"], first["input"]) == ("booking 3", {"number": 3, "fails": False})
    assert first["key"] == f"{handle.id}/{handle.result_run_id}/book-3"
    record = (await (await undoing.describe()).memo())["rollback"]
    assert (record["by"], record["reason"], record["of_run"]) == ("ada", "wrong order", handle.id)
    assert record["steps"] == ["book-3", "book-2", "book-1"]


async def test_what_is_undone_is_not_undone_again(engine: Engine, log: Log) -> None:
    await engine.serve(STUCK, STEPS + STUBBORN, models(log))
    handle = await engine.start("stuck")
    await engine.decide(handle, await engine.approval(handle), verdict="reject")
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert log.undone == [3, 1]
    first = await undo(engine, handle)
    await engine.decide(first, await engine.approval(first), verdict="reject")
    assert await first.result() == ["stick-1"]
    assert log.undone == [3, 1]
    (log.flags / "fixed").touch()
    assert await (await undo(engine, handle, 2)).result() == []
    assert await (await undo(engine, handle, 3)).result() == []
    assert log.undone == [3, 1, 2]


async def test_person_who_asks_gets_a_partial_run_undone_too(engine: Engine, log: Log) -> None:
    workflow = """
@workflow(partial=True)
async def keeps() -> str:
    await book(1)
    try:
        await sleep(timedelta(days=1))
    except asyncio.CancelledError:
        return "nobody cancels me"
"""
    await engine.serve(workflow, STEPS, models(log))
    handle = await engine.start("keeps")
    await eventually(lambda: done(log, 1))
    await handle.execute_update(ASK, wish(engine, handle, reason="wrong customer"))
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert await status(handle) == WorkflowExecutionStatus.CANCELED
    assert log.undone == [1]
    record = (await (await handle.describe()).memo())["rollback"]
    assert (record["cause"], record["by"], record["reason"]) == ("asked", "ada", "wrong customer")
