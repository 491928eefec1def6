"""Rolls a run back: one that is open undoes itself, one that has ended is undone by a run of its own.

Such a run has an id made of the other's ids and a number. Each exists once, so two people who ask at once get one; the
next one is only begun when the one before has ended, and undoes what that left.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from ..authoring.rollback import ASK, UNDO_RUN, undo_run_id
from ..errors import JupyterWorkflowsError, RunNotFound
from ..schema import Effect, RollBackOrder, RollBackRequest
from .access import ENDED, RunAccess, in_our_words, translated
from .client import StartRequest, search_attributes, started_by
from .effects import effects_of, effects_words, left, with_later
from .listing import read_run
from .reading import RunReader, Snapshot


@dataclass(frozen=True)
class Undoing:
    """The runs that undo another one.

    Args:
        effects: The other run's effects, as they are after all of them.
        newest: The newest of them that exists; None where there is none.
        generation: Its number; 0 where there is none.
        open: Whether it is still at it.
    """

    effects: list[Effect]
    newest: str | None = None
    generation: int = 0
    open: bool = False


async def undoing(access: RunAccess, snapshot: Snapshot) -> Undoing:
    """What became of a run's effects, in the run itself and in those that undo it."""
    run = snapshot.run
    found = Undoing(effects_of(snapshot.steps, snapshot.rollback))
    if run.status == "running" or not found.effects:
        return found
    while True:
        generation = found.generation + 1
        reader = RunReader(access, undo_run_id(run.id, run.run_id, generation))
        try:
            later = await reader.snapshot()
        except RunNotFound:
            return found
        effects = with_later(found.effects, effects_of(later.steps, later.rollback), reader.workflow_id)
        found = Undoing(effects, reader.workflow_id, generation, open=later.run.status == "running")


async def roll_back(reader: RunReader, *, by: str, reason: str = "") -> tuple[str, str]:
    """Has a run rolled back, and gives workflow id and run id of the run that does it.

    Raises:
        JupyterWorkflowsError: Nothing of it is left to undo.
        RunNotFound: There is no such run.
        ConnectionFailed: The server is out of reach.
    """
    while True:
        snapshot = await reader.snapshot()
        if snapshot.run.status != "running":
            return await undone_elsewhere(reader.access, snapshot, by=by, reason=reason)
        if snapshot.rollback or await asked(reader.access.client, reader, RollBackRequest(by=by, reason=reason)):
            return snapshot.run.id, snapshot.run.run_id


async def asked(client: Client, reader: RunReader, request: RollBackRequest) -> bool:
    """Tells an open run who wants it undone, and cancels it; False where it has ended meanwhile."""
    handle = client.get_workflow_handle(reader.workflow_id, run_id=reader.run_id)
    try:
        await handle.signal(ASK, request)
        await handle.cancel()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND and ENDED in error.message:
            return False
        raise translated(error, reader.access, reader.workflow_id) from None
    return True


async def undone_elsewhere(access: RunAccess, snapshot: Snapshot, *, by: str, reason: str) -> tuple[str, str]:
    """Starts the run that undoes one which has ended, or finds the one that is at it.

    Raises:
        JupyterWorkflowsError: Nothing is left to undo.
    """
    run = snapshot.run
    found = await undoing(access, snapshot)
    if found.open and found.newest:
        known = await RunReader(access, found.newest).run()
        return known.id, known.run_id
    if not left(found.effects):
        told = effects_words(found.effects) or "none of its steps has compensate="
        raise JupyterWorkflowsError(f"nothing of run {run.id} is left to undo ({told})")
    order = RollBackOrder(workflow_id=run.id, run_id=run.run_id, generation=found.generation + 1, by=by, reason=reason)
    return await started(access, order)


async def started(access: RunAccess, order: RollBackOrder) -> tuple[str, str]:
    """Starts the run that undoes another one, on that one's bundle and queue."""
    reader = RunReader(access, order.workflow_id, order.run_id, pinned=True)
    described = await reader.describe()
    queue = described.execution_config.task_queue.name
    run = read_run(described.workflow_execution_info)
    known = StartRequest(
        workflow=UNDO_RUN, task_queue=queue, bundle=run.bundle, notebook=run.notebook, starter=order.by
    )
    name = undo_run_id(order.workflow_id, order.run_id, order.generation)
    held = await asyncio.to_thread(access.serve, queue)
    try:
        with in_our_words(access, name):
            handle = await access.client.start_workflow(
                UNDO_RUN,
                order,
                id=name,
                task_queue=queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                search_attributes=search_attributes(known),
                memo=started_by(access, known, name),
            )
    except WorkflowAlreadyStartedError as error:
        # Somebody else asked at the same time, and it has ended by now.
        return name, error.run_id or ""
    finally:
        held()
    return name, handle.result_run_id or ""
