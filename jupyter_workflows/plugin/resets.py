"""Resets: by which an execution goes on from another one of the same run."""

from __future__ import annotations

from dataclasses import dataclass

from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent

from ..schema.resumes import ResumeMark, read_mark


@dataclass(frozen=True)
class Reset:
    """A run's beginning as the continuation of another."""

    event_id: int
    base_run_id: str
    mark: ResumeMark


def reset_in(event: HistoryEvent) -> Reset | None:
    """The reset that an event tells of."""
    failed = event.workflow_task_failed_event_attributes
    if failed.cause != WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW:
        return None
    return Reset(event.event_id, failed.base_run_id, read_mark(failed.failure.message))
