"""`run.what_if(step, ...)`: another result of a step, and what the code would then ask for next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter

from ..authoring.bundles import LoadedBundle
from ..errors import ReplayFailed
from ..payloads import data_converter
from ..runs.values import Values
from ..schema import CellLocation
from .alternatives import Instead, with_decision, with_result
from .comparing import STEPS, words_of
from .doings import Doing, asked
from .moments import asking
from .recording import Recording
from .replaying import judged, run
from .tasks import tasks_of


@dataclass(frozen=True)
class Next:
    """One thing that the code would ask for.

    Attributes:
        kind: `"activity"`, `"approval"`, `"timer"`, `"child"` or `"end"`.
        step: The id the step would have; empty for a timer and for the end.
        input: What it would get, as plain data.
        output: What the run would give, where it would end with a result.
        words: What it is, in words.
        location: The line that asks for it.
    """

    kind: str
    step: str
    words: str
    input: list[Any] = field(default_factory=list[Any])
    output: Any = None
    location: CellLocation | None = None


@dataclass(frozen=True, repr=False)
class WhatIf:
    """What would be next with another result of a step, and what was.

    Attributes:
        step: The step whose result was replaced.
        next: What the code would ask for.
        was: What the run did there, in words; empty where it did nothing more.
    """

    step: str
    next: list[Next]
    was: list[str]

    @property
    def steps(self) -> list[str]:
        """The ids of the steps that would be asked for."""
        return [item.step for item in self.next if item.step]

    @property
    def differs(self) -> bool:
        """Whether that is something else than what the run did."""
        return [item.words for item in self.next] != self.was

    def __repr__(self) -> str:
        would = "; ".join(f"{item.words} ({item.location})" if item.location else item.words for item in self.next)
        did = "; ".join(self.was)
        return f"after {self.step}: {would or 'it would wait'}" + (f"; the run went on with {did}" if did else "")


async def what_if(
    history: WorkflowHistory,
    bundle: LoadedBundle,
    step: str,
    instead: Instead,
    converter: DataConverter | None = None,
) -> WhatIf:
    """What the code would ask for next, had a step had another result. Nothing of a run is changed.

    Args:
        history: The run's history.
        bundle: The code, loaded in this process.
        step: The step's id.
        instead: The other result, failure or decision.
        converter: The data converter of the connection that the history came from.

    Raises:
        ReplayFailed: The run has no such step, the code doesn't come to it, or it can't have such a result.
    """
    used = converter or data_converter()
    task, position = asking(history, step)
    doing = next(one for one in tasks_of(history.events) if one.completed_event_id == task).doings[position]
    events = [HistoryEvent.FromString(event.SerializeToString()) for event in history.events]
    if doing.kind == "approval":
        started = with_decision(events, step, instead)
    elif doing.kind in ("activity", "child"):
        events, started = with_result(events, doing, instead.outcome(step, used))
    else:
        raise ReplayFailed(f"{step} is {doing.words}: it has no result that could be another")
    recording = Recording(bundle, returns=True)
    changed = WorkflowHistory(history.workflow_id, events)
    reason = await run(changed, recording, used)
    turn = next((turn for turn in recording.turns if turn.started_event_id == started), None)
    if turn is None:
        found = judged(changed, recording, reason).divergence
        raise ReplayFailed(f"the code doesn't come to {step}: {found or reason}")
    values = Values(used)
    would = [next_of(one, values) for one in asked(turn.asks) if one.kind in (*STEPS, "end")]
    return WhatIf(step, [one for one in would if one.step != step], happened(history, started, step))


def happened(history: WorkflowHistory, started: int, step: str) -> list[str]:
    """What the run did in a workflow task, in words."""
    for task in tasks_of(history.events):
        if task.started_event_id == started:
            return [one.words for one in task.doings if one.kind in (*STEPS, "end") and one.id != step]
    return []


def next_of(doing: Doing, values: Values) -> Next:
    """What the code asks for, as it is told."""
    words = f"raises {words_of(doing)}" if doing.error is not None else doing.words
    given = [values(payload) for payload in doing.values]
    output = given[0] if doing.kind == "end" and given else None
    ids = doing.id if doing.kind in ("activity", "approval") else doing.id.rpartition("/")[2]
    return Next(doing.kind, ids, words, given if doing.kind != "end" else [], output, doing.location)
