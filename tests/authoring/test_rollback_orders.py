"""Rollbacks that nobody has asked for: none undoes anything, each is refused with its reason."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import WorkflowIDReusePolicy

from jupyter_workflows import schema
from jupyter_workflows.authoring.rollback import ASK, UNDO_RUN, undo_run_id
from jupyter_workflows.security import identity

from .conftest import Engine, eventually

STEPS = """
def note(what, number):
    with open({log!r}, "a") as file:
        file.write(f"{{what}} {{number}}\\n")
@activity
def unbook(number):
    note("undone", number)
@activity(compensate=unbook)
def book(number: int) -> None:
    note("done", number)
"""
TRIPS = """
@workflow
async def leg(number: int) -> None:
    await book(number)
@workflow
async def trip(waits: bool) -> None:
    await book(1)
    await leg(2)
    if waits:
        await wait_for_signal("go")
"""
STRANGER = bytes([3] * 32)


def wish(engine: Engine, handle: Any, key: bytes | None = None, **changed: Any) -> schema.SignedRollBack:
    now = datetime.now(UTC)
    fields = {
        "workflow_id": handle.id, "run_id": handle.result_run_id, "by": "ada", "issued_at": now,
        "expires_at": now + timedelta(minutes=5), "nonce": uuid.uuid4().hex,
    }  # fmt: skip
    return identity.sign(schema.SignedRollBack.model_validate(fields | changed), key or engine.key)


async def serve(engine: Engine, log: Path) -> None:
    await engine.serve(TRIPS, STEPS.format(log=str(log)))


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def ago(**time: float) -> dict[str, Any]:
    then = datetime.now(UTC) - timedelta(**time)
    return {"issued_at": then, "expires_at": then + timedelta(minutes=5)}


FORGED: dict[str, tuple[Callable[[Engine, Any, int], schema.SignedRollBack], str]] = {
    "unsigned": (
        lambda e, h, g: wish(e, h, generation=g).model_copy(update={"key_id": "", "signature": ""}),
        "the rollback is not signed by a reviewer this worker knows",
    ),
    "by a stranger": (lambda e, h, g: wish(e, h, STRANGER, generation=g), "is not signed by a reviewer this worker"),
    "in another name": (
        lambda e, h, g: wish(e, h, generation=g).model_copy(update={"by": "bob"}),
        "the signature does not fit the rollback",
    ),
    "for another run": (lambda e, h, g: wish(e, h, generation=g, workflow_id="trip-0"), "is for another run"),
    "for another execution": (lambda e, h, g: wish(e, h, generation=g, run_id="0"), "is for another run"),
    "for another time": (lambda e, h, g: wish(e, h, generation=g + 1), "is for another run"),
    "old": (
        lambda e, h, g: wish(e, h, generation=g, **ago(days=2)),
        "the rollback is too old: look again and roll back",
    ),
}


async def undo(engine: Engine, handle: Any, request: Any, **options: Any) -> Any:
    order = schema.RollBackOrder(workflow_id=handle.id, run_id=handle.result_run_id, request=request)
    name = options.pop("id", undo_run_id(handle.id, handle.result_run_id, 1))
    return await engine.client.start_workflow(UNDO_RUN, order, id=name, task_queue=engine.queue, **options)


async def refusal(undoing: Any) -> str:
    with pytest.raises(WorkflowFailureError) as caught:
        await undoing.result()
    return str(caught.value.cause.cause)


async def test_open_run_is_not_rolled_back_by_what_nobody_has_signed(engine: Engine, tmp_path: Path) -> None:
    log = tmp_path / "log"
    await serve(engine, log)
    handle = await engine.start("trip", True)
    await eventually(lambda: waits(handle, log))
    for make, reason in FORGED.values():
        assert reason in await engine.refused(handle, "roll_back", make(engine, handle, 0))
    taken = wish(engine, handle)
    await handle.execute_update(ASK, taken)
    assert "was recorded already" in await engine.refused(handle, "roll_back", taken)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert lines(log)[2:] == ["undone 2", "undone 1"]


async def waits(handle: Any, log: Path) -> bool:
    """Whether the run has done what it does by itself, and nothing more comes into its history."""
    raw = (await handle.describe()).raw_description
    return lines(log) == ["done 1", "done 2"] and not raw.pending_children and not raw.HasField("pending_workflow_task")


async def done(log: Path, wanted: list[str]) -> bool:
    return lines(log) == wanted


async def test_signal_of_an_older_version_says_nothing_now(engine: Engine, tmp_path: Path) -> None:
    log = tmp_path / "log"
    await engine.serve(TRIPS.replace("@workflow\nasync def trip", "@workflow(partial=True)\nasync def trip"),
                       STEPS.format(log=str(log)))  # fmt: skip
    handle = await engine.start("trip", True)
    await eventually(lambda: done(log, ["done 1", "done 2"]))
    await handle.signal(ASK, schema.RollBackRequest(by="ada"))
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert (await handle.describe()).status == WorkflowExecutionStatus.CANCELED
    assert lines(log) == ["done 1", "done 2"]


async def test_finished_run_is_not_undone_by_what_nobody_has_signed(engine: Engine, tmp_path: Path) -> None:
    log = tmp_path / "log"
    await serve(engine, log)
    handle = await engine.start("trip", False)
    await handle.result()
    before = ["done 1", "done 2"]
    again = WorkflowIDReusePolicy.ALLOW_DUPLICATE
    assert "it is not signed" in await refusal(await undo(engine, handle, None))
    assert "it is not signed" in await refusal(
        await undo(engine, handle, wish(engine, handle, generation=1), id="mine")
    )
    for make, reason in FORGED.values():
        assert reason in await refusal(await undo(engine, handle, make(engine, handle, 1), id_reuse_policy=again))
    assert lines(log) == before

    order = schema.RollBackOrder(
        workflow_id=handle.id,
        run_id=handle.result_run_id,
        generation=2,
        request=(taken := wish(engine, handle, generation=2)),
    )
    name = undo_run_id(handle.id, handle.result_run_id, 2)
    honest = await engine.client.start_workflow(UNDO_RUN, order, id=name, task_queue=engine.queue)
    assert await honest.result() == []
    assert lines(log) == [*before, "undone 2", "undone 1"]
    assert taken.signature

    repeated = await engine.client.start_workflow(
        UNDO_RUN, order, id=name, task_queue=engine.queue, id_reuse_policy=again
    )
    assert "it was carried out already, and a signature counts once" in await refusal(repeated)
    assert lines(log)[2:] == ["undone 2", "undone 1"]


async def test_child_run_is_not_undone_by_an_order_that_its_parent_has_not_given(
    engine: Engine, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    await serve(engine, log)
    handle = await engine.start("trip", False)
    await handle.result()
    child = f"{handle.id}/leg-1"
    run_id = (await engine.client.get_workflow_handle(child).describe()).run_id
    order = schema.RollBackOrder(workflow_id=child, run_id=run_id)
    forged = await engine.client.start_workflow(
        UNDO_RUN, order, id=undo_run_id(child, run_id, 1), task_queue=engine.queue
    )
    assert "it is not signed" in await refusal(forged)
    assert lines(log) == ["done 1", "done 2"]
