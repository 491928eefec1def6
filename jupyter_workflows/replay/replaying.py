"""A recorded history against a bundle: do both agree, and if not, where do they part?"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import logging
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.worker import Replayer

from ..authoring.bundles import LoadedBundle, serve
from ..authoring.served import served_workflows
from ..errors import ReplayFailed
from ..payloads import data_converter
from ..runs.history import Reduction
from ..runs.untrusted import one_line
from ..runs.values import plain, stored_bytes
from ..schema.replays import Divergence, Remark, Replayed
from .comparing import EVENT, counts, divergence, first_difference, remarks
from .doings import asked
from .files import fetch_values, is_encrypted, payloads_in
from .recording import Recording, Turn, recording_sandbox
from .tasks import Task, tasks_of

# Temporal looks after workflow code that doesn't give up its thread; this is for what it doesn't foresee.
LIMIT_SECONDS = 120.0
DEADLOCK = "TMPRL1101"
TRIES = 3
MOST_BYTES = 1024 * 1024 * 1024
THREADS = "replay-of-a-history"
LOGGERS = (
    "temporalio.worker._replayer",
    "temporalio.worker._workflow",
    "temporalio.worker._workflow_instance",
    "temporalio.worker.workflow_sandbox._restrictions",
)
REPLAYING: ContextVar[bool] = ContextVar("REPLAYING", default=False)


@functools.cache
def quiet_runtime() -> Runtime:
    """A runtime of Temporal's native part that doesn't log what a replay is for: that code disagrees."""
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=TelemetryFilter("OFF", "OFF"))))


def stand_in(workflow_class: type) -> type:
    """The class under which a workflow is offered to the replayer.

    With the class itself, whose every exception fails the run, Temporal would turn a disagreement into a failure of
    the run too, and wait for an answer that no server gives. In the sandbox the class itself is imported.
    """
    definition: Any = vars(workflow_class)["__temporal_workflow_definition"]
    stands = type(workflow_class.__name__, (), {"__module__": workflow_class.__module__})
    changed = dataclasses.replace(definition, cls=stands, failure_exception_types=[])
    stands.__temporal_workflow_definition = changed  # pyright: ignore[reportAttributeAccessIssue]
    return stands


async def replay(history: WorkflowHistory, bundle: LoadedBundle, converter: DataConverter | None = None) -> Replayed:
    """Runs the code of a bundle over a recorded history and tells how far both agree.

    No activity runs, no server is asked, and the code is sandboxed as in a worker. Cost: 10 to 20 ms, and 0.3 ms for
    each event of a long history.

    Args:
        history: The history, open or closed.
        bundle: The code, loaded in this process.
        converter: The data converter of the connection that the history came from; by default our own without
            storage, for which values kept outside of history can't be read.

    Raises:
        ReplayFailed: The bundle has no such workflow, the history is none, or a value of it can't be read.
    """
    recording = Recording(bundle)
    reason = await run(history, recording, converter)
    found = judged(history, recording, reason)
    if found.divergence is None or found.divergence.location is not None:
        return found
    # It ends earlier than the run did: by which line?
    recording = Recording(bundle, returns=True)
    return judged(history, recording, await run(history, recording, converter))


async def run(history: WorkflowHistory, recording: Recording, converter: DataConverter | None = None) -> str:
    """Replays a history for a recording; gives what Temporal says against it, or nothing.

    Raises:
        ReplayFailed: See `replay`.
    """
    workflow = workflow_of(history.events)
    classes = served_workflows(recording.bundle)
    offered = {vars(known)["__temporal_workflow_definition"].name: known for known in classes}
    if workflow not in offered:
        names = ", ".join(sorted(recording.bundle.workflows)) or "none"
        raise ReplayFailed(f"run {history.workflow_id} is one of workflow {workflow}, and the code has {names}")
    used = converter or data_converter()
    whole = await with_values(history, used)
    reason = ""
    for _ in range(TRIES):
        recording.turns.clear()
        reason = await replayed(whole, stand_in(offered[workflow]), recording, used)
        if DEADLOCK not in reason:
            break
    return reason


async def with_values(history: WorkflowHistory, converter: DataConverter) -> WorkflowHistory:
    """The history with the values that are kept outside of it.

    Raises:
        ReplayFailed: One can't be fetched, or is encrypted and encryption is off here.
    """
    payloads = list(payloads_in(history.events))
    if converter.payload_codec is None and any(is_encrypted(payload) for payload in payloads):
        raise ReplayFailed(
            f"values of run {history.workflow_id} are encrypted, and encryption is off here: turn it on with the keys "
            "that the run was started with"
        )
    if not any(map(stored_bytes, payloads)):
        return history
    events = [HistoryEvent.FromString(event.SerializeToString()) for event in history.events]
    _, missing = await fetch_values(events, converter, room=MOST_BYTES)
    if missing:
        raise ReplayFailed(
            f"values of run {history.workflow_id} are kept outside of its history and can't be fetched here "
            f"({missing[0]}): write it to a file where they can be, with `%workflow history`"
        )
    return WorkflowHistory(history.workflow_id, events)


async def replayed(history: WorkflowHistory, offered: type, recording: Recording, converter: DataConverter) -> str:
    """One replay; gives what Temporal says against it."""
    build = recording.bundle.manifest.digest[:16]
    serve(f"replay-{build}", recording.bundle)
    with ThreadPoolExecutor(1, thread_name_prefix=THREADS) as executor, silent_sdk():
        replayer = Replayer(
            workflows=[offered],
            workflow_task_executor=executor,
            workflow_runner=recording_sandbox(recording),
            data_converter=converter,
            build_id=build,
            runtime=quiet_runtime(),
        )
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        except TimeoutError:
            raise ReplayFailed(
                f"the replay of run {history.workflow_id} did not end within {LIMIT_SECONDS:g} s"
            ) from None
    return str(result.replay_failure or "")


class NotReplaying(logging.Filter):
    """Keeps the SDK from logging what a replay finds; what it logs elsewhere in the process passes."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is another's."""
        del record
        return not (REPLAYING.get() or threading.current_thread().name.startswith(THREADS))


