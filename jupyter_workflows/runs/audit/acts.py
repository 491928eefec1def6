"""What people did, with the signatures they gave: each can be checked by itself."""

from __future__ import annotations

import base64
from typing import Any, cast

from pydantic import ValidationError

from ...authoring.open_approvals import content_hash
from ...schema import (
    Decision,
    SignedAnswer,
    SignedDelegation,
    SignedQuestion,
    SignedRollBack,
    SignedSchedule,
    SignedScheduleAct,
    SignedStart,
)
from ...security.identity import Signed, key_id, verifies
from .verdict import Problem, Verdict

KINDS: dict[str, type[Signed]] = {
    "decision": Decision,
    "delegation": SignedDelegation,
    "question": SignedQuestion,
    "answer": SignedAnswer,
    "rollback": SignedRollBack,
    "start": SignedStart,
    "schedule": SignedSchedule,
    "schedule_act": SignedScheduleAct,
}
KEYS = "keys"


def act_of(kind: str, value: object) -> Signed | None:
    """A signed act as it was sent; None for what is none."""
    try:
        return KINDS[kind].model_validate(value)
    except (KeyError, ValidationError):
        return None


def kind_of(value: object) -> str:
    """What kind of act a value is: the word for it; empty for what is none."""
    told = str(cast("dict[str, Any]", value).get("type", "decision")) if isinstance(value, dict) else ""
    return told if act_of(told, cast("object", value)) is not None else ""


def check_acts(records: list[dict[str, Any]], verdict: Verdict) -> None:
    """Checks the signature of each act in a file, and that what was shown has the hash that was signed."""
    keys = keys_of(records)
    for record in records:
        number, body = record["number"], record["body"]
        shown = body.get("shown")
        if isinstance(shown, dict) and body.get("shown_hash_fits") and content_hash(shown) != body.get("content_hash"):  # pyright: ignore[reportUnknownArgumentType]
            verdict.problems.append(Problem(number, "shown", "what was shown does not have the hash on record"))
        act = act_of(str(body.get("kind", "")), body.get("act"))
        if act is None:
            continue
        public = keys.get(act.key_id)
        if public is None:
            verdict.remarks.append(f"record {number}: the {body['kind']} is signed with a key that is not in the file")
        elif verifies(act, public):
            verdict.acts += 1
        else:
            verdict.problems.append(Problem(number, "act", f"the signature of the {body['kind']} does not fit it"))


def keys_of(records: list[dict[str, Any]]) -> dict[str, bytes]:
    """The public keys in a file by their ids."""
    found: dict[str, bytes] = {}
    for record in records:
        if record["type"] != KEYS:
            continue
        told = record["body"].get("public")
        for text in cast("dict[str, Any]", told).values() if isinstance(told, dict) else ():
            try:
                public = base64.b64decode(str(text), validate=True)
            except ValueError:
                continue
            found[key_id(public)] = public
    return found
