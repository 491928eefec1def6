"""The end of a step's text as it travels with the activity's heartbeat: beside what the activity itself reports.

A heartbeat is no event of history, and it is encoded by the same converter and codec as every value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from pydantic import ValidationError

from ..schema import Token
from .texts import Text

KEY = "jupyter_workflows.tokens"
# A heartbeat is copied at every sign of life, and values above 32 KiB would be stored as files.
CHARACTERS = 16_000
BYTES = 20_000


def checkpoint(text: Text) -> dict[str, Any]:
    """A text's end as one more detail of a heartbeat; it is bounded, so a long text costs no more."""
    tail = text.since(text.length - CHARACTERS)
    if len(encoded := tail.encode()) > BYTES:
        tail = encoded[-BYTES:].decode(errors="ignore")
    return {
        KEY: 1,
        "attempt": text.attempt,
        "number": text.number,
        "offset": text.length - len(tail),
        "text": tail,
        "done": text.done,
    }


def is_checkpoint(detail: object) -> bool:
    """Whether a detail of a heartbeat is ours."""
    return isinstance(detail, dict) and KEY in cast("dict[str, Any]", detail)


def apart(details: Sequence[Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """What the activity itself reported, and the checkpoint beside it, if there is one."""
    ours = len(details) - 1 if details and is_checkpoint(details[-1]) else len(details)
    return tuple(details[:ours]), tuple(details[ours:])


def token_of(step: str, detail: object) -> Token | None:
    """A checkpoint as a piece of a step's text; None for anything else."""
    if not is_checkpoint(detail):
        return None
    fields = {key: value for key, value in cast("dict[str, Any]", detail).items() if key != KEY}
    try:
        return Token.model_validate(fields | {"step": step}, strict=True)
    except (ValidationError, TypeError):
        return None
