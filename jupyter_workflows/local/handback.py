"""What nobody works on any more is given back to Temporal at once, so that the run goes on without waiting.

Temporal notices a dead worker by timeouts: a second for the sticky queue, ten for a workflow task, the heartbeat
timeout for a step. Its successor knows better: the supervisor has seen the process end. And where the server died
between giving a task out and the worker's receiving it, that worker knows that it never had it.

Such steps are failed with `WorkerDied` or `TaskLost`. That takes none of the attempts their retry policy gives them,
until a step has seen so many deaths that it may be their cause. Such workflow tasks are failed with `RESET_STICKY`, as
the server does itself.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import RetryPolicy, WorkflowExecution
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    DescribeWorkflowExecutionResponse,
    ListWorkflowExecutionsRequest,
    ResetStickyTaskQueueRequest,
    UpdateActivityOptionsRequest,
)
from temporalio.client import AsyncActivityCancelledError, Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from ..authoring.durable_cells import STEP as CELL
from .workflow_tasks import fail_workflow_task

AT_ONCE = 16
RETRY_DELAY = timedelta(milliseconds=1)
"""Zero would mean the retry policy's own interval."""
FORGIVEN_DEATHS = 5
"""A step that takes all memory or crashes the interpreter kills every worker that runs it: it must fail in the end."""
_IDENTITY = re.compile(r"jw-(?P<key>[0-9a-f]+)-(?P<epoch>[0-9a-f]+)\.(?P<number>[0-9]+)")


@dataclass(frozen=True)
class Predecessors:
    """Which workers are known to be dead, seen from one that lives.

    Identities are `jw-<host key>-<epoch>.<number>`: the epoch is that of the supervisor, whose children die with it.

    Args:
        identity: The living worker's own identity.
        dead: Identities of this epoch whose process has ended.
    """

    identity: str
    dead: frozenset[str] = frozenset()

    def include(self, identity: str) -> bool:
        """Whether the worker with this identity is certainly dead."""
        if identity in self.dead:
            return True
        found, own = _IDENTITY.fullmatch(identity), _IDENTITY.fullmatch(self.identity)
        if not found or not own or identity == self.identity:
            return False
        return found["epoch"] != own["epoch"] or found["key"] == own["key"]


async def hand_back(client: Client, queues: Collection[str], predecessors: Predecessors, *, before: datetime) -> int:
    """Gives back what dead workers had in all open runs on `queues`: steps, workflow tasks and sticky queues.

    Args:
        client: Connected to the server.
        queues: Task queues that no other living worker polls.
        predecessors: Whose steps are given back.
        before: Workflow tasks that were given out before are given back.

    Returns:
        How many steps and workflow tasks were given back.
    """

    async def one(run: WorkflowExecution) -> int:
        request = ResetStickyTaskQueueRequest(namespace=client.namespace, execution=run)
        _, found = await asyncio.gather(
            client.workflow_service.reset_sticky_task_queue(request), described(client, run)
        )
        left = [step for step in started(found) if predecessors.include(step.last_worker_identity)]
        steps = [_fail(client, run, step, _died(step), forgiven=step.maximum_attempts > 1) for step in left]
        return sum(await asyncio.gather(*steps, fail_workflow_task(client, found, before)))

    return await _in_each(client, queues, one)


async def hand_back_undelivered(
    client: Client, queues: Collection[str], identity: str, has_begun: Callable[[str, str, int], bool], before: datetime
) -> int:
    """Gives back what a server that died gave out to this worker, and this worker never received.

    Args:
        client: Connected to the server that is back.
        queues: Task queues that only this worker polls.
        identity: This worker's identity.
        has_begun: Whether this worker has begun an attempt: of a run id, an activity id, the attempt's number.
        before: When the server was started again.

    Returns:
        How many steps and workflow tasks were given back.
    """

    async def one(run: WorkflowExecution) -> int:
        found = await described(client, run)
        left = [
            step
            for step in started(found)
            if step.last_worker_identity == identity
            and step.last_started_time.ToDatetime(UTC) < before
            and not has_begun(run.run_id, step.activity_id, step.attempt)
        ]
        steps = [_fail(client, run, step, _lost(step), forgiven=True) for step in left]
        return sum(await asyncio.gather(*steps, fail_workflow_task(client, found, before)))

    return await _in_each(client, queues, one)


