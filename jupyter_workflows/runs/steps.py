"""A step while its events come in (`Draft`), and the `schema.Step` it becomes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.failure.v1 import Failure as FailureProto
from temporalio.api.workflow.v1 import PendingActivityInfo

from ..authoring.effects import UNDO_KEY
from ..authoring.ledger import kept_in, usage_in
from ..authoring.rollback import UNDO_ID, UNDO_RUN
from ..schema import (
    Approval,
    Attempt,
    BundledActivity,
    CellLocation,
    Checked,
    Failure,
    Forked,
    Kept,
    Manifest,
    Step,
    StepKind,
    StepStatus,
    Token,
    Usage,
    Wire,
)
from ..schema.resumes import ForkMark
from ..tokens.checkpoint import apart, token_of
from .failures import payloads_of, read_failure
from .values import Decode, Unreadable, beside

_W = TypeVar("_W", bound=Wire)
MAX_ATTEMPTS_LISTED = 100
# How what undoes a step is called, see `authoring.rollback`: an activity by its id, a run by the end of its id.
UNDOES = {
    "activity": UNDO_ID,
    "child": re.compile(r"(?P<step>.+)/undo:[^/]+"),
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

APPROVAL_STATUS: dict[str, StepStatus] = {
    "open": "waiting",
    "approved": "completed",
    "rejected": "completed",
    "timed_out": "timed_out",
}


@dataclass
class Draft:
    """A step while its events come in; payloads still as they travelled."""

    id: str
    name: str
    kind: StepKind
    scheduled_at: datetime
    status: StepStatus = "scheduled"
    started_at: datetime | None = None
    finished_at: datetime | None = None
    due_at: datetime | None = None
    arguments: Sequence[Payload] = ()
    results: Sequence[Payload] = ()
    summary: Payload | None = None
    cell_id: str | None = None
    attempt: int = 0
    worker: str | None = None
    failure: FailureProto | None = None
    last_failure: FailureProto | None = None
    child_run: str | None = None
    child_run_id: str = ""
    approval: Payload | None = None
    checked: Checked | None = None
    changed_at: datetime | None = None
    scheduled_event: int = 0
    task_event: int = 0
    finished_event: int = 0
    kept: Kept | None = None
    ours: bool = False
    pending: PendingActivityInfo | None = None
    attempts_seen: dict[int, tuple[datetime, str]] = field(default_factory=dict[int, tuple[datetime, str]])
    built: Step | None = None

    @property
    def undoes(self) -> str | None:
        """The step whose effect this one undoes."""
        found = UNDOES[self.kind].fullmatch(self.id) if "undo:" in self.id and self.kind in UNDOES else None
        return found["step"] if found else None

    def payloads(self, *, bare: bool = False) -> Iterator[Payload]:
        """All payloads of the step, for decoding them in advance; bare: without what it was given and gave."""
        if not bare:
            yield from self.arguments
            yield from self.results
        for payload in (self.summary, self.approval):
            if payload is not None:
                yield payload
        for failure in (self.failure, self.last_failure):
            if failure is not None:
                yield from payloads_of(failure)
        if self.pending is not None:
            yield from self.pending.heartbeat_details.payloads
            if self.pending.HasField("last_failure"):
                yield from payloads_of(self.pending.last_failure)


@dataclass(frozen=True)
class Known:
    """What a manifest says of steps, by the names of their functions.

    Args:
        places: Where they are defined.
        activities: The activities.
        any_undo: Whether any of them can be undone.
    """

    places: dict[str, CellLocation]
    activities: dict[str, BundledActivity]
    any_undo: bool

    @classmethod
    def of(cls, manifest: Manifest | None) -> Known:
        """What a manifest says; nothing where there is none."""
        if manifest is None:
            return cls({}, {}, any_undo=False)
        places = {
            item.name: CellLocation(cell_id=item.cell_id, cell_number=item.cell_number, line=item.line)
            for item in (*manifest.workflows, *manifest.activities)
        }
        activities = {activity.name: activity for activity in manifest.activities}
        return cls(places, activities, any(activity.undo for activity in manifest.activities))


def made(kind: type[_W], fields: dict[str, Any]) -> _W:
    """A wire value of all its fields, which were made here.

    It is what `model_construct` gives, in a fifth of the time: that is half of what a long history costs.
    """
    new = kind.__new__(kind)
    object.__setattr__(new, "__dict__", fields)
    object.__setattr__(new, "__pydantic_fields_set__", set(fields))
    object.__setattr__(new, "__pydantic_extra__", None)
    object.__setattr__(new, "__pydantic_private__", None)
    return new


def build_step(draft: Draft, decode: Decode, known_of: Known, *, bare: bool = False) -> Step:
    """The step as it is shown; bare: without what it was given and gave, which takes most of the time."""
    location = known_of.places.get(draft.name)
    if location is None and draft.cell_id:
        location = CellLocation.model_construct(cell_id=draft.cell_id, line=1)
    told = beside(decode, draft.results[0]) if draft.results else None
    known: dict[str, Any] = {
        "id": draft.id,
        "name": draft.name,
        "kind": draft.kind,
        "status": draft.status,
        "scheduled_at": draft.scheduled_at,
        "started_at": draft.started_at,
        "finished_at": draft.finished_at,
        "due_at": draft.due_at,
        "attempts": [],
        "failure": None,
        "heartbeat": None,
        "approval": None,
        "input": None if bare else [decode(payload) for payload in draft.arguments] or None,
        "output": None if bare or not draft.results else decode(draft.results[0]),
        "summary": text_of(draft.summary, decode),
        "location": location,
        "child_run": draft.child_run,
        "checked": draft.checked,
        "kept": draft.kept or (kept_in(told) if told is not None else None),
        "usage": None,
        "undoes": draft.undoes,
    }
    known |= effect_fields(draft, told, known_of)
    if draft.kind == "activity":
        known |= activity_fields(draft, decode)
        known["usage"] = None if bare else usage_of(told, known["output"])
    elif draft.kind == "approval":
        known |= approval_fields(draft, decode, location)
    elif draft.failure is not None:
        known["failure"] = read_failure(draft.failure, decode).model_copy(update={"step": draft.id})
    return made(Step, known)


def effect_fields(draft: Draft, result: Payload | None, known_of: Known) -> dict[str, Any]:
    """What undoes a step: as its worker wrote beside its result, else as the bundle says."""
    if draft.undoes or draft.kind not in ("activity", "child"):
        return {"undo": None, "irreversible": False}
    if draft.kind == "child":
        return {"undo": UNDO_RUN if known_of.any_undo else None, "irreversible": False}
    told = result.metadata.get(UNDO_KEY) if result is not None else None
    if told is not None:
        return {"undo": told.decode("utf-8", "replace") or None, "irreversible": not told}
    activity = known_of.activities.get(draft.name)
    return {"undo": activity.undo if activity else None, "irreversible": bool(activity and activity.irreversible)}


def usage_of(result: Payload | None, output: Any) -> Usage | None:
    """What the model calls of a step took: said beside its result, or by the result of a model call itself.

    The latter counts where payloads are encrypted, or kept outside of history and fetched.
    """
    usage = usage_in(result) if result is not None else None
    if usage is None and isinstance(output, dict) and {"model", "usage"} <= output.keys():
        try:
            usage = Usage.model_validate(cast("dict[str, Any]", output)["usage"])
        except ValidationError:
            return None
    return usage


def forked_of(mark: ForkMark | None) -> Forked | None:
    """What the memo of a fork says, for showing."""
    if mark is None:
        return None
    replaced = [*mark.replaced, *([mark.input_of] if mark.input_of else [])]
    return Forked(
        id=mark.id, run_id=mark.run_id, from_step=mark.from_step, by=mark.by, changes=mark.changes, replaced=replaced
    )


def read_checked(value: object) -> Checked | None:
    """What became of a doubtful answer, from a run's memo; None for what is no such record."""
    try:
        return Checked.model_validate(value)
    except ValidationError:
        return None


