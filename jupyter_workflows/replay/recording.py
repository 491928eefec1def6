"""What code asks for while a history is replayed: Temporal's own workflow instance, listened to.

The instance runs in the same sandbox as in a worker, so nothing of the outside is reached; Temporal's native part,
which no server stands behind here, compares what was asked with the history.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any, cast

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker._workflow_instance import _WorkflowInstanceImpl  # pyright: ignore[reportPrivateUsage]
from temporalio.worker.workflow_sandbox import _importer

from ..authoring.bundles import LoadedBundle, where
from ..plugin.sandbox import Instance, Sandbox, sandbox
from ..schema import CellLocation

RECORDING = "jupyter_workflows.replay"
# Frames between the line that calls a step and the coroutine that is made of it: our own.
ORIGIN_FRAMES = 8


@dataclass
class Ask:
    """One command of the code: a step, a wait, an end.

    `location` is the line that leads to it, `error` what it raised where the command ends the run so.
    """

    command: WorkflowCommand
    location: CellLocation | None = None
    error: BaseException | None = None


@dataclass
class Turn:
    """One workflow task: what the code asked for when it was told what had happened by then.

    `waiting` are the lines where the code waits afterwards.
    """

    started_event_id: int
    replaying: bool
    asks: list[Ask] = field(default_factory=list[Ask])
    waiting: list[CellLocation] = field(default_factory=list[CellLocation])
    failure: str = ""


class Recording:
    """All that one replayed run asked for.

    Args:
        bundle: The code.
        on_ask: Called for each command when it is made, with the innermost frame that runs.
        returns: Notes the line that ends the run, which takes twice the time.
    """

    def __init__(
        self,
        bundle: LoadedBundle,
        *,
        on_ask: Callable[[Ask, FrameType, Any], None] | None = None,
        returns: bool = False,
    ) -> None:
        self.bundle = bundle
        self.directory = str(bundle.path)
        self.on_ask = on_ask
        self.returns = returns
        self.returned: CellLocation | None = None
        self.turns: list[Turn] = []

    def begin(self, activation: WorkflowActivation) -> Turn:
        """The turn of an activation; several may belong to one workflow task."""
        started = activation.history_length
        if not self.turns or self.turns[-1].started_event_id != started:
            self.turns.append(Turn(started, activation.is_replaying))
        return self.turns[-1]

    def is_users(self, code: CodeType) -> bool:
        """Whether code is the notebook's; asked for every frame above every command, so without making paths."""
        return os.path.dirname(code.co_filename) == self.directory  # noqa: PTH120

    def locate(self, code: CodeType, line: int) -> CellLocation | None:
        """Cell and line of a line of the bundle; None for other code."""
        return self.bundle.locate(code.co_filename, line) if self.is_users(code) else None

    def calling(self, frame: FrameType | None) -> CellLocation | None:
        """The line of the notebook that leads to a frame: of those that run, else where the running task was made."""
        while frame is not None:
            location = self.locate(frame.f_code, frame.f_lineno)
            if location is not None:
                return location
            frame = frame.f_back
        if self.returned is not None:
            return self.returned
        task = asyncio.current_task()
        for file, line, _ in getattr(task.get_coro(), "cr_origin", None) or () if task else ():
            if os.path.dirname(file) == self.directory:  # noqa: PTH120
                return self.bundle.locate(file, line)
        return None

    def profile(self, frame: FrameType, event: str, argument: Any) -> None:
        """Notes the last line of the notebook that was left: by `sys.setprofile`."""
        del argument
        if event == "return":
            self.returned = self.locate(frame.f_code, frame.f_lineno) or self.returned

    def origin_of(self, error: BaseException | None) -> CellLocation | None:
        """The line where an exception arose."""
        seen: set[int] = set()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            location, _ = where(error)
            if location is not None:
                return location
            error = error.__cause__ or error.__context__
        return None


def awaited(coroutine: Any) -> Iterator[Any]:
    """A suspended coroutine and those it waits for, outermost first."""
    while coroutine is not None and hasattr(coroutine, "cr_await"):
        yield coroutine
        coroutine = coroutine.cr_await


