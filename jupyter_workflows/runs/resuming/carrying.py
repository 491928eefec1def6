"""Carrying out a plan: corrected code served, the run reset or pinned to it, once however many people ask."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import PendingActivityState, ResetReapplyExcludeType
from temporalio.api.workflow.v1 import PostResetOperation, VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentVersionRequest,
    ResetActivityRequest,
    ResetWorkflowExecutionRequest,
    UpdateWorkflowExecutionOptionsRequest,
)
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError

from ...authoring.execution import GO_ON, KEEP
from ...errors import JupyterWorkflowsError, ResumeRefused, WorkerUnavailable
from ...plugin.ancestry import REPLACE
from ...schema import KeptAct
from ...schema.resumes import Replacements, ResumeMark, ResumePlan
from ..access import RunAccess, in_our_words, translated
from ..decisions import json_value
from ..reading import RunReader
from .planning import Wish, acts_after, plan, record_of
from .workshop import Workshop, workshop_in_force

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows: the turn holds within a process
    fcntl = None

READY_SECONDS = 30.0
LOOK_SECONDS = 0.02
SETTLE_SECONDS = 0.3
UNKNOWN_VERSION = "is not present in"
PINNED_BEHAVIOUR = VersioningOverride.PinnedOverrideBehavior.PINNED_OVERRIDE_BEHAVIOR_PINNED
PINNED = FieldMask(paths=["versioning_override"])
_turns: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()


async def resume(
    reader: RunReader,
    workshop: Workshop,
    bundle: Path,
    wish: Wish,
    *,
    seen: str = "",
    planned: ResumePlan | None = None,
) -> str:
    """Resumes a run and gives the run id of the execution that goes on.

    Args:
        reader: Of the run.
        workshop: Where the code is served.
        bundle: The corrected code.
        wish: From where, and with what.
        seen: The execution the person looked at; where it was resumed meanwhile, the new one is the answer.
        planned: The plan of this wish as it was shown; made anew where the run went on since.

    Raises:
        ResumeRefused: It can't be done as wished; says what can.
    """
    asked_at = datetime.now(UTC)
    async with turn(reader.access, reader.workflow_id):
        successor = await successor_of(reader, seen, asked_at) if seen else ""
        if successor:
            return successor
        if planned is None or not await still_holds(reader, planned):
            planned = await plan(reader, workshop, bundle, wish)
        return await carry_out(reader, workshop, bundle, planned, wish)


async def still_holds(reader: RunReader, planned: ResumePlan) -> bool:
    """Whether nothing happened to a run since a plan was made: a long history is not read twice."""
    newest = (await reader.describe_execution("")).workflow_execution_info
    return newest.execution.run_id == planned.run_id and newest.history_length == planned.last_event


async def resumed(
    reader: RunReader, from_step: str | None, *, only_plan: bool = False, seen: str = ""
) -> tuple[ResumePlan, str]:
    """Resumes a run in the workshop of this process: the plan, and the execution that goes on where it was begun.

    Raises:
        ResumeRefused: It can't be done from there; says from where it can.
    """
    workshop = workshop_in_force()
    bundle = await asyncio.to_thread(workshop.corrected, await reader.run())
    wish = Wish(from_step=from_step)
    wanted = await plan(reader, workshop, bundle, wish)
    run_id = "" if only_plan else await resume(reader, workshop, bundle, wish, seen=seen, planned=wanted)
    return wanted, run_id


async def carry_out(reader: RunReader, workshop: Workshop, bundle: Path, wanted: ResumePlan, wish: Wish) -> str:
    """Does what a plan says; gives the run id of the execution that goes on."""
    access = reader.access
    deployment = await asyncio.to_thread(workshop.serve, bundle, wanted.queue)
    version = WorkerDeploymentVersion(deployment_name=deployment, build_id=wanted.bundle)
    await served(access, version, wanted.queue)
    kept = await acts_after(reader, await record_of(reader), wanted.point) if wanted.acts else []
    if kept:
        nonces = [each.act.nonce for each in kept]
        await asyncio.to_thread(workshop.keep, wanted.queue, wanted.id, nonces)
    override = VersioningOverride(pinned=VersioningOverride.PinnedOverride(behavior=PINNED_BEHAVIOUR, version=version))
    options = WorkflowExecutionOptions(versioning_override=override)
    if wanted.mode == "live":
        await pin(access, wanted, options)
        await go_on(access, wanted, wanted.run_id)
        return wanted.run_id
    mark = ResumeMark(
        from_step=wanted.from_step,
        by=workshop.person,
        replaced=wanted.replaced,
        input_of=wanted.input_of,
        point=wanted.point if wanted.reset_to else 0,
        told_by=wanted.told_by,
    )
    if wanted.told_by and wanted.status != "running":
        # It only saves time.
        with contextlib.suppress(JupyterWorkflowsError):
            await asyncio.to_thread(workshop.foresee, wanted.queue, wanted.id, wanted.run_id, mark)
    run_id = await reset(access, wanted, options, mark)
    if wanted.replaced or wanted.input_of:
        await send_replacements(access, wanted, run_id, wish, workshop.person)
    await go_on(access, wanted, run_id)
    await send_kept(access, wanted.id, run_id, kept)
    return run_id


async def served(access: RunAccess, version: WorkerDeploymentVersion, queue: str) -> None:
    """Waits until the server knows that a version polls a queue.

    A pinned run is refused before, and the refusal is remembered for a second: so it is asked for first.

    Raises:
        WorkerUnavailable: It does not come to know it.
    """
    request = DescribeWorkerDeploymentVersionRequest(namespace=access.client.namespace, deployment_version=version)
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(RPCError):
            answer = await access.client.workflow_service.describe_worker_deployment_version(request)
            if sum(known.name == queue for known in answer.version_task_queues) >= 2:
                return
        await asyncio.sleep(LOOK_SECONDS)
    raise WorkerUnavailable(
        f"the Temporal server did not learn within {READY_SECONDS:.0f} s that the corrected code is served on {queue}: "
        "see `%workflow status`; nothing was changed"
    )


async def insisting(access: RunAccess, run_id: str, call: Any) -> Any:
    """The answer to a call that pins a run to a version which the server may not know everywhere yet."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            return await call()
        except RPCError as error:
            if UNKNOWN_VERSION not in error.message or time.monotonic() > deadline:
                raise translated(error, access, run_id) from None
            await asyncio.sleep(5 * LOOK_SECONDS)


