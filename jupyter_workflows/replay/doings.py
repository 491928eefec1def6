"""What a run did and what code asks for, in one form: from events of a history, and from commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.bridge.proto.workflow_commands import WorkflowCommand

from ..runs.history import APPROVAL_MEMO
from ..schema import CellLocation
from .recording import Ask

Kind = Literal[
    "activity", "timer", "child", "approval", "memo", "attributes", "marker", "cancel", "signal", "nexus", "end"
]


@dataclass(frozen=True)
class Doing:
    """One thing that a workflow task led to.

    `id` and `name` are compared as Temporal compares them; a timer has none that mean anything. `index` is the place of
    the command among those of its workflow task.
    """

    kind: Kind
    id: str = ""
    name: str = ""
    event_id: int | None = None
    values: Sequence[Payload] = ()
    duration: timedelta | None = None
    location: CellLocation | None = None
    error: BaseException | None = None
    index: int = -1

    @property
    def key(self) -> tuple[str, str, str]:
        """What two doings agree in when they are the same."""
        return self.kind, self.id, self.name

    @property
    def words(self) -> str:
        """What it is, for people."""
        match self.kind:
            case "activity" | "approval":
                return self.id
            case "child":
                return f"the child run {self.name}"
            case "timer":
                return f"a wait of {seconds(self.duration)}"
            case "cancel":
                return f"the cancellation of {self.name}"
            case "end":
                return self.name
            case _:
                return {"memo": "a note in the run's memo", "attributes": "its search attributes"}.get(
                    self.kind, f"a {self.kind} {self.name}".rstrip()
                )


def seconds(duration: timedelta | None) -> str:
    """A duration in words."""
    return f"{duration.total_seconds():g} s" if duration is not None else "unknown length"


def memo_doing(keys: Iterable[str]) -> dict[str, Any]:
    """Kind and id of a change of the memo: an approval opened or decided, or something else."""
    approvals = sorted(key.removeprefix(APPROVAL_MEMO) for key in keys if key.startswith(APPROVAL_MEMO))
    return {"kind": "approval", "id": approvals[0]} if approvals else {"kind": "memo"}


# -- from events ------------------------------------------------------------------------------------------------------


def _scheduled(attributes: Any) -> dict[str, Any]:
    name = attributes.activity_type.name
    return {"kind": "activity", "id": attributes.activity_id, "name": name, "values": attributes.input.payloads}


def _timer(attributes: Any) -> dict[str, Any]:
    return {"kind": "timer", "duration": attributes.start_to_fire_timeout.ToTimedelta()}


def _child(attributes: Any) -> dict[str, Any]:
    name, values = attributes.workflow_type.name, attributes.input.payloads
    return {"kind": "child", "id": attributes.workflow_id, "name": name, "values": values}


def _memo(attributes: Any) -> dict[str, Any]:
    return memo_doing(attributes.upserted_memo.fields)


def _of(kind: Kind, name: str = "") -> Callable[[Any], dict[str, Any]]:
    return lambda _: {"kind": kind, "name": name}


ENDS = {"complete": "the end of the run", "fail": "a failure of the run", "cancel": "the cancelled end of the run"}
CONTINUED = "a continuation as a new run"

EVENTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "activity_task_scheduled": _scheduled,
    "timer_started": _timer,
    "start_child_workflow_execution_initiated": _child,
    "workflow_properties_modified": _memo,
    "upsert_workflow_search_attributes": _of("attributes"),
    "marker_recorded": _of("marker"),
    "activity_task_cancel_requested": _of("cancel", "a step"),
    "timer_canceled": _of("cancel", "a wait"),
    "request_cancel_external_workflow_execution_initiated": _of("cancel", "a run"),
    "signal_external_workflow_execution_initiated": _of("signal"),
    "nexus_operation_scheduled": _of("nexus"),
    "nexus_operation_cancel_requested": _of("cancel", "a Nexus operation"),
    "workflow_execution_completed": _of("end", ENDS["complete"]),
    "workflow_execution_failed": _of("end", ENDS["fail"]),
    "workflow_execution_canceled": _of("end", ENDS["cancel"]),
    "workflow_execution_continued_as_new": _of("end", CONTINUED),
}


def recorded(event: HistoryEvent) -> tuple[int, Doing] | None:
    """What an event says the run did, with the completed workflow task it did it in; None for other events."""
    attributes_field = event.WhichOneof("attributes") or ""
    read = EVENTS.get(attributes_field.removesuffix("_event_attributes"))
    if read is None:
        return None
    attributes = getattr(event, attributes_field)
    return attributes.workflow_task_completed_event_id, Doing(event_id=event.event_id, **read(attributes))


# -- from commands ----------------------------------------------------------------------------------------------------


def _command_activity(command: Any) -> dict[str, Any]:
    return {"kind": "activity", "id": command.activity_id, "name": command.activity_type, "values": command.arguments}


def _command_timer(command: Any) -> dict[str, Any]:
    return {"kind": "timer", "duration": command.start_to_fire_timeout.ToTimedelta()}


def _command_child(command: Any) -> dict[str, Any]:
    return {"kind": "child", "id": command.workflow_id, "name": command.workflow_type, "values": command.input}


def _command_end(command: Any) -> dict[str, Any]:
    return {"kind": "end", "name": ENDS["complete"], "values": [command.result]}


COMMANDS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "schedule_activity": _command_activity,
    "start_timer": _command_timer,
    "start_child_workflow_execution": _command_child,
    "modify_workflow_properties": _memo,
    "upsert_workflow_search_attributes": _of("attributes"),
    "set_patch_marker": _of("marker"),
    "schedule_local_activity": _of("marker"),
    "request_cancel_activity": _of("cancel", "a step"),
    "cancel_timer": _of("cancel", "a wait"),
    "cancel_child_workflow_execution": _of("cancel", "a run"),
    "request_cancel_external_workflow_execution": _of("cancel", "a run"),
    "signal_external_workflow_execution": _of("signal"),
    "schedule_nexus_operation": _of("nexus"),
    "request_cancel_nexus_operation": _of("cancel", "a Nexus operation"),
    "complete_workflow_execution": _command_end,
    "fail_workflow_execution": _of("end", ENDS["fail"]),
    "cancel_workflow_execution": _of("end", ENDS["cancel"]),
    "continue_as_new_workflow_execution": _of("end", CONTINUED),
}

# A start and its cancellation in one workflow task: neither is ever sent.
UNDONE = {
    "cancel_timer": ("start_timer", "seq"),
    "request_cancel_activity": ("schedule_activity", "seq"),
    "cancel_child_workflow_execution": ("start_child_workflow_execution", "child_workflow_seq"),
}


def asked(asks: Sequence[Ask]) -> list[Doing]:
    """What code asks for in one workflow task, as Temporal would send it."""
    dropped = undone([ask.command for ask in asks])
    doings: list[Doing] = []
    for index, ask in enumerate(asks):
        variant = ask.command.WhichOneof("variant") or ""
        read = COMMANDS.get(variant)
        if read is None or index in dropped:
            continue
        doings.append(Doing(location=ask.location, error=ask.error, index=index, **read(getattr(ask.command, variant))))
        if doings[-1].kind == "end":
            break
    return doings


def undone(commands: Sequence[WorkflowCommand]) -> set[int]:
    """The places of starts that are cancelled at once, and of their cancellations."""
    started: dict[tuple[str, int], int] = {}
    dropped: set[int] = set()
    for index, command in enumerate(commands):
        variant = command.WhichOneof("variant") or ""
        if variant in {start for start, _ in UNDONE.values()}:
            started[variant, getattr(command, variant).seq] = index
        elif variant in UNDONE:
            start, field = UNDONE[variant]
            found = started.get((start, getattr(getattr(command, variant), field)))
            if found is not None:
                dropped |= {found, index}
    return dropped
