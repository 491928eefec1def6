"""Where a recorded run and the code part, in words and as a place."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from temporalio.api.common.v1 import Payload

from ..runs.untrusted import one_line
from ..schema import CellLocation
from ..schema.replays import Divergence, Remark
from .doings import Doing, asked, seconds
from .recording import Turn
from .tasks import Task

EVENT = re.compile(r"\bid: (\d+)")
CAUSE = re.compile(r"\[TMPRL\d+\] (?:Nondeterminism error: )?(?P<text>.*?)\"?(?:, source:|$)")
MESSAGE_CHARACTERS = 300
STEPS = ("activity", "child", "approval", "timer")


def first_difference(recorded: Sequence[Doing], wanted: Sequence[Doing]) -> tuple[Doing | None, Doing | None] | None:
    """The first pair in which they differ; None where they agree."""
    for mine, theirs in itertools.zip_longest(recorded, wanted):
        if mine is None or theirs is None or mine.key != theirs.key:
            return mine, theirs
    return None


def counts(mine: Doing | None, theirs: Doing | None) -> bool:
    """Whether a difference that Temporal lets pass is one: another approval, or a step too many."""
    if mine is None:
        return theirs is not None and theirs.kind in STEPS
    return theirs is not None and "approval" in (mine.kind, theirs.kind)


def divergence(task: Task, turn: Turn, names: Mapping[int, tuple[str, str]], reason: str) -> Divergence:
    """Where and how the code parts from a workflow task of the history.

    Args:
        task: The task.
        turn: What the code did in it.
        names: Ids and names of the recorded steps by event.
        reason: What Temporal says.
    """
    wanted = asked(turn.asks)
    place = first_difference(task.doings, wanted)
    if turn.failure or place is None:
        return unexplained(task, turn, names, turn.failure or reason)
    mine, theirs = place
    event = mine.event_id if mine else None
    step_id, name = names.get(event or 0, (None, None))
    if step_id is None and theirs is not None and theirs.kind in STEPS:
        step_id, name = theirs.id or None, theirs.name or theirs.id.rpartition("-")[0] or None
    did, does = words_of(mine, step_id), words_of(theirs)
    if mine and theirs and did == does and mine.name != theirs.name:
        did, does = f"{did} of {mine.name}", f"{does} of {theirs.name}"
    return Divergence(
        event_id=event or task.completed_event_id,
        task_event_id=task.completed_event_id,
        step_id=step_id,
        step_name=name,
        recorded=did,
        asked=does,
        message=sentence(mine, theirs, did, does),
        location=theirs.location if theirs and theirs.location else waits_at(turn),
    )


def words_of(doing: Doing | None, step_id: str | None = None) -> str:
    """A doing in words; of a step of the history by the id that its list shows."""
    if doing is None:
        return ""
    if doing.error is not None:
        told = getattr(doing.error, "message", None) or str(doing.error)
        return f"{type_name(doing.error)}: {one_line(told, MESSAGE_CHARACTERS)}"
    return step_id if step_id and doing.kind in ("activity", "approval") else doing.words


def type_name(error: BaseException) -> str:
    """The class of what the notebook's code raised."""
    return str(getattr(error, "type", None) or type(error).__name__)


def sentence(mine: Doing | None, theirs: Doing | None, did: str, does: str) -> str:
    """What parts them, in one sentence."""
    if theirs is None:
        return f"the run went on with {did}, the code asks for nothing here and waits"
    if theirs.error is not None:
        does = f"raises {does}"
    elif theirs.kind == "end":
        does = "ends the run" if did and mine and mine.kind != "end" else f"comes to {does}"
    else:
        does = f"asks for {does}"
    if mine is None:
        return f"the run waited here, the code {does}"
    if mine.kind == "end":
        return f"the run came to {did}, the code {does}"
    return f"the run went on with {did}, the code {does}"


def waits_at(turn: Turn) -> CellLocation | None:
    """Where the code waits."""
    return turn.waiting[0] if turn.waiting else None


def unexplained(task: Task, turn: Turn, names: Mapping[int, tuple[str, str]], reason: str) -> Divergence:
    """A divergence in Temporal's own words: what it looks at and we do not."""
    told = CAUSE.search(reason)
    event = EVENT.search(reason)
    event_id = int(event[1]) if event else task.completed_event_id
    step_id, name = names.get(event_id, (None, None))
    located = [ask.location for ask in turn.asks if ask.location] or turn.waiting
    return Divergence(
        event_id=event_id,
        task_event_id=task.completed_event_id,
        step_id=step_id,
        step_name=name,
        message=one_line(told["text"] if told else reason, MESSAGE_CHARACTERS),
        location=located[0] if located else None,
    )


def remarks(task: Task, turn: Turn, names: Mapping[int, tuple[str, str]]) -> Iterator[Remark]:
    """What the code would do otherwise in a workflow task both agree in."""
    for mine, theirs in zip(task.doings, asked(turn.asks), strict=False):
        event = mine.event_id or 0
        step = names.get(event, (None, None))[0]
        place: dict[str, Any] = {"event_id": event, "step_id": step, "location": theirs.location}
        if mine.kind in ("activity", "child") and not same_values(mine.values, theirs.values):
            yield Remark(kind="input", message=f"{step or mine.words} would get another input now", **place)
        if mine.duration != theirs.duration:
            text = f"the wait of {seconds(mine.duration)} would take {seconds(theirs.duration)} now"
            yield Remark(kind="duration", message=text, **place)


def same_values(mine: Sequence[Payload], theirs: Sequence[Payload]) -> bool:
    """Whether values are the same; those that are encrypted or kept elsewhere can't be told apart."""
    if len(mine) != len(theirs):
        return False
    return all(
        one.data == other.data
        for one, other in zip(mine, theirs, strict=True)
        if one.metadata.get("encoding") == other.metadata.get("encoding") and not one.external_payloads
    )
