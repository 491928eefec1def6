"""`run.at(step)`: the variables of the workflow where it asked for a step, as live objects."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter

from ..authoring.bundles import LoadedBundle
from ..errors import ReplayFailed
from ..plugin.resets import reset_in
from ..runs.untrusted import one_line
from ..schema import CellLocation
from .doings import asked
from .recording import Ask, Recording, RecordingInstance, awaited
from .replaying import judged, run, step_names
from .tasks import tasks_of

SHOWN_CHARACTERS = 120


@dataclass(frozen=True)
class Scope:
    """The variables of one function of the notebook.

    Attributes:
        function: Its name.
        location: The line it was at.
        variables: Its variables, copied.
        left_out: Names of variables that can't be copied, and why.
    """

    function: str
    location: CellLocation | None
    variables: dict[str, Any] = field(default_factory=dict[str, Any])
    left_out: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, repr=False)
class Moment(Mapping[str, Any]):
    """The variables of a workflow where it asked for a step; a mapping of the innermost function's.

    Attributes:
        step: The step's id.
        scopes: The notebook's functions that led there, the innermost first.
    """

    step: str
    scopes: list[Scope]

    @property
    def location(self) -> CellLocation | None:
        """The line that asks for the step."""
        return self.scopes[0].location if self.scopes else None

    @property
    def variables(self) -> dict[str, Any]:
        """The innermost function's variables."""
        return self.scopes[0].variables if self.scopes else {}

    def __getitem__(self, name: str) -> Any:
        for scope in self.scopes:
            if name in scope.variables:
                return scope.variables[name]
            if name in scope.left_out:
                raise KeyError(f"{name} can't be copied: {scope.left_out[name]}")
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.variables)

    def __len__(self) -> int:
        return len(self.variables)

    def __repr__(self) -> str:
        lines = [f"at {self.step}, {self.location}" if self.location else f"at {self.step}"]
        for scope in self.scopes:
            lines.append(f"{scope.function}:")
            lines += [
                f"  {name} = {one_line(shown(value), SHOWN_CHARACTERS)}" for name, value in scope.variables.items()
            ]
            lines += [f"  {name}: not copied, {reason}" for name, reason in scope.left_out.items()]
        return "\n".join(lines)


def shown(value: Any) -> str:
    """A value's representation; one that has none by its class."""
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - a user's own __repr__ raises anything
        return f"<{type(value).__name__}, whose repr raises {type(error).__name__}>"


async def at(
    history: WorkflowHistory, bundle: LoadedBundle, step: str, converter: DataConverter | None = None
) -> Moment:
    """The variables of the workflow where it asked for a step.

    Args:
        history: The run's history.
        bundle: The code, loaded in this process.
        step: The step's id.
        converter: The data converter of the connection that the history came from.

    Raises:
        ReplayFailed: The run has no such step, or the code doesn't come to it.
    """
    recording = Recording(bundle)
    reason = await run(history, recording, converter)
    task, position = asking(history, step)
    found = judged(history, recording, reason)
    if found.divergence and (found.agreed_until or 0) < task:
        raise ReplayFailed(f"the code doesn't come to {step}: {found.divergence}")
    turn = next(turn for turn in recording.turns if turn.started_event_id == started_by(history, task))
    index = asked(turn.asks)[position].index
    capture = Capture(turn.started_event_id, index)
    again = Recording(bundle, on_ask=capture)
    capture.recording = again
    await run(history, again, converter)
    return Moment(step, capture.scopes)


def asking(history: WorkflowHistory, step: str) -> tuple[int, int]:
    """The completed workflow task that asked for a step, and the step's place among what it led to.

    Raises:
        ReplayFailed: The run has no such step, or it is none that code asks for.
    """
    names = step_names(history)
    events = {name: event for event, (name, _) in reversed(names.items())}
    if step not in events:
        earlier = [reset for event in history.events if (reset := reset_in(event)) and reset.mark.told_by]
        if earlier:
            raise ReplayFailed(
                f"this execution did not ask for {step}: if it keeps it of the one before, look there: "
                f"get_run({history.workflow_id!r}, run_id={earlier[-1].base_run_id!r}).at({step!r})"
            )
        known = ", ".join(dict.fromkeys(name for name, _ in names.values() if name)) or "none"
        raise ReplayFailed(f"run {history.workflow_id} has no step {step!r}: it has {one_line(known, 300)}")
    for task in tasks_of(history.events):
        for position, doing in enumerate(task.doings):
            if doing.event_id == events[step]:
                return task.completed_event_id, position
    raise ReplayFailed(f"{step} came from outside: code did not ask for it, so it has no place in the code")


def started_by(history: WorkflowHistory, task: int) -> int:
    """The event that started a workflow task, by the one that completed it."""
    return next(one.started_event_id for one in tasks_of(history.events) if one.completed_event_id == task)


class Capture:
    """Copies the variables when a certain command is made.

    Args:
        started: The event that starts its workflow task.
        index: Its place among the task's commands.
    """

    recording: Recording

    def __init__(self, started: int, index: int) -> None:
        self.started = started
        self.index = index
        self.scopes: list[Scope] = []

    def __call__(self, ask: Ask, frame: FrameType, instance: RecordingInstance) -> None:
        """Takes the command when it is the one."""
        del ask
        turn = instance.turn
        if turn.started_event_id == self.started and len(turn.asks) == self.index + 1:
            frames = list(self.running(frame)) or list(self.suspended(instance))
            self.scopes = [self.scope(found) for found in frames]

    def running(self, frame: FrameType | None) -> Iterator[FrameType]:
        """The notebook's frames that run, the innermost first."""
        while frame is not None:
            if self.recording.is_users(frame.f_code):
                yield frame
            frame = frame.f_back

    def suspended(self, instance: RecordingInstance) -> Iterator[FrameType]:
        """The notebook's frames of the main task, which waits for others, the innermost first."""
        main = instance.main_coroutine()
        frames = [link.cr_frame for link in awaited(main) if link.cr_frame is not None]
        yield from (frame for frame in reversed(frames) if self.recording.is_users(frame.f_code))

    def scope(self, frame: FrameType) -> Scope:
        """A frame's variables, copied."""
        found = Scope(frame.f_code.co_name, self.recording.locate(frame.f_code, frame.f_lineno))
        memo: dict[int, Any] = {}
        for name, value in dict(frame.f_locals).items():
            if name.startswith("."):
                continue
            try:
                found.variables[name] = copy.deepcopy(value, memo)
            except Exception as error:  # noqa: BLE001 - a class's own __deepcopy__ raises anything
                found.left_out[name] = f"a {type(value).__name__}: {one_line(error, SHOWN_CHARACTERS)}"
        return found
