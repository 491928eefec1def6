"""The open approvals of a run: what is shown of them, in its memo and in lists."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import temporalio.workflow
from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_jsonable_python

from .. import schema
from .reviewing import Rules
from .state import OPEN_APPROVALS, RunState

MEMO_PREFIX = "approval:"


@dataclass
class OpenApproval:
    """An approval of a run, what its answer has to look like, and what a reviewer is shown.

    Attributes:
        edited: Whether a reviewer has changed the value.
        acted_on: Whether anybody has done something about it in this execution.
        hashes_before: The hashes that what is shown had in an execution before, as far as acts of then are kept.
        reminding: The reminders on their way.
    """

    record: schema.Approval
    rules: Rules
    form_type: type[BaseModel] | None
    value_type: TypeAdapter[Any] | None
    editable: Any
    shown: dict[str, Any]
    edited: bool = False
    acted_on: bool = False
    hashes_before: set[str] = field(default_factory=set[str])
    reminding: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])


def content_hash(shown: dict[str, Any]) -> str:
    """The hash of what a reviewer is shown."""
    return hashlib.sha256(json.dumps(to_jsonable_python(shown), sort_keys=True).encode()).hexdigest()


def publish(state: RunState, record: schema.Approval) -> None:
    """Puts an approval into the run's memo and the number of open ones where lists can be filtered by it."""
    show(record)
    known = temporalio.workflow.info().typed_search_attributes
    if OPEN_APPROVALS in known:
        count = sum(approval.record.status == "open" for approval in state.approvals.values())
        temporalio.workflow.upsert_search_attributes([OPEN_APPROVALS.value_set(count)])  # pyright: ignore[reportUnknownMemberType]


def show(record: schema.Approval) -> None:
    """Puts an approval into the run's memo."""
    temporalio.workflow.upsert_memo({MEMO_PREFIX + record.id: record.model_dump(mode="json")})


def closing_words(record: schema.Approval) -> str:
    """How an approval ended, for the one who comes too late."""
    if record.status == "timed_out":
        return "its time was over"
    return f"{record.by} {record.status} it at {record.decided_at:%Y-%m-%d %H:%M:%S} UTC"
