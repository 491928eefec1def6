"""What Temporal's own history says of a run; the checker reads nothing else of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory
from temporalio.service import RPCError

E = EventType
ENDS = {
    E.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: "completed",
    E.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: "failed",
    E.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: "timed_out",
    E.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: "cancelled",
    E.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: "terminated",
}


@dataclass
class Told:
    """A run as its history tells it.

    `completed` has, for each step that is complete in history, the attempt that completed it and when.
    """

    status: str = "running"
    result: Any = None
    failure: str = ""
    completed: dict[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])
    updates: int = 0
    first_execution: str = ""


async def read_history(client: Client, workflow_id: str) -> Told | None:
    """The newest execution of a workflow id; None when the server knows none."""
    try:
        history = await client.get_workflow_handle(workflow_id).fetch_history()
    except RPCError:
        return None
    if codec := client.data_converter.payload_codec:
        # What failures say is left as it is: the checker compares results.
        results = history.events[-1].workflow_execution_completed_event_attributes.result.payloads
        plain = await codec.decode(results)
        for payload, decoded in zip(results, plain, strict=True):
            payload.CopyFrom(decoded)
    return told(history)


def told(history: WorkflowHistory) -> Told:
    """Reduce a history."""
    run = Told()
    scheduled: dict[int, str] = {}
    attempts: dict[int, int] = {}
    for event in history.events:
        if event.event_type == E.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            scheduled[event.event_id] = event.activity_task_scheduled_event_attributes.activity_id
        elif event.event_type == E.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            started = event.activity_task_started_event_attributes
            attempts[started.scheduled_event_id] = started.attempt
        elif event.event_type == E.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            of = event.activity_task_completed_event_attributes.scheduled_event_id
            run.completed[scheduled[of]] = (attempts[of], event.event_time.ToNanoseconds() / 1e9)
        elif event.event_type == E.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
            run.updates += 1
        elif event.event_type == E.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            run.first_execution = event.workflow_execution_started_event_attributes.original_execution_run_id
        elif event.event_type in ENDS:
            run.status = ENDS[event.event_type]
            _read_end(run, event)
    return run


def _read_end(run: Told, event: Any) -> None:
    payloads = event.workflow_execution_completed_event_attributes.result.payloads
    if payloads and payloads[0].metadata.get("encoding") == b"json/plain":
        run.result = json.loads(payloads[0].data)
    failure = event.workflow_execution_failed_event_attributes.failure
    words: list[str] = []
    while failure.message or failure.HasField("cause"):
        words.append(f"{failure.application_failure_info.type} {failure.message}".strip())
        failure = failure.cause
    run.failure = " <- ".join(words)