async def reset(access: RunAccess, wanted: ResumePlan, options: WorkflowExecutionOptions, mark: ResumeMark) -> str:
    """Begins the new execution."""
    pinned = PostResetOperation.UpdateWorkflowOptions(workflow_execution_options=options, update_mask=PINNED)
    request = ResetWorkflowExecutionRequest(
        namespace=access.client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=wanted.id, run_id=wanted.run_id),
        workflow_task_finish_event_id=wanted.reset_to or wanted.point,
        reason=mark.model_dump_json(),
        request_id=str(uuid.uuid5(uuid.NAMESPACE_URL, wanted.run_id)),
        identity=mark.by,
        # What came after the point was said to another execution. What people said is sent again by `send_kept`.
        reset_reapply_exclude_types=[
            ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL,
            ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_UPDATE,
            ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_CANCEL_REQUEST,
        ],
        post_reset_operations=[PostResetOperation(update_workflow_options=pinned)],
    )
    answer = await insisting(
        access, wanted.id, lambda: access.client.workflow_service.reset_workflow_execution(request)
    )
    return answer.run_id


async def pin(access: RunAccess, wanted: ResumePlan, options: WorkflowExecutionOptions) -> None:
    """Lets an open run go on with newer code; steps that wait for another attempt begin anew."""
    execution = WorkflowExecution(workflow_id=wanted.id, run_id=wanted.run_id)
    service, namespace = access.client.workflow_service, access.client.namespace
    request = UpdateWorkflowExecutionOptionsRequest(
        namespace=namespace, workflow_execution=execution, workflow_execution_options=options, update_mask=PINNED
    )
    await insisting(access, wanted.id, lambda: service.update_workflow_execution_options(request))
    # Temporal gives steps to the new version by itself, some at once: an attempt that has begun must not be disturbed.
    await asyncio.sleep(SETTLE_SECONDS)
    reader = RunReader(access, wanted.id, wanted.run_id, pinned=True)
    for pending in (await reader.describe_execution(wanted.run_id)).pending_activities:
        due = pending.next_attempt_schedule_time.ToDatetime(UTC) if pending.HasField("last_failure") else None
        waits = pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
        if waits and due is not None and due > datetime.now(UTC) + timedelta(seconds=2 * SETTLE_SECONDS):
            with contextlib.suppress(RPCError):
                await service.reset_activity(
                    ResetActivityRequest(namespace=namespace, execution=execution, id=pending.activity_id)
                )


