"""Who started a run: as the statement in its memo says, signed by whoever sent the start or made the schedule.

Reading it is deterministic, for the memo of a start is part of history. Whether its signature is a trusted one is not:
keys come and go, so only a validator may ask.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import temporalio.workflow
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from temporalio.api.common.v1 import Payload

from ..schema import SignedSchedule, SignedStart

MEMO_KEY = "starter"
# What a fork says of the run whose results it takes; the starter signs it.
FORK_MEMO = "forked"
# What people did to the schedule that started a run.
DEEDS_MEMO = "schedule_acts"
# What a schedule adds to the id of its runs.
SCHEDULED_AT = re.compile(r"-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
Statement = SignedStart | SignedSchedule
STATEMENT: TypeAdapter[Statement] = TypeAdapter(
    Annotated[Statement, Field(discriminator="type")], config=ConfigDict(defer_build=True)
)


def stated_starter() -> Statement | None:
    """The statement of this run's start; of a child run, that of the run it belongs to. None where there is none."""
    found = temporalio.workflow.memo_value(MEMO_KEY, None)
    try:
        # Starts of older clients name no type.
        return STATEMENT.validate_python({"type": "start", **found} if isinstance(found, dict) else found)
    except ValidationError:
        return None


def starter_memo() -> dict[str, Any] | None:
    """What a child run is told about who started it all."""
    stated = temporalio.workflow.memo_value(MEMO_KEY, None)
    return None if stated is None else {MEMO_KEY: stated}


def is_of_this_run(statement: Statement, arguments: Sequence[Any]) -> bool:
    """Whether a statement was made for this run, or for the run this is a part of.

    A schedule's statement is the same for all its runs, so it counts only for what was scheduled: the same workflow
    of the same bundle with the same arguments. A child of a scheduled run can't show what that was given.

    Args:
        statement: What the memo says.
        arguments: What this run was given.
    """
    info = temporalio.workflow.info()
    if isinstance(statement, SignedSchedule):
        at = info.workflow_id.removeprefix(statement.schedule)
        same = (statement.workflow, statement.task_queue) == (info.workflow_type, info.task_queue)
        return (
            same
            and at != info.workflow_id
            and SCHEDULED_AT.fullmatch(at) is not None
            and is_given(statement, arguments)
        )
    if statement.workflow_id == info.workflow_id:
        return statement.workflow == info.workflow_type
    return info.root is not None and statement.workflow_id == info.root.workflow_id


def is_given(statement: SignedSchedule, arguments: Sequence[Any]) -> bool:
    """Whether the arguments are those that were scheduled."""
    converter = temporalio.workflow.payload_converter()
    return arguments_digest(converter.to_payloads(arguments)) == statement.arguments


def arguments_digest(payloads: Iterable[Payload]) -> str:
    """SHA-256 of arguments as they travel, before they are encrypted or stored elsewhere."""
    total = hashlib.sha256()
    for payload in payloads:
        for part in (payload.metadata.get("encoding", b""), payload.data):
            total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()