class RecordingInstance(_WorkflowInstanceImpl):
    """Temporal's workflow instance, which tells what it is asked for."""

    recording: Recording
    turn: Turn

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """Takes what has happened, runs the code, and gives what it asks for."""
        if any(job.HasField("remove_from_cache") for job in act.jobs):
            self.turn = Turn(0, replaying=True)
            return super().activate(act)
        self.turn = self.recording.begin(act)
        first = len(self.turn.asks)
        depth = sys.get_coroutine_origin_tracking_depth()
        sys.set_coroutine_origin_tracking_depth(ORIGIN_FRAMES)
        if self.recording.returns:
            sys.setprofile(self.recording.profile)
        try:
            completion = super().activate(act)
        finally:
            if self.recording.returns:
                sys.setprofile(None)
            sys.set_coroutine_origin_tracking_depth(depth)
        # What is sent is encoded in place, so a copy is kept.
        commands = [
            WorkflowCommand.FromString(command.SerializeToString()) for command in completion.successful.commands
        ]
        for ask, command in zip(self.turn.asks[first:], commands, strict=False):
            ask.command = command
        del self.turn.asks[first + len(commands) :]
        if completion.HasField("failed"):
            self.turn.failure = completion.failed.failure.message
        self.turn.waiting = list(self.waiting())
        return completion

    def _add_command(self) -> WorkflowCommand:
        command = super()._add_command()
        frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
        ask = Ask(command, self.recording.calling(frame))
        self.turn.asks.append(ask)
        if self.recording.on_ask:
            self.recording.on_ask(ask, frame, self)
        return command

    def _set_workflow_failure(self, err: BaseException) -> None:
        before = len(self.turn.asks)
        super()._set_workflow_failure(err)
        for ask in self.turn.asks[before:]:
            ask.error, ask.location = err, self.recording.origin_of(err)

    def waiting(self) -> Iterator[CellLocation]:
        """Where the code waits: the innermost line of the notebook in each of its tasks, the main one first."""
        tasks = cast("set[asyncio.Task[Any]]", self._tasks)  # pyright: ignore[reportUnknownMemberType]
        for task in sorted(tasks, key=self.is_secondary):
            lines = [
                self.recording.locate(link.cr_frame.f_code, link.cr_frame.f_lineno)
                for link in awaited(task.get_coro())
                if link.cr_frame is not None
            ]
            yield from [line for line in lines if line is not None][-1:]

    def main_coroutine(self) -> Any:
        """The coroutine of the workflow; None before it began."""
        return self._primary_task.get_coro() if self._primary_task else None

    def is_secondary(self, task: asyncio.Task[Any]) -> bool:
        """Whether a task is another than the main one."""
        return task is not self._primary_task


def functions_of(det: WorkflowInstanceDetails) -> dict[str, Any]:
    """What an instance may call outside of the sandbox."""
    return dict(cast("Mapping[str, Any]", det.extern_functions))  # pyright: ignore[reportUnknownMemberType]


class RecordingRunner(UnsandboxedWorkflowRunner):
    """Makes recording instances; the sandbox imports it by name, so the recording travels with the details."""

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """The instance of one run."""
        functions = functions_of(det)
        recording = functions.pop(RECORDING, None)
        if recording is None:
            return super().create_instance(det)
        instance: Any = RecordingInstance(dataclasses.replace(det, extern_functions=functions))  # pyright: ignore[reportAbstractUsage]
        instance.recording = recording()
        return instance


def unprinted(*args: Any, **kwargs: Any) -> None:
    """What `print` is in a replay: the run has printed it."""
    del args, kwargs


class SilentInstance(Instance):
    """One run in the sandbox whose code does not print, by the sandbox's own way of replacing a builtin."""

    def _create_instance(self) -> None:
        replaced = cast("list[Any]", self.importer.restricted_builtins)  # pyright: ignore[reportUnknownMemberType]
        builtin = cast("Any", _importer)._get_thread_local_builtin("print")
        replaced.append(("print", builtin, unprinted))
        super()._create_instance()


@dataclass(frozen=True)
class RecordingSandbox(Sandbox):
    """The worker's sandbox, whose instances record."""

    recording: Recording | None = None

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """The instance of one run."""
        functions = {**functions_of(det), RECORDING: lambda: self.recording}
        return SilentInstance(
            dataclasses.replace(det, extern_functions=functions), self.runner_class, self.restrictions
        )


def recording_sandbox(recording: Recording) -> RecordingSandbox:
    """The sandbox of a replay."""
    return RecordingSandbox(sandbox().restrictions, RecordingRunner, recording=recording)
