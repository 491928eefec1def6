"""The workflow tasks of a history: when the run's code ran, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from .doings import Doing, recorded

STARTED = EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED
COMPLETED = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED


@dataclass
class Task:
    """One completed workflow task, by the ids of its events."""

    started_event_id: int
    completed_event_id: int
    doings: list[Doing] = field(default_factory=list[Doing])


def tasks_of(events: Sequence[HistoryEvent]) -> list[Task]:
    """The completed workflow tasks, in order; those that failed or timed out left no trace in the run."""
    tasks: dict[int, Task] = {}
    for event in events:
        if event.event_type == COMPLETED:
            started = event.workflow_task_completed_event_attributes.started_event_id
            tasks[event.event_id] = Task(started, event.event_id)
            continue
        found = recorded(event)
        if found and found[0] in tasks:
            tasks[found[0]].doings.append(found[1])
    return list(tasks.values())
