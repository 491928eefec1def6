"""The steps of an execution that the next one keeps without their events: read from its history, as a record."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Collection, Sequence
from datetime import UTC

from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import (
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryResponse,
)
from temporalio.client import Client
from temporalio.converter import DataConverter

from ..authoring.kept_steps import kept_steps_in
from ..authoring.payload_text import packed
from ..payloads import bare
from ..schema.resumes import KeptStep, KeptSteps
from .resets import reset_in

TASK_COMPLETED = int(EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
SCHEDULED = int(EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
STARTED = int(EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED)
COMPLETED = int(EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
OTHER_ENDS = {
    int(EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED): "activity_task_failed_event_attributes",
    int(EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT): "activity_task_timed_out_event_attributes",
    int(EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED): "activity_task_canceled_event_attributes",
}


class StepsOfHistory:
    """Takes the events of an execution in order, and gives its steps."""

    def __init__(self) -> None:
        self.tasks: list[int] = []
        self.scheduled: dict[int, HistoryEvent] = {}
        self.started: dict[int, HistoryEvent] = {}
        self.completed: list[HistoryEvent] = []
        # When each step ended, whatever way.
        self.ended: dict[str, int] = {}
        # The step whose result tells the execution what it keeps without its events.
        self.told_by = ""

    def apply(self, event: HistoryEvent) -> None:
        """Takes the next event."""
        kind = event.event_type
        if kind == TASK_COMPLETED:
            self.tasks.append(event.event_id)
        elif kind == SCHEDULED:
            self.scheduled[event.event_id] = event
        elif kind == STARTED:
            self.started[event.activity_task_started_event_attributes.scheduled_event_id] = event
        elif kind == COMPLETED:
            self.completed.append(event)
            self.end(event, event.activity_task_completed_event_attributes.scheduled_event_id)
        elif attributes := OTHER_ENDS.get(kind):
            self.end(event, getattr(event, attributes).scheduled_event_id)
        elif reset := reset_in(event):
            self.told_by = reset.mark.told_by or self.told_by

    def end(self, event: HistoryEvent, scheduled: int) -> None:
        """A step has ended."""
        self.ended[self.scheduled[scheduled].activity_task_scheduled_event_attributes.activity_id] = event.event_id

    async def told(self, converter: DataConverter) -> list[KeptStep]:
        """The steps that the execution itself was told of, in the order in which they ended."""
        for event in self.completed:
            attributes = event.activity_task_completed_event_attributes
            asked = self.scheduled[attributes.scheduled_event_id].activity_task_scheduled_event_attributes
            if asked.activity_id == self.told_by:
                results = await bare(converter, attributes.result.payloads[:1])
                record = kept_steps_in(results[0]) if results else None
                return record.steps if record else []
        return []

    async def own(self, converter: DataConverter, told: Collection[str], point: int) -> list[KeptStep]:
        """The steps that completed before an event, in that order, but for those that the execution was told of."""
        before = [(event, self.payloads(event)) for event in self.completed if event.event_id < point]
        opened = iter(await bare(converter, [payload for _, payloads in before for payload in payloads]))
        steps = [self.step(event, [next(opened) for _ in payloads]) for event, payloads in before]
        return [step for step in steps if step.id not in told]

    def payloads(self, completed: HistoryEvent) -> list[Payload]:
        """What a step was given and gave, and its summary."""
        attributes = completed.activity_task_completed_event_attributes
        begun = self.scheduled[attributes.scheduled_event_id]
        inputs = begun.activity_task_scheduled_event_attributes.input.payloads
        summary = [begun.user_metadata.summary] if begun.user_metadata.HasField("summary") else []
        return [*inputs, *attributes.result.payloads, *summary]

    def step(self, completed: HistoryEvent, payloads: Sequence[Payload]) -> KeptStep:
        """A step, with its payloads as they can be read."""
        attributes = completed.activity_task_completed_event_attributes
        begun, started = self.scheduled[attributes.scheduled_event_id], self.started[attributes.scheduled_event_id]
        asked = begun.activity_task_scheduled_event_attributes
        attempt = started.activity_task_started_event_attributes
        texts = [packed(payload) for payload in payloads]
        given, gave = len(asked.input.payloads), len(asked.input.payloads) + len(attributes.result.payloads)
        markers = begun.event_group_markers
        # They are made here: to check them again would be a third of the work.
        return KeptStep.model_construct(
            id=asked.activity_id,
            name=asked.activity_type.name,
            input=texts[:given],
            result=texts[given:gave],
            summary=next(iter(texts[gave:]), None),
            scheduled_at=begun.event_time.ToDatetime(UTC),
            started_at=started.event_time.ToDatetime(UTC),
            finished_at=completed.event_time.ToDatetime(UTC),
            attempt=attempt.attempt,
            worker=attempt.identity,
            cell_id=next((marker.label.id for marker in markers if marker.HasField("label")), None),
            task_event=asked.workflow_task_completed_event_id,
            scheduled_event=begun.event_id,
            finished_event=completed.event_id,
            told_event=self.told_event(completed.event_id),
        )

    def told_event(self, event: int) -> int:
        """The workflow task that was told of an event: the first that was completed after it."""
        index = bisect_right(self.tasks, event)
        return self.tasks[index] if index < len(self.tasks) else event + 1


async def steps_of_history(client: Client, workflow_id: str, run_id: str) -> StepsOfHistory:
    """The steps of an execution; a page of its history is read while the next one is on its way."""

    def ask(token: bytes) -> asyncio.Future[GetWorkflowExecutionHistoryResponse]:
        execution = WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
        request = GetWorkflowExecutionHistoryRequest(
            namespace=client.namespace, execution=execution, next_page_token=token
        )
        return asyncio.ensure_future(client.workflow_service.get_workflow_execution_history(request, retry=True))

    found = StepsOfHistory()
    page = ask(b"")
    try:
        while True:
            answer = await page
            if answer.next_page_token:
                page = ask(answer.next_page_token)
                # Lets the request out before the events are applied.
                await asyncio.sleep(0)
            for event in answer.history.events:
                found.apply(event)
            if not answer.next_page_token:
                return found
    finally:
        page.cancel()


def kept_before(steps: Sequence[KeptStep], point: int) -> KeptSteps:
    """The record of the steps that had ended before an event."""
    kept = sorted((step for step in steps if step.finished_event < point), key=lambda step: step.finished_event)
    moved = ("task_event", "scheduled_event", "finished_event", "told_event")
    shift = point + 1
    return KeptSteps(
        steps=[step.model_copy(update={name: getattr(step, name) - shift for name in moved}) for step in kept]
    )