NOT_REPLAYING = NotReplaying()


@contextlib.contextmanager
def silent_sdk() -> Generator[None]:
    """Keeps the SDK from logging in this task and the tasks it makes."""
    for logger in map(logging.getLogger, LOGGERS):
        logger.addFilter(NOT_REPLAYING)
    token = REPLAYING.set(True)
    try:
        yield
    finally:
        REPLAYING.reset(token)


def judged(history: WorkflowHistory, recording: Recording, reason: str) -> Replayed:
    """What a replay found, as it is told."""
    events = history.events
    tasks, turns = tasks_of(events), {turn.started_event_id: turn for turn in recording.turns}
    names = step_names(history)
    parted = parting(tasks, recording.turns, reason)
    agreed = tasks if parted is None else tasks[: tasks.index(parted)]
    seen: list[Remark] = []
    for task in agreed:
        if turn := turns.get(task.started_event_id):
            seen.extend(remarks(task, turn, names))
    found: Divergence | None = None
    if parted is not None:
        found = divergence(parted, turns[parted.started_event_id], names, reason)
    elif reason:
        raise ReplayFailed(f"the history of run {history.workflow_id} can't be replayed: {one_line(reason, 300)}")
    return Replayed(
        workflow=workflow_of(events),
        workflow_id=history.workflow_id,
        run_id=history.run_id,
        bundle=recording.bundle.manifest.digest[:16],
        compatible=found is None,
        agreed_until=agreed[-1].completed_event_id if agreed else None,
        tasks=len(tasks),
        agreed_tasks=len(agreed),
        divergence=found,
        remarks=seen,
    )


def parting(tasks: Sequence[Task], turns: Sequence[Turn], reason: str) -> Task | None:
    """The workflow task in which code and history part; None where they agree throughout.

    Temporal notices a step too many only when the next event doesn't fit it, and doesn't look into the memo, where
    approvals stand; so the first difference of our own comparison counts. What Temporal refuses beyond that is found
    before it goes on to the next task; what it refuses later than that, the code was never told.

    Raises:
        ReplayFailed: A value could not be read, so the code was not told it.
    """
    by_start = {task.started_event_id: task for task in tasks}
    reached = [(task, asked(turn.asks)) for turn in turns if (task := by_start.get(turn.started_event_id))]
    for task, wanted in reached:
        pair = first_difference(task.doings, wanted)
        if pair is not None and (reason or counts(*pair)):
            return task
    if not reason or not reached:
        return None
    last = reached[-1][0]
    refused = EVENT.search(reason)
    later = next((task for task in tasks if task.completed_event_id > last.completed_event_id), None)
    if refused and later and int(refused[1]) >= later.completed_event_id:
        raise ReplayFailed(
            f"what happened before event {later.completed_event_id} can't be read: {one_line(reason, 300)}"
        )
    return last


def step_names(history: WorkflowHistory) -> dict[int, tuple[str, str]]:
    """Id and name of the step that an event begins, as the list of steps shows them."""
    reduction = Reduction(history.workflow_id)
    for event in history.events:
        reduction.apply(event)
    reduction.steps(plain)
    return {event: (draft.id, draft.name) for event, draft in reduction.by_event.items()}


def workflow_of(events: Sequence[HistoryEvent]) -> str:
    """The workflow a history is of.

    Raises:
        ReplayFailed: It does not begin as one.
    """
    started = events[0].workflow_execution_started_event_attributes if events else None
    if started is None or not started.workflow_type.name:
        raise ReplayFailed("the history does not begin with the start of a run: export it whole")
    return started.workflow_type.name
