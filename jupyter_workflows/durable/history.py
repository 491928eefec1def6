"""A notebook's run as its history tells it: which cells ran, what is recorded of them, which kernel runs them."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.common import RawValue
from temporalio.converter import DataConverter

from ..authoring.durable_cells import FORGET, STEP
from ..schema.durable import CellRecord, CellRun, CellStatus, DurableCellsStart, KernelIdentity

CELL, VALUES = "cell", "values"
_CLOSED = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
    }
)


@dataclass
class Recorded:
    """A cell's record with its values as they travelled."""

    record: CellRecord
    payload: Payload

    @property
    def values(self) -> list[Payload]:
        """What the cell showed, then its values in the order of the record."""
        return list(Payloads.FromString(self.payload.metadata[VALUES]).payloads)


@dataclass
class Attempt:
    """A cell as it last began to run."""

    run: CellRun
    step: str
    began_at: datetime
    status: CellStatus = "running"
    ended_at: datetime | None = None


@dataclass
class NotebookRecord:
    """What is known of a notebook's run.

    Attributes:
        kernel: The kernel that ran a cell last.
        queue: The task queue of the run.
        is_open: Whether the run goes on; a new one takes its records over otherwise.
    """

    records: dict[str, Recorded] = field(default_factory=dict[str, Recorded])
    attempts: dict[str, Attempt] = field(default_factory=dict[str, Attempt])
    kernel: KernelIdentity | None = None
    queue: str = ""
    count: int = 0
    is_open: bool = False

    def carried(self) -> DurableCellsStart:
        """What a new run is to begin with, so that it knows what this one knew."""
        payloads = Payloads(payloads=[recorded.payload for recorded in self.records.values()])
        records = base64.b64encode(payloads.SerializeToString(deterministic=True)).decode("ascii")
        return DurableCellsStart(kernel=self.kernel, count=self.count, records=records)

    def running(self) -> list[Attempt]:
        """The cells whose step is open."""
        return [attempt for attempt in self.attempts.values() if attempt.status == "running"]


def payload_of(record: CellRecord, values: list[Payload], encoded: Payload) -> Payload:
    """The payload of a record, with its values beside it."""
    whole = Payload(metadata=dict(encoded.metadata), data=encoded.data)
    whole.metadata[CELL] = record.cell.encode()
    whole.metadata[VALUES] = Payloads(payloads=values).SerializeToString(deterministic=True)
    return whole


class Reading:
    """Reads a history into a record.

    Args:
        converter: Decrypts and fetches what history holds.
    """

    def __init__(self, converter: DataConverter) -> None:
        self.converter = converter
        self.found = NotebookRecord(is_open=True)
        self.by_event: dict[int, Attempt] = {}

    async def read(self, events: AsyncIterator[HistoryEvent]) -> NotebookRecord:
        """The record that a history tells of."""
        async for event in events:
            await self.apply(event)
        return self.found

    async def apply(self, event: HistoryEvent) -> None:
        """Takes the next event."""
        kind = event.event_type
        if kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            await self.begin(event)
        elif kind == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            await self.scheduled(event)
        elif kind == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            done = event.activity_task_completed_event_attributes
            await self.completed(self.by_event.get(done.scheduled_event_id), event, done.result)
        elif kind == EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
            self.ended(event.activity_task_failed_event_attributes.scheduled_event_id, event)
        elif kind == EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
            self.ended(event.activity_task_timed_out_event_attributes.scheduled_event_id, event)
        elif kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
            await self.updated(event)
        elif kind in _CLOSED:
            self.found.is_open = False

    async def begin(self, event: HistoryEvent) -> None:
        """Takes over what the run began with."""
        attributes = event.workflow_execution_started_event_attributes
        self.found.queue = attributes.task_queue.name
        start = await self.value(attributes.input.payloads[0], DurableCellsStart)
        self.found.kernel, self.found.count = start.kernel, start.count
        for payload in Payloads.FromString(base64.b64decode(start.records)).payloads:
            self.remember(payload)

    async def scheduled(self, event: HistoryEvent) -> None:
        """A cell begins."""
        attributes = event.activity_task_scheduled_event_attributes
        if attributes.activity_type.name != STEP:
            return
        run = await self.value(attributes.input.payloads[0], CellRun)
        attempt = Attempt(run, attributes.activity_id, event.event_time.ToDatetime(UTC))
        self.by_event[event.event_id] = self.found.attempts[run.cell] = attempt
        self.found.kernel = run.kernel
        self.found.count += 1

    async def completed(self, attempt: Attempt | None, event: HistoryEvent, result: Payloads) -> None:
        """A cell has run to its end."""
        if attempt is None:
            return
        attempt.status, attempt.ended_at = "finished", event.event_time.ToDatetime(UTC)
        (raw,) = await self.converter.decode(result.payloads, [RawValue])
        self.remember(raw.payload)

    def ended(self, scheduled: int, event: HistoryEvent) -> None:
        """A cell has failed, or its kernel has died."""
        attempt = self.by_event.get(scheduled)
        if attempt is not None:
            attempt.status, attempt.ended_at = "failed", event.event_time.ToDatetime(UTC)

    async def updated(self, event: HistoryEvent) -> None:
        """Records were dropped."""
        request = event.workflow_execution_update_accepted_event_attributes.accepted_request
        if request.input.name == FORGET:
            for cell in await self.value(request.input.args.payloads[0], list[str]):
                self.found.records.pop(cell, None)
                self.found.attempts.pop(cell, None)

    def remember(self, payload: Payload) -> None:
        """Takes a record in."""
        record = self.converter.payload_converter.from_payload(payload, CellRecord)
        self.found.records[record.cell] = Recorded(record, payload)

    async def value(self, payload: Payload, kind: Any) -> Any:
        """The value of a payload in history."""
        (value,) = await self.converter.decode([payload], [kind])
        return value
