"""The steps that an execution keeps without their events, as drafts."""

from __future__ import annotations

from temporalio.api.common.v1 import Payload

from ..authoring.kept_steps import kept_steps_in
from ..authoring.payload_text import unpacked
from ..schema import Kept
from ..schema.resumes import KeptStep
from .steps import Draft


def kept_drafts(payload: Payload, kept: Kept | None) -> list[Draft]:
    """The steps of a record, in the order in which they were asked for; none where it can't be read.

    Args:
        payload: The result that brings the record.
        kept: Where the steps come from.
    """
    try:
        record = kept_steps_in(payload)
    except ValueError:
        return []
    steps = sorted(record.steps, key=lambda step: step.scheduled_event) if record else []
    return [kept_draft(step, kept) for step in steps]


def kept_draft(step: KeptStep, kept: Kept | None) -> Draft:
    """A step of a record."""
    return Draft(
        step.id,
        step.name,
        "activity",
        step.scheduled_at,
        "completed",
        started_at=step.started_at,
        finished_at=step.finished_at,
        arguments=[unpacked(text) for text in step.input],
        results=[unpacked(text) for text in step.result],
        summary=unpacked(step.summary) if step.summary else None,
        cell_id=step.cell_id,
        attempt=step.attempt,
        worker=step.worker or None,
        task_event=step.task_event,
        scheduled_event=step.scheduled_event,
        finished_event=step.finished_event,
        kept=kept,
    )