def text_of(payload: Payload | None, decode: Decode) -> str | None:
    """A payload that holds a text."""
    value = decode(payload) if payload is not None else None
    return value if isinstance(value, str) else None


def activity_fields(draft: Draft, decode: Decode) -> dict[str, Any]:
    """Attempts, failure and, while it is open, what `describe` adds."""
    if draft.pending is not None:
        return pending_fields(draft, draft.pending, decode)
    failure = read_failure(draft.failure, decode) if draft.failure is not None else None
    if failure is not None:
        failure = failure.model_copy(update={"step": draft.id, "attempts": draft.attempt or None})
    last = read_failure(draft.last_failure, decode) if draft.last_failure is not None else None
    attempts = earlier_attempts(draft, draft.attempt, last)
    if draft.attempt:
        newest = {
            "number": draft.attempt,
            "status": draft.status,
            "started_at": draft.started_at,
            "finished_at": draft.finished_at,
            "worker": draft.worker,
            "failure": failure,
        }
        attempts.append(made(Attempt, newest))
    return {"attempts": attempts, "failure": failure}


def pending_fields(draft: Draft, info: PendingActivityInfo, decode: Decode) -> dict[str, Any]:
    """The state of an open activity."""
    last = read_failure(info.last_failure, decode) if info.HasField("last_failure") else None
    running = info.state in (
        PendingActivityState.PENDING_ACTIVITY_STATE_STARTED,
        PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED,
        PendingActivityState.PENDING_ACTIVITY_STATE_PAUSE_REQUESTED,
    )
    attempts = earlier_attempts(draft, info.attempt, last)
    reported, _ = apart([decode(payload) for payload in info.heartbeat_details.payloads])
    fields: dict[str, Any] = {"attempts": attempts, "heartbeat": reported[0] if reported else None}
    if running:
        started_at = time_of(info.last_started_time)
        attempts.append(
            Attempt(number=info.attempt, status="running", started_at=started_at, worker=info.last_worker_identity)
        )
        return fields | {"status": "running", "started_at": draft.started_at or started_at}
    if info.paused:
        return fields | {"status": "waiting"}
    if info.attempt > 1 or last is not None:
        due_at = time_of(info.next_attempt_schedule_time) if info.HasField("next_attempt_schedule_time") else None
        failure = last.model_copy(update={"step": draft.id, "attempts": info.attempt - 1}) if last else None
        return fields | {"status": "retrying", "due_at": due_at, "failure": failure}
    return fields


