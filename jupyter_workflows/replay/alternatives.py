"""Histories that might have been: a step that ended otherwise, an approval that was decided otherwise."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_jsonable_python
from temporalio.api.common.v1 import Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import DataConverter

from ..authoring.execution import DECIDE
from ..errors import ReplayFailed
from .doings import Doing
from .tasks import tasks_of

UNSET: Any = object()
STARTED, SCHEDULED = EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED, EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED
CLOSES = (
    "activity_task_completed_event_attributes",
    "activity_task_failed_event_attributes",
    "activity_task_timed_out_event_attributes",
    "activity_task_canceled_event_attributes",
    "child_workflow_execution_completed_event_attributes",
    "child_workflow_execution_failed_event_attributes",
    "child_workflow_execution_timed_out_event_attributes",
    "child_workflow_execution_canceled_event_attributes",
)


@dataclass(frozen=True)
class Instead:
    """What a step is to have ended with.

    Args:
        result: What an activity or a child run gives.
        raises: What it fails with.
        approved: How an approval is decided.
        value: The editable value with which it is approved.
    """

    result: Any = UNSET
    raises: BaseException | None = None
    approved: bool | None = None
    value: Any = UNSET

    def outcome(self, step: str, converter: DataConverter) -> Payloads | Failure:
        """What replaces the result of an activity or a child run.

        Raises:
            ReplayFailed: It is none that such a step can have.
        """
        if self.approved is not None or self.value is not UNSET or (self.result is UNSET) == (self.raises is None):
            raise ReplayFailed(f"{step} gives a result or fails: say result= or raises=")
        if self.raises is None:
            return Payloads(payloads=converter.payload_converter.to_payloads([self.result]))
        failure = Failure(message=str(self.raises))
        failure.application_failure_info.type = type(self.raises).__name__
        failure.application_failure_info.non_retryable = True
        return failure


def with_result(
    events: list[HistoryEvent], doing: Doing, outcome: Payloads | Failure
) -> tuple[list[HistoryEvent], int]:
    """The history in which a step ended otherwise, up to the workflow task that is told so, and that task's start."""
    place = next((index for index, event in enumerate(events) if closes(event, doing)), None)
    if place is None:
        # It is still open: it ends now.
        while events[-1].event_type in (SCHEDULED, STARTED):
            events.pop()
        if doing.kind == "activity" or not child_started(events, doing):
            events.append(begun(events, doing))
        events.append(HistoryEvent(event_id=len(events) + 1, event_time=events[-1].event_time))
        place = len(events) - 1
    events[place] = ended(events, events[place], doing, outcome)
    told = next((i for i in range(place, len(events)) if events[i].event_type == STARTED), None)
    if told is not None:
        return events[: told + 1], events[told].event_id
    del events[place + 1 :]
    return with_task(events)


def with_task(events: list[HistoryEvent]) -> tuple[list[HistoryEvent], int]:
    """The history with one more workflow task that begins, and its start."""
    now = events[-1].event_time
    scheduled = HistoryEvent(event_id=len(events) + 1, event_time=now, event_type=SCHEDULED)
    scheduled.workflow_task_scheduled_event_attributes.attempt = 1
    started = HistoryEvent(event_id=len(events) + 2, event_time=now, event_type=STARTED)
    started.workflow_task_started_event_attributes.scheduled_event_id = scheduled.event_id
    return [*events, scheduled, started], started.event_id


def closes(event: HistoryEvent, doing: Doing) -> bool:
    """Whether an event is the end of a step."""
    kind = event.WhichOneof("attributes") or ""
    if kind not in CLOSES:
        return False
    attributes = getattr(event, kind)
    of = attributes.scheduled_event_id if kind.startswith("activity") else attributes.initiated_event_id
    return of == doing.event_id


def child_started(events: Sequence[HistoryEvent], doing: Doing) -> bool:
    """Whether a child run had begun."""
    return any(
        event.child_workflow_execution_started_event_attributes.initiated_event_id == doing.event_id for event in events
    )


def begun(events: Sequence[HistoryEvent], doing: Doing) -> HistoryEvent:
    """The event that begins an open step: history has none until it ends."""
    event = HistoryEvent(event_id=len(events) + 1, event_time=events[-1].event_time)
    if doing.kind == "child":
        event.event_type = EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED
        child = event.child_workflow_execution_started_event_attributes
        child.initiated_event_id = doing.event_id or 0
        child.workflow_execution.workflow_id, child.workflow_type.name = doing.id, doing.name
        return event
    event.event_type = EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
    event.activity_task_started_event_attributes.scheduled_event_id = doing.event_id or 0
    event.activity_task_started_event_attributes.attempt = 1
    return event


def ended(events: Sequence[HistoryEvent], old: HistoryEvent, doing: Doing, outcome: Payloads | Failure) -> HistoryEvent:
    """The event that ends a step with an outcome, in the place of another."""
    event = HistoryEvent(event_id=old.event_id, event_time=old.event_time)
    scheduled = doing.event_id or 0
    if doing.kind == "activity":
        started = next(
            (e for e in events if e.activity_task_started_event_attributes.scheduled_event_id == scheduled), None
        )
        if isinstance(outcome, Payloads):
            event.event_type = EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED
            attributes: Any = event.activity_task_completed_event_attributes
            attributes.result.CopyFrom(outcome)
        else:
            event.event_type = EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED
            attributes = event.activity_task_failed_event_attributes
            attributes.failure.CopyFrom(outcome)
        attributes.scheduled_event_id = scheduled
        attributes.started_event_id = started.event_id if started else 0
        return event
    started = next(
        (e for e in events if e.child_workflow_execution_started_event_attributes.initiated_event_id == scheduled), None
    )
    if isinstance(outcome, Payloads):
        event.event_type = EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED
        attributes = event.child_workflow_execution_completed_event_attributes
        attributes.result.CopyFrom(outcome)
    else:
        event.event_type = EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED
        attributes = event.child_workflow_execution_failed_event_attributes
        attributes.failure.CopyFrom(outcome)
    attributes.initiated_event_id = scheduled
    attributes.started_event_id = started.event_id if started else 0
    attributes.workflow_execution.workflow_id, attributes.workflow_type.name = doing.id, doing.name
    return event


def with_decision(events: Sequence[HistoryEvent], step: str, instead: Instead) -> int:
    """Changes the decision of an approval in place; gives the start of the workflow task that was told of it.

    Raises:
        ReplayFailed: Nobody has decided it, or no decision was given.
    """
    if instead.approved is None or instead.result is not UNSET or instead.raises is not None:
        raise ReplayFailed(f"{step} is an approval: say approved=True or approved=False, and value= for the edited one")
    for event in events:
        accepted = event.workflow_execution_update_accepted_event_attributes
        request = accepted.accepted_request.input
        if not event.HasField("workflow_execution_update_accepted_event_attributes") or request.name != DECIDE:
            continue
        try:
            decision = json.loads(request.args.payloads[0].data)
        except ValueError:
            raise ReplayFailed(f"the decisions on {step} are encrypted: they can't be exchanged") from None
        if decision.get("approval") != step:
            continue
        decision["verdict"] = "approve" if instead.approved else "reject"
        if instead.value is not UNSET:
            decision |= {"value": to_jsonable_python(instead.value), "edited": True}
        request.args.payloads[0].data = json.dumps(decision).encode()
        before = [task for task in tasks_of(events) if task.completed_event_id < event.event_id]
        return before[-1].started_event_id
    raise ReplayFailed(f"nobody has decided {step} in this run: there is no decision that could be another")
