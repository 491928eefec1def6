"""The wait for an answer: its end, and what comes before it: reminders and escalations.

An approval without them waits by one timer, as it did before these were there.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime
from typing import Any

import temporalio.workflow

from .. import schema
from ..errors import JupyterWorkflowsError
from ..telemetry.workflow_spans import waiting_span
from .open_approvals import OpenApproval, publish, show
from .state import RunState


async def answered(state: RunState, approval: OpenApproval) -> None:
    """Waits until an approval is decided or its time is over."""
    with waiting_span("approval", approval.record.id):
        await settled_or_over(state, approval)


async def settled_or_over(state: RunState, approval: OpenApproval) -> None:
    """Waits, and does what is due meanwhile."""
    while approval.record.status == "open":
        moment = next_moment(approval)
        wait = moment - temporalio.workflow.now() if moment else None
        try:
            await temporalio.workflow.wait_condition(
                lambda: approval.record.status != "open", timeout=wait, timeout_summary=approval.record.id
            )
        except TimeoutError:
            if approval.record.status == "open" and moment is not None:
                pass_moment(state, approval, moment)


def next_moment(approval: OpenApproval) -> datetime | None:
    """When something is due: the end, an escalation or a reminder."""
    record = approval.record
    moments = [record.due_at, next_reminder(approval)]
    moments += [step.at for step in record.escalations if not step.done]
    return min((moment for moment in moments if moment is not None), default=None)


def next_reminder(approval: OpenApproval) -> datetime | None:
    """When the next reminder is due; those that came to nothing while no worker was there are not made up for."""
    reminders, record = approval.rules.reminders, approval.record
    if reminders is None or len(record.reminded_at) >= reminders.times:
        return None
    return (record.reminded_at[-1] if record.reminded_at else record.opened_at) + reminders.every


def pass_moment(state: RunState, approval: OpenApproval, moment: datetime) -> None:
    """Does what is due at a moment; which one that is was told by its timer, whatever the clock says."""
    record = approval.record
    if record.due_at is not None and record.due_at <= moment:
        run_out(state, approval)
        return
    changes = escalated(record, moment)
    reminder = next_reminder(approval)
    if reminder is not None and reminder <= moment:
        changes["reminded_at"] = [*record.reminded_at, temporalio.workflow.now()]
    if not changes:
        return
    approval.record = record.model_copy(update=changes)
    show(approval.record)
    remind(approval)


def escalated(record: schema.Approval, moment: datetime) -> dict[str, Any]:
    """What an approval's escalations have changed by a moment that they had not before."""
    due = [step for step in record.escalations if not step.done and step.at <= moment]
    if not due:
        return {}
    known = {name.casefold() for name in record.asked}
    joining = {name.casefold(): name for step in due for name in step.to if name.casefold() not in known}
    done = [step.model_copy(update={"done": True}) if step in due else step for step in record.escalations]
    return {"assignees": [*record.asked, *joining.values()], "escalations": done}


def remind(approval: OpenApproval) -> None:
    """Lets the user's activity tell of an approval that still waits; the wait goes on beside it."""
    reminders = approval.rules.reminders
    if reminders is None or reminders.remind is None:
        return
    task = asyncio.create_task(told(reminders.remind, approval.record))
    approval.reminding.add(task)
    task.add_done_callback(approval.reminding.discard)


async def told(activity: Any, record: schema.Approval) -> None:
    """Awaits the activity; that it failed stands on its step, and the approval does not suffer."""
    with contextlib.suppress(JupyterWorkflowsError):
        await activity(record)


def run_out(state: RunState, approval: OpenApproval) -> None:
    """Closes an approval that nobody decided in time; a version that not all have agreed to does not count."""
    record = approval.record
    original = approval.shown["editable"] if record.has_editable else None
    approval.edited = False
    approval.record = record.model_copy(
        update={
            "status": "timed_out",
            "decided_at": temporalio.workflow.now(),
            "value": original,
            "objection": objection(record) if record.on_timeout == "approve" else None,
        }
    )
    publish(state, approval.record)


def objection(record: schema.Approval) -> str | None:
    """Why silence is no yes; None where nobody said anything against it."""
    against = next((vote.by for vote in record.standing if vote.verdict == "reject"), None)
    if against is not None:
        return f"{against} rejected it"
    open_question = next((question.by for question in record.questions if question.answer is None), None)
    return f"{open_question}'s question was not answered" if open_question is not None else None