def written_by(draft: Draft, decode: Decode) -> Token | None:
    """The end of the text that an open activity writes, as its last heartbeat tells it."""
    beats = draft.pending.heartbeat_details.payloads if draft.pending is not None else ()
    return token_of(draft.id, decode(beats[-1])) if beats else None


def earlier_attempts(draft: Draft, newest: int, last: Failure | None) -> list[Attempt]:
    """The attempts before the newest: history keeps the failure of the last one, a live view saw them start."""
    attempts: list[Attempt] = []
    for number in range(max(1, newest - MAX_ATTEMPTS_LISTED), newest):
        failure = last if number == newest - 1 else None
        started_at, worker = draft.attempts_seen.get(number, (None, None))
        status: StepStatus = "timed_out" if failure and failure.type == "TimeoutError" else "failed"
        attempts.append(
            Attempt.model_construct(
                number=number, status=status, started_at=started_at, finished_at=None, worker=worker, failure=failure
            )
        )
    return attempts


def approval_fields(draft: Draft, decode: Decode, location: CellLocation | None) -> dict[str, Any]:
    """The question and, once there is one, the answer."""
    told = decode(draft.approval) if draft.approval is not None else None
    approval = read_approval(told)
    if approval is None:
        return {"input": told} if isinstance(told, Unreadable) else {}
    closed = draft.status == "cancelled"
    status: StepStatus = "cancelled" if closed and approval.status == "open" else APPROVAL_STATUS[approval.status]
    return {
        "approval": approval,
        "status": status,
        "finished_at": None
        if status == "waiting"
        else draft.finished_at
        if status == "cancelled"
        else draft.changed_at,
        "due_at": approval.due_at if status == "waiting" else None,
        "input": approval.message,
        "output": None if approval.status == "open" else approval.status,
        "location": approval.location or location,
    }


def read_approval(value: object) -> Approval | None:
    """An approval from a run's memo; None for what is no approval of ours."""
    if not isinstance(value, dict):
        return None
    try:
        return Approval.model_validate(cast("dict[str, Any]", value))
    except ValidationError:
        return None


def time_of(stamp: Timestamp) -> datetime:
    """A protobuf timestamp as an aware datetime."""
    # Several times faster than `Timestamp.ToDatetime`, and long histories have tens of thousands.
    return EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)
