"""Steps as columns of numbers: 50,000 of them travel and are read in milliseconds.

One buffer of `n` steps, little-endian, without gaps:
`scheduled started finished due` (float64 each, milliseconds since 1970, NaN where there is none), `name number`
(uint32 each), `attempt` (uint16), `kind`, `status`, `progress` (uint8 each). A step's id is `<name>-<number>`; number
`NO_NUMBER` says that its id stands apart; progress is in percent, `NO_PROGRESS` where none is reported. One buffer of
`m` attempts: `started finished` (float64), `step` (uint32, index), `number` (uint16), `status` (uint8).
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from ..runs.text import progress
from ..schema import Step

KINDS = ("activity", "approval", "timer", "child", "signal")
STATUSES = (
    *("scheduled", "running", "retrying", "waiting", "completed", "failed", "timed_out", "cancelled"),
    *("approved", "rejected"),
)
KIND_CODES = {kind: code for code, kind in enumerate(KINDS)}
STATUS_CODES = {status: code for code, status in enumerate(STATUSES)}
NO_NUMBER = 0xFFFFFFFF
NO_PROGRESS = 0xFF
NAN = float("nan")
STEP_TYPES = "ddddIIHBBB"
ATTEMPT_TYPES = "ddIHB"


class Row(NamedTuple):
    """One step as it is drawn."""

    scheduled: float
    started: float
    finished: float
    due: float
    name: int
    number: int
    attempt: int
    kind: int
    status: int
    progress: int


def milliseconds(moment: datetime | None) -> float:
    """A moment as JavaScript counts; -1 for none, which compares equal to itself unlike NaN."""
    return moment.timestamp() * 1000 if moment is not None else -1.0


def shown_status(step: Step) -> str:
    """The status, and of a decided approval what was decided."""
    if step.approval is not None and step.status == "completed" and step.approval.status in STATUS_CODES:
        return step.approval.status
    return step.status


def number_of(step: Step) -> int:
    """The number in the id `<name>-<number>`; `NO_NUMBER` where the id is of another form."""
    prefix, _, digits = step.id.rpartition("-")
    plain = prefix == step.name and digits.isascii() and digits.isdigit() and len(digits) < 10
    return int(digits) if plain and str(int(digits)) == digits else NO_NUMBER


def percent(step: Step) -> int:
    """How much of its work a step at work says it has done; `NO_PROGRESS` where it says nothing of the kind."""
    found = progress(step.heartbeat) if step.finished_at is None and step.heartbeat is not None else None
    return NO_PROGRESS if found is None else int(100 * found[0] / found[1])


def row_of(step: Step, name: int) -> Row:
    """The row of a step whose name has this index."""
    return Row(
        milliseconds(step.scheduled_at),
        milliseconds(step.started_at),
        milliseconds(step.finished_at),
        milliseconds(step.due_at),
        name,
        number_of(step),
        min(step.attempt, 0xFFFF),
        KIND_CODES.get(step.kind, 0),
        STATUS_CODES.get(shown_status(step), 0),
        percent(step),
    )


def packed(rows: Sequence[tuple[float, ...]], types: str) -> bytes:
    """Rows of numbers as columns."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(types)
    return b"".join(column_bytes(kind, column) for kind, column in zip(types, columns, strict=True))


def column_bytes(kind: str, values: Iterable[float]) -> bytes:
    """One column, little-endian."""
    wanted = [NAN if value == -1.0 else value for value in values] if kind == "d" else values
    column = array(kind, wanted)  # pyright: ignore[reportUnknownVariableType, reportArgumentType, reportCallIssue]
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()


def pack_steps(rows: Sequence[Row]) -> bytes:
    """The buffer of these steps."""
    return packed(rows, STEP_TYPES)


def pack_indexes(indexes: Iterable[int]) -> bytes:
    """The buffer that says which steps the rows of a change are."""
    return column_bytes("I", indexes)


def pack_attempts(steps: Iterable[tuple[int, Step]]) -> bytes:
    """The buffer of the attempts of those steps that were tried more than once."""
    rows = [
        (
            milliseconds(attempt.started_at),
            milliseconds(attempt.finished_at),
            index,
            min(attempt.number, 0xFFFF),
            STATUS_CODES.get(attempt.status, 0),
        )
        for index, step in steps
        if len(step.attempts) > 1
        for attempt in step.attempts
    ]
    return packed(rows, ATTEMPT_TYPES)
