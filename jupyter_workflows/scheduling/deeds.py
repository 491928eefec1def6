"""Who made, changed, paused, triggered or deleted a schedule: signed statements, in the memo of what it starts.

Temporal keeps them with the schedule, and each run that it starts carries those of before: an audit file of such a run
tells them, with their signatures. A schedule that was deleted is gone; who did that is a line of a file in the home.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.client import ScheduleActionStartWorkflow

from ..authoring.starter import DEEDS_MEMO
from ..local.paths import Home, make_private_directory
from ..runs.access import RunAccess
from ..schema import ScheduleDeed, SignedScheduleAct
from ..security import identity

# The making and the newest: they go with the start of every run.
MOST = 25
LONGEST_NOTE = 500
DELETED = "deleted.jsonl"
DEEDS: TypeAdapter[list[SignedScheduleAct]] = TypeAdapter(list[SignedScheduleAct])


def signed_deed(
    access: RunAccess, schedule: str, deed: ScheduleDeed, *, workflow: str, by: str, note: str = ""
) -> SignedScheduleAct:
    """What somebody does to a schedule now, signed where a key is at hand.

    Args:
        access: Where the key is.
        schedule: Its id.
        deed: What is done.
        workflow: What the schedule starts.
        by: Who does it.
        note: Why, or what it is from then on.

    Raises:
        ApprovalRefused: The user's key can't be used.
    """
    act = SignedScheduleAct(
        schedule=schedule,
        workflow=workflow,
        deed=deed,
        by=by,
        note=note[:LONGEST_NOTE],
        issued_at=datetime.now(UTC),
        nonce=secrets.token_hex(16),
    )
    return identity.sign(act, identity.ensure_key(access.keys)) if access.keys is not None else act


def with_deed(deeds: Sequence[SignedScheduleAct], deed: SignedScheduleAct) -> dict[str, Any]:
    """The memo entry of a schedule's action with one more deed; of very many the newest, and the first."""
    known = [*deeds, deed]
    kept = known if len(known) <= MOST else [known[0], *known[1 - MOST :]]
    return {DEEDS_MEMO: [each.model_dump(mode="json") for each in kept]}


async def deeds_of(access: RunAccess, action: object) -> list[SignedScheduleAct]:
    """What was done to a schedule so far, the oldest first; nothing where its memo makes no sense."""
    memo = action.memo if isinstance(action, ScheduleActionStartWorkflow) else None
    value = cast("Mapping[str, Any]", memo or {}).get(DEEDS_MEMO)
    if isinstance(value, Payload):
        (value,) = await access.client.data_converter.decode([value])
    try:
        return DEEDS.validate_python(value or [])
    except ValidationError:
        return []


def note_deleted(home: Home, deed: SignedScheduleAct) -> None:
    """Puts on record that a schedule was deleted, for the user alone to read."""
    make_private_directory(home.schedules)
    path = home.schedules / DELETED
    path.touch(mode=0o600)
    with path.open("a", encoding="ascii") as file:
        file.write(f"{deed.model_dump_json(ensure_ascii=True)}\n")
