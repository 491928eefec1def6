"""Rolls a run back: one that is open undoes itself, one that has ended is undone by a run of its own.

Such a run has an id made of the other's ids and a number. Each exists once, so two people who ask at once get one; the
next one is only begun when the one before has ended, and undoes what that left.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from ..authoring.rollback import ASK, UNDO_RUN, undo_run_id
from ..errors import JupyterWorkflowsError, RunNotFound
from ..schema import Effect, RollBackOrder, Run, SignedRollBack
from ..security import identity
from .access import ENDED, RunAccess, in_our_words, translated
from .client import StartRequest, search_attributes, started_by
from .decisions import ANSWER_WITHIN, ENDED_MEANWHILE, GOOD_FOR, private_key
from .effects import effects_of, effects_words, left, with_later
from .listing import read_run
from .reading import RunReader, Snapshot
from .untrusted import one_line


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
            return await undone_elsewhere(reader, snapshot, by=by, reason=reason)
        if snapshot.rollback or await asked(reader, signed(reader, snapshot.run, 0, by, reason)):
            return snapshot.run.id, snapshot.run.run_id


def signed(reader: RunReader, run: Run, generation: int, by: str, reason: str) -> SignedRollBack:
    """The wish to have a run undone, with the user's signature.

    Raises:
        ApprovalRefused: The user's key can't be used.
    """
    now = datetime.now(UTC)
    request = SignedRollBack(
        workflow_id=run.id,
        run_id=run.run_id,
        generation=generation,
        by=by,
        reason=reason,
        issued_at=now,
        expires_at=now + GOOD_FOR,
        nonce=secrets.token_hex(16),
    )
    return identity.sign(request, private_key(reader))


async def asked(reader: RunReader, request: SignedRollBack) -> bool:
    """Tells an open run who wants it undone, and cancels it; False where it has ended meanwhile.

    Raises:
        JupyterWorkflowsError: It was refused, or no worker took it in time; then the run is not cancelled either.
    """
    handle = reader.access.client.get_workflow_handle(request.workflow_id, run_id=request.run_id)
    try:
        async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
            await handle.execute_update(ASK, request.model_dump(mode="json"), id=request.nonce)  # pyright: ignore[reportUnknownMemberType]
        await handle.cancel()
    except WorkflowUpdateFailedError as error:
        if getattr(error.cause, "type", None) == ENDED_MEANWHILE:
            return False
        raise JupyterWorkflowsError(f"run {reader.workflow_id} was not rolled back: {one_line(error.cause)}") from None
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        raise JupyterWorkflowsError(
            f"no worker of run {reader.workflow_id} answered within {ANSWER_WITHIN.total_seconds():.0f} s, so nothing "
            "is undone yet: start it (`%workflow up`) and roll back again"
        ) from None
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND and ENDED in error.message:
            return False
        raise translated(error, reader.access, reader.workflow_id) from None
    return True


async def undone_elsewhere(reader: RunReader, snapshot: Snapshot, *, by: str, reason: str) -> tuple[str, str]:
    """Starts the run that undoes one which has ended, or finds the one that is at it.

    Raises:
        JupyterWorkflowsError: Nothing is left to undo.
    """
    run, access = snapshot.run, reader.access
    found = await undoing(access, snapshot)
    if found.open and found.newest:
        known = await RunReader(access, found.newest).run()
        return known.id, known.run_id
    if not left(found.effects):
        told = effects_words(found.effects) or "none of its steps has compensate="
        raise JupyterWorkflowsError(f"nothing of run {run.id} is left to undo ({told})")
    generation = found.generation + 1
    request = signed(reader, run, generation, by, reason)
    order = RollBackOrder(workflow_id=run.id, run_id=run.run_id, generation=generation, request=request)
    return await started(access, order, by)


async def started(access: RunAccess, order: RollBackOrder, by: str) -> tuple[str, str]:
    """Starts the run that undoes another one, on that one's bundle and queue."""
    reader = RunReader(access, order.workflow_id, order.run_id, pinned=True)
    described = await reader.describe()
    queue = described.execution_config.task_queue.name
    run = read_run(described.workflow_execution_info)
    known = StartRequest(workflow=UNDO_RUN, task_queue=queue, bundle=run.bundle, notebook=run.notebook, starter=by)
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