async def send_replacements(access: RunAccess, wanted: ResumePlan, run_id: str, wish: Wish, person: str) -> None:
    """Puts the replaced values into the new execution's history; its steps wait for them."""
    replacements = replacements_of(wanted.input_of, wish.input_override, wish.results, person)
    handle = access.client.get_workflow_handle(wanted.id, run_id=run_id)
    with in_our_words(access, wanted.id):
        await handle.signal(REPLACE, replacements)  # pyright: ignore[reportUnknownMemberType]


def replacements_of(step: str | None, override: Any, results: Mapping[str, Any], person: str) -> dict[str, Any]:
    """The payload of the signal that puts values in the place of recorded ones.

    Raises:
        PayloadError: One can't travel.
    """
    inputs = {step: arguments(override)} if step else {}
    return Replacements(
        by=person,
        at=datetime.now(UTC),
        results={name: json_value(value, f"the result of {name}") for name, value in results.items()},
        inputs={name: json_value(values, f"the input of {name}") for name, values in inputs.items()},
    ).model_dump(mode="json")


async def go_on(access: RunAccess, wanted: ResumePlan, run_id: str) -> None:
    """Lets the execution show its open approvals as the newer code asks them; one that has ended needs it no more."""
    if not any(step.kind == "approval" for step in (*wanted.kept, *wanted.again)):
        return
    with contextlib.suppress(RPCError):
        await access.client.get_workflow_handle(wanted.id, run_id=run_id).signal(GO_ON)  # pyright: ignore[reportUnknownMemberType]


async def send_kept(access: RunAccess, workflow_id: str, run_id: str, kept: Sequence[KeptAct]) -> None:
    """Tells the new execution what people said; it counts there if the same is asked. Not told, it asks again."""
    handle = access.client.get_workflow_handle(workflow_id, run_id=run_id)
    with contextlib.suppress(RPCError, TimeoutError):
        async with asyncio.timeout(READY_SECONDS):
            for each in kept:
                with contextlib.suppress(WorkflowUpdateFailedError):
                    await handle.execute_update(KEEP, each.model_dump(mode="json"), id=f"kept-{each.act.nonce}")  # pyright: ignore[reportUnknownMemberType]


def arguments(override: Any) -> list[Any]:
    """The arguments of a step: a list or tuple of them, or the only one."""
    return list(override) if isinstance(override, list | tuple) else [override]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


async def successor_of(reader: RunReader, run_id: str, asked_at: datetime) -> str:
    """The execution that another person began from this one: one that goes on, or was begun since this one asked."""
    successor = (await reader.describe_execution(run_id)).workflow_extended_info.reset_run_id
    if not successor:
        return ""
    # Whoever names one execution means it, and yet is answered with the one that goes on.
    newest = await RunReader(reader.access, reader.workflow_id, run_id).run()
    return newest.run_id if newest.status == "running" or newest.started_at > asked_at else ""


@contextlib.asynccontextmanager
async def turn(access: RunAccess, workflow_id: str) -> AsyncGenerator[None]:
    """Lets the resumptions of one run go one after the other, in all processes of a home.

    Temporal does not know a reset again by its request id: two at once would make two executions.

    Raises:
        ResumeRefused: Another one does not end.
    """
    loop = asyncio.get_running_loop()
    lock = _turns.setdefault((id(loop), workflow_id), asyncio.Lock())
    async with lock:
        held = await asyncio.to_thread(lock_file, access.cache, workflow_id)
        try:
            yield
        finally:
            if held is not None:
                held.close()


def lock_file(cache: Path | None, workflow_id: str) -> Any:
    """An open file whose lock this process holds; None where there is no place for one.

    Raises:
        ResumeRefused: Another process has held it for too long.
    """
    if cache is None or fcntl is None:
        return None
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = (cache / f"resume-{uuid.uuid5(uuid.NAMESPACE_URL, workflow_id)}.lock").open("w")
    deadline = time.monotonic() + 2 * READY_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                file.close()
                raise ResumeRefused(
                    f"run {workflow_id} is being resumed by another process, which takes long"
                ) from None
            time.sleep(LOOK_SECONDS)
        else:
            return file
