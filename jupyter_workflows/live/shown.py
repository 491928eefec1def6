"""Values, approvals and steps as a live view shows them: bounded, whatever a workflow produced."""

from __future__ import annotations

import json
from typing import Any, cast

from ..runs.untrusted import described, one_line, preview, printable
from ..schema import Approval, Checked, Doubt, Edit, Effect, Failure, Rollback, Step, Vote
from .messages import ShownApproval, ShownValue, StepDetails, wire_text

MAX_VALUE = 20_000
MAX_APPROVAL = 256_000
MAX_FAILURE_TEXT = 8_000
MAX_CAUSES = 8
LATEST = 20
MAX_DOUBTS = 30
ENCODER = json.JSONEncoder(indent=2, ensure_ascii=False, default=described, skipkeys=True)


def shown_value(value: object, limit: int = MAX_VALUE) -> ShownValue | None:
    """A value as text: a text as itself, anything else as indented JSON; None for None."""
    if value is None:
        return None
    if isinstance(value, str):
        return ShownValue(text=printable(value[:limit], limit), kind="text", whole=len(value) <= limit)
    pieces: list[str] = []
    room = limit
    try:
        for piece in ENCODER.iterencode(value):
            pieces.append(piece[:room])
            room -= len(piece)
            if room < 0:
                break
    except (RecursionError, ValueError, TypeError, OverflowError):
        return ShownValue(text=preview(value, limit), kind="text", whole=False)
    return ShownValue(text=printable("".join(pieces), limit), whole=room >= 0)


def shown_input(value: object) -> ShownValue | None:
    """The arguments of a step; a single one as itself."""
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return shown_value(items[0] if len(items) == 1 else cast("object", value))


def shown_approval(approval: Approval) -> ShownApproval:
    """An approval as a reviewer is shown it."""
    whole = ShownApproval(approval=approval)
    try:
        if len(wire_text(whole)) <= MAX_APPROVAL:
            return whole
    except (RecursionError, ValueError):
        pass
    cut: dict[str, Any] = {
        "message": printable(approval.message, MAX_VALUE),
        "comment": one_line(approval.comment, 2_000) if approval.comment else None,
        "votes": list(map(shown_vote, approval.votes[-LATEST:])),
        "questions": approval.questions[-LATEST:], "delegations": approval.delegations[-LATEST:],
        "form_schema": None, "editable": None, "has_editable": False, "value": None, "form": None, "edits": [],
    }  # fmt: skip
    return ShownApproval(approval=approval.model_copy(update=cut), whole=False)


def shown_vote(vote: Vote) -> Vote:
    """A vote without the values in it."""
    comment = one_line(vote.comment, 2_000) if vote.comment else None
    return vote.model_copy(update={"comment": comment, "form": None, "edits": []})


def shown_failure(failure: Failure | None, depth: int = 0) -> Failure | None:
    """A failure with its texts bounded and its chain of causes cut."""
    if failure is None:
        return None
    texts = {
        "type": one_line(failure.type, 120),
        "message": printable(failure.message, MAX_FAILURE_TEXT),
        "traceback": printable(failure.traceback, MAX_FAILURE_TEXT) if failure.traceback else None,
        "cause": shown_failure(failure.cause, depth + 1) if depth < MAX_CAUSES else None,
    }
    return failure.model_copy(update=texts)


def shown_check(checked: Checked | None) -> Checked | None:
    """What became of a doubtful answer, bounded."""
    if checked is None:
        return None
    doubts = [
        Doubt(field=one_line(doubt.field, 120), reason=one_line(doubt.reason, 500), by=one_line(doubt.by, 80))
        for doubt in checked.doubts[:MAX_DOUBTS]
    ]
    edits = [
        Edit(path=one_line(edit.path, 120), before=preview(edit.before, 120), after=preview(edit.after, 120))
        for edit in checked.edits[:MAX_DOUBTS]
    ]
    return checked.model_copy(update={"doubts": doubts, "edits": edits})


def shown_rollback(rollback: Rollback | None) -> Rollback | None:
    """Why a run is rolled back, bounded."""
    if rollback is None:
        return None
    texts: dict[str, Any] = {
        "reason": printable(rollback.reason, 2_000),
        "by": one_line(rollback.by, 120) if rollback.by else None,
        "of_run": one_line(rollback.of_run, 1_000) if rollback.of_run else None,
        "steps": [],
        "kept": [],
    }
    return rollback.model_copy(update=texts)


def shown_effect(effect: Effect) -> Effect:
    """An effect, bounded."""
    names = {"step": effect.step, "name": effect.name, "undo": effect.undo, "undone_by": effect.undone_by}
    return effect.model_copy(update={key: one_line(text, 200) if text else text for key, text in names.items()})


def step_details(step: Step) -> StepDetails:
    """A step in full."""
    attempts = [
        attempt.model_copy(update={"failure": shown_failure(attempt.failure)}) for attempt in step.attempts[-200:]
    ]
    bare = {
        "input": None,
        "output": None,
        "heartbeat": None,
        "approval": None,
        "failure": shown_failure(step.failure),
        "attempts": attempts,
        "checked": shown_check(step.checked),
    }
    return StepDetails(
        step=step.model_copy(update=bare),
        input=shown_input(step.input),
        output=shown_value(step.output),
        heartbeat=shown_value(step.heartbeat),
    )
