"""What a dead worker host left behind is given back to Temporal at once, so that its successor goes on without waiting.

Temporal notices a dead worker by timeouts: a second for the sticky queue, the heartbeat timeout for a step. The
successor knows better: the supervisor has seen the process end. Its steps are failed with `WorkerDied`. That takes none
of the attempts their retry policy gives them, until a step has seen so many deaths that it may be their cause.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import timedelta

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import RetryPolicy, WorkflowExecution
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    ListWorkflowExecutionsRequest,
    ResetStickyTaskQueueRequest,
    UpdateActivityOptionsRequest,
)
from temporalio.client import AsyncActivityCancelledError, Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

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


async def hand_back(client: Client, queues: Collection[str], predecessors: Predecessors) -> int:
    """Give back the steps and sticky queues of dead workers in all open runs on `queues`.

    Returns:
        How many steps were given back.
    """
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(run: WorkflowExecution) -> int:
        async with slots:
            return await _hand_back_run(client, run, predecessors)

    return sum(await asyncio.gather(*[one(run) async for run in open_runs(client, queues)]))


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


async def _hand_back_run(client: Client, run: WorkflowExecution, predecessors: Predecessors) -> int:
    try:
        _, description = await asyncio.gather(
            client.workflow_service.reset_sticky_task_queue(
                ResetStickyTaskQueueRequest(namespace=client.namespace, execution=run)
            ),
            client.workflow_service.describe_workflow_execution(
                DescribeWorkflowExecutionRequest(namespace=client.namespace, execution=run)
            ),
        )
    except RPCError:
        # Closed in the meantime, or the server is on its way down again: the timeouts remain.
        return 0
    left = [
        step
        for step in description.pending_activities
        if step.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
        and predecessors.include(step.last_worker_identity)
    ]
    return sum(await asyncio.gather(*[_fail(client, run, step) for step in left]))


async def _fail(client: Client, run: WorkflowExecution, step: PendingActivityInfo) -> int:
    handle = client.get_async_activity_handle(
        workflow_id=run.workflow_id, run_id=run.run_id, activity_id=step.activity_id
    )
    died = ApplicationError(
        f"the worker process died during attempt {step.attempt}", type="WorkerDied", next_retry_delay=RETRY_DELAY
    )
    try:
        await _forgive(client, run, step)
        await handle.fail(died)
    except (RPCError, AsyncActivityCancelledError):
        # Its timeout was faster.
        return 0
    return 1


async def _forgive(client: Client, run: WorkflowExecution, step: PendingActivityInfo) -> None:
    """Give a step one more attempt, in place of the one that its worker's death took.

    A step that may run once only stays so, and one without a limit needs none.
    """
    if step.maximum_attempts <= 1 or step.attempt > FORGIVEN_DEATHS:
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
