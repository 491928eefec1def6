"""A workflow task that nobody works on: failed, so that the server gives it out again at once.

The server itself waits for the task's timeout, ten seconds. A worker answers with the token it was given the task with;
here nobody has that, so it is made: a protobuf message of the server's own (`temporal.server.api.token.v1.Task`), of
which the server looks at the fields below. A server that wants other fields refuses it, and the timeout remains.
"""

from __future__ import annotations

from datetime import UTC, datetime

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, PendingWorkflowTaskState, WorkflowTaskFailedCause
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeWorkflowExecutionResponse,
    GetWorkflowExecutionHistoryReverseRequest,
    RespondWorkflowTaskFailedRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError

# Field numbers of the token.
NAMESPACE_ID, WORKFLOW_ID, RUN_ID, SCHEDULED_EVENT_ID, ATTEMPT = 1, 2, 3, 4, 5


async def fail_workflow_task(client: Client, found: DescribeWorkflowExecutionResponse, before: datetime) -> int:
    """Fails a run's workflow task where a worker was given it before a time; gives the number of tasks failed.

    A worker that is at it after all is told that its answer is not wanted, and does the task again.
    """
    task = found.pending_workflow_task
    is_started = task.state == PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED
    # Only the first attempt is in the history.
    if not is_started or task.attempt != 1 or task.started_time.ToDatetime(UTC) >= before:
        return 0
    run = found.workflow_execution_info.execution
    try:
        scheduled = await _scheduled_event(client, run)
        if scheduled is None:
            return 0
        token = task_token(await _namespace_id(client), run, scheduled)
        await client.workflow_service.respond_workflow_task_failed(
            RespondWorkflowTaskFailedRequest(
                namespace=client.namespace,
                task_token=token,
                cause=WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_STICKY_TASK_QUEUE,
                identity=client.identity,
            )
        )
    except RPCError:
        # It was answered in the meantime.
        return 0
    return 1


async def _scheduled_event(client: Client, run: WorkflowExecution) -> int | None:
    """The event that scheduled the workflow task which was started last."""
    page = await client.workflow_service.get_workflow_execution_history_reverse(
        GetWorkflowExecutionHistoryReverseRequest(namespace=client.namespace, execution=run, maximum_page_size=1)
    )
    for event in page.history.events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED:
            return event.workflow_task_started_event_attributes.scheduled_event_id
    return None


async def _namespace_id(client: Client) -> str:
    found = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    return found.namespace_info.id


def task_token(namespace_id: str, run: WorkflowExecution, scheduled_event_id: int) -> bytes:
    """The token of the first attempt at a workflow task."""
    texts = ((NAMESPACE_ID, namespace_id), (WORKFLOW_ID, run.workflow_id), (RUN_ID, run.run_id))
    numbers = ((SCHEDULED_EVENT_ID, scheduled_event_id), (ATTEMPT, 1))
    return b"".join([_text(*each) for each in texts] + [_number(*each) for each in numbers])


def _text(field: int, text: str) -> bytes:
    data = text.encode()
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _varint(number: int) -> bytes:
    more, seven = divmod(number, 128)
    return bytes([seven | 128]) + _varint(more) if more else bytes([seven])
