"""Starting a fork: its code served for the steps it keeps, and a run of its own beside the old one."""

from __future__ import annotations

import asyncio
import secrets
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from temporalio.api.deployment.v1 import WorkerDeploymentVersion as Version
from temporalio.common import PinnedVersioningOverride, WorkerDeploymentVersion

from ...authoring.starter import FORK_MEMO
from ...errors import JupyterWorkflowsError
from ...plugin.ancestry import REPLACE
from ...schema.resumes import ForkMark, ResumePlan
from ..access import RunAccess
from ..client import StartRequest, starting
from ..reading import RunReader
from ..resuming.carrying import LOOK_SECONDS, READY_SECONDS, UNKNOWN_VERSION, replacements_of, served
from ..resuming.workshop import Workshop, workshop_in_force
from .planning import Fork, ForkWish, plan_fork

if TYPE_CHECKING:
    from ..handle import Run

BRANCH = "/fork:"
"""What a fork's id has between that of the run it was forked from and its own part; no step's id has it."""


async def start_fork(reader: RunReader, workshop: Workshop, fork: Fork, by: str = "") -> tuple[str, str]:
    """Starts a fork; gives its workflow id and run id. The run it is forked from is left as it is.

    Args:
        reader: Of the run.
        workshop: Where the code is served.
        fork: What to start.
        by: Who forks; by default the workshop's person.

    Raises:
        WorkerUnavailable: Its code can't be served.
        ConnectionFailed: The server is out of reach.
    """
    access, plan = reader.access, fork.plan
    by = by or workshop.person
    deployment = await asyncio.to_thread(workshop.serve, fork.bundle, plan.queue)
    await served(access, Version(deployment_name=deployment, build_id=plan.bundle), plan.queue)
    signal = None
    if plan.replaced or plan.input_of:
        signal = (REPLACE, replacements_of(plan.input_of, fork.wish.input_override, fork.wish.results, by))
    seconds = fork.workflow.timeout_seconds
    request = StartRequest(
        workflow=plan.workflow,
        task_queue=plan.queue,
        args=fork.arguments,
        id=f"{plan.id}{BRANCH}{secrets.token_hex(4)}",
        bundle=plan.bundle,
        notebook=fork.notebook,
        starter=by,
        timeout=timedelta(seconds=seconds) if seconds is not None else None,
        memo={FORK_MEMO: mark_of(fork, by).model_dump(mode="json")},
        version=PinnedVersioningOverride(WorkerDeploymentVersion(deployment, plan.bundle)),
        signal=signal,
    )
    run = await started(access, request)
    handle = access.client.get_workflow_handle(run.id, run_id=run.reader.run_id)
    for name, payloads in fork.signals:
        await handle.signal(name, args=payloads)  # pyright: ignore[reportUnknownMemberType]
    return run.id, run.reader.run_id


async def started(access: RunAccess, request: StartRequest) -> Run[Any]:
    """Starts a run that is pinned to a version which the server may not know everywhere yet."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            return await starting(access, request)
        except JupyterWorkflowsError as error:
            if UNKNOWN_VERSION not in str(error) or time.monotonic() > deadline:
                raise
            await asyncio.sleep(5 * LOOK_SECONDS)


def mark_of(fork: Fork, by: str) -> ForkMark:
    """What the memo of a fork says."""
    plan = fork.plan
    return ForkMark(
        id=plan.id,
        run_id=plan.run_id,
        until=plan.last_event,
        from_step=plan.from_step,
        point=plan.point,
        by=by,
        changes=plan.changes,
        children=fork.children,
        replaced=plan.replaced,
        input_of=plan.input_of,
    )


async def forked(
    reader: RunReader, wish: ForkWish, *, only_plan: bool = False, by: str = ""
) -> tuple[ResumePlan, tuple[str, str] | None]:
    """Forks a run in the workshop of this process: the plan, and the ids of the new run where it was started.

    Raises:
        ResumeRefused: It can't be done as wished; says why.
    """
    workshop = workshop_in_force()
    fork = await plan_fork(reader, workshop, wish)
    return fork.plan, None if only_plan else await start_fork(reader, workshop, fork, by)