async def _in_each(client: Client, queues: Collection[str], one: Callable[[WorkflowExecution], Awaitable[int]]) -> int:
    slots = asyncio.Semaphore(AT_ONCE)

    async def bounded(run: WorkflowExecution) -> int:
        async with slots:
            try:
                return await one(run)
            except RPCError:
                # Closed in the meantime, or the server is on its way down again: the timeouts remain.
                return 0

    return sum(await asyncio.gather(*[bounded(run) async for run in open_runs(client, queues)]))


async def described(client: Client, run: WorkflowExecution) -> DescribeWorkflowExecutionResponse:
    """What the server says of a run."""
    request = DescribeWorkflowExecutionRequest(namespace=client.namespace, execution=run)
    return await client.workflow_service.describe_workflow_execution(request)


def started(found: DescribeWorkflowExecutionResponse) -> list[PendingActivityInfo]:
    """The steps that a worker is said to be at; durable cells are left out, which a kernel runs."""
    return [
        step
        for step in found.pending_activities
        if step.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED and step.activity_type.name != CELL
    ]


async def open_runs(client: Client, queues: Collection[str]) -> AsyncIterator[WorkflowExecution]:
    """The open runs on some task queues.

    Over the raw service: the SDK's own listing fails as a whole when one run has a status it doesn't know.
    """
    if not queues:
        return
    request = ListWorkflowExecutionsRequest(namespace=client.namespace, query=query(queues), page_size=500)
    while True:
        page = await client.workflow_service.list_workflow_executions(request)
        for run in page.executions:
            yield run.execution
        if not page.next_page_token:
            return
        request.next_page_token = page.next_page_token


def query(queues: Collection[str]) -> str:
    """The visibility query for open runs on some task queues."""
    listed = ", ".join(f"'{queue}'" for queue in sorted(queues))
    return f"ExecutionStatus = 'Running' AND TaskQueue IN ({listed})"


def _died(step: PendingActivityInfo) -> ApplicationError:
    text = f"the worker process died during attempt {step.attempt}"
    return ApplicationError(text, type="WorkerDied", next_retry_delay=RETRY_DELAY)


def _lost(step: PendingActivityInfo) -> ApplicationError:
    text = f"the server died while it gave attempt {step.attempt} to a worker, which never began it"
    return ApplicationError(text, type="TaskLost", next_retry_delay=RETRY_DELAY)


async def _fail(
    client: Client, run: WorkflowExecution, step: PendingActivityInfo, error: ApplicationError, *, forgiven: bool
) -> int:
    handle = client.get_async_activity_handle(
        workflow_id=run.workflow_id, run_id=run.run_id, activity_id=step.activity_id
    )
    try:
        if forgiven:
            await _forgive(client, run, step)
        await handle.fail(error)
    except (RPCError, AsyncActivityCancelledError):
        # Its timeout was faster.
        return 0
    return 1


async def _forgive(client: Client, run: WorkflowExecution, step: PendingActivityInfo) -> None:
    """Give a step one more attempt, in place of the one that was taken from it; one without a limit needs none."""
    if step.maximum_attempts == 0 or step.attempt > FORGIVEN_DEATHS:
        return
    await client.workflow_service.update_activity_options(
        UpdateActivityOptionsRequest(
            namespace=client.namespace,
            execution=run,
            id=step.activity_id,
            activity_options=ActivityOptions(retry_policy=RetryPolicy(maximum_attempts=step.maximum_attempts + 1)),
            update_mask=FieldMask(paths=["retry_policy.maximum_attempts"]),
        )
    )
