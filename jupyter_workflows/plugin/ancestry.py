"""The runs before a resumed one, read from their histories, newest first."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field

from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryReverseRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from ..authoring.effects import kept_child
from ..authoring.kept_steps import kept_steps_in
from ..authoring.payload_text import unpacked
from ..authoring.rollback import undone_by
from ..authoring.starter import FORK_MEMO, MEMO_KEY
from ..payloads import bare
from ..schema import SignedStart
from ..schema.resumes import ForkMark, KeptStep, KeptSteps, ResumeMark
from ..security.canonical import canonical, digest
from ..security.identity import TrustedKeys
from .kept_steps import StepsOfHistory, kept_before, steps_of_history
from .resets import Reset, reset_in

LOG = logging.getLogger(__name__)
MOST_ANCESTORS = 50
MOST_FORESEEN = 4
REPLACE = "jupyter_workflows.replace"
BEGINNINGS = (
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED,
)
ENDS = {
    EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED: "activity_task_completed_event_attributes",
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED: "activity_task_failed_event_attributes",
    EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT: "activity_task_timed_out_event_attributes",
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED: "activity_task_canceled_event_attributes",
}


@dataclass(frozen=True)
class Recorded:
    """A step that ended in an earlier run; without a result where it failed.

    It counts `whatever_code` it has now where it lies before the step that a person named.
    """

    step: str
    activity: str
    scheduled: int
    input: list[Payload]
    result: list[Payload] | None
    whatever_code: bool = False


@dataclass
class Ancestor:
    """An earlier run, with what it worked out beside and before the step that is run again.

    `reset_event_id` is that of the reset in the run that came after it. `id` is its workflow id where it is another
    run, of which this one is a fork. `kept` is what the run that came after it is told of, as its history lacks it.
    """

    run_id: str
    bundle: str
    mark: ResumeMark
    reset_event_id: int
    id: str = ""
    recorded: dict[str, Recorded] = field(default_factory=dict[str, Recorded])
    kept: KeptSteps | None = None


_foreseen: dict[tuple[str, str, str], asyncio.Task[Ancestor]] = {}


async def ancestors(client: Client, workflow_id: str, run_id: str, trusted: TrustedKeys | None) -> list[Ancestor]:
    """The runs before a resumed or forked one, newest first; none where it is neither.

    Args:
        client: A connected client.
        workflow_id: Of the run.
        run_id: Of its execution.
        trusted: Who may say that a run is a fork of another.
    """
    found: list[Ancestor] = []
    current = run_id
    try:
        while len(found) < MOST_ANCESTORS:
            reset = await reset_of(client, workflow_id, current)
            if reset is None:
                origin = await origin_of(client, workflow_id, current, trusted)
                found += [origin] if origin else []
                break
            retold = reset.mark.point and not found
            found.append(await (foreseen if retold else ancestor)(client, workflow_id, reset))
            current = reset.base_run_id
    except RPCError as error:
        # Temporal has forgotten it: an open run may outlive its closed beginnings.
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
    return found


async def ancestor(client: Client, workflow_id: str, reset: Reset) -> Ancestor:
    """One run before, with what it recorded after the point it was reset to."""
    point = max(reset.mark.point, 0) or reset.event_id
    steps, ends = await steps_after(client, workflow_id, reset.base_run_id, point)
    until = min(
        (ends[found.scheduled] for found in steps if found.step == reset.mark.from_step and found.scheduled in ends),
        default=0,
    )
    bundle = bundle_of_execution(await described(client, workflow_id, reset.base_run_id))
    recorded = beside(steps, until, reset.mark.from_step)
    return Ancestor(reset.base_run_id, bundle, reset.mark, reset.event_id, recorded=recorded)


def foresee(client: Client, workflow_id: str, run_id: str, mark: ResumeMark) -> None:
    """Begins to read an execution that has ended, because another is about to be told of its steps.

    Args:
        client: A connected client.
        workflow_id: Of the run.
        run_id: Of the execution.
        mark: What the reset will say.
    """
    reading = retold_ancestor(client, workflow_id, Reset(0, run_id, mark))
    _foreseen[workflow_id, run_id, mark.model_dump_json()] = asyncio.create_task(reading)
    while len(_foreseen) > MOST_FORESEEN:
        _foreseen.pop(next(iter(_foreseen))).cancel()


async def foreseen(client: Client, workflow_id: str, reset: Reset) -> Ancestor:
    """One run before, whose kept steps the run that came after it is told of; read ahead where that was foreseen."""
    reading = _foreseen.pop((workflow_id, reset.base_run_id, reset.mark.model_dump_json()), None)
    if reading is not None:
        with contextlib.suppress(RPCError):
            return dataclasses.replace(await reading, reset_event_id=reset.event_id)
    return await retold_ancestor(client, workflow_id, reset)


async def retold_ancestor(client: Client, workflow_id: str, reset: Reset) -> Ancestor:
    """One run before, whose kept steps the run that came after it is told of."""
    mark = reset.mark
    history = await steps_of_history(client, workflow_id, reset.base_run_id)
    told = await history.told(client.data_converter)
    steps = [*told, *await history.own(client.data_converter, {step.id for step in told}, mark.point)]
    later = [recorded_before(step) for step in told if step.finished_event > mark.point]
    later += recorded_after(history, {step.id for step in told}, mark.point)
    ended = history.ended | {step.id: step.finished_event for step in told}
    recorded = beside(later, ended.get(mark.from_step or "", 0), mark.from_step)
    bundle = bundle_of_execution(await described(client, workflow_id, reset.base_run_id))
    kept = kept_before(steps, mark.point) if mark.told_by else None
    return Ancestor(reset.base_run_id, bundle, mark, reset.event_id, recorded=recorded, kept=kept)


def recorded_after(history: StepsOfHistory, told: Collection[str], point: int) -> list[Recorded]:
    """The steps of an execution that completed after an event, but for those that it was told of."""
    found: list[Recorded] = []
    for event in history.completed:
        completed = event.activity_task_completed_event_attributes
        step = activity_recorded(history.scheduled[completed.scheduled_event_id], list(completed.result.payloads))
        if event.event_id > point and step.step not in told:
            found.append(step)
    return found


def beside(steps: Sequence[Recorded], until: int, from_step: str | None) -> dict[str, Recorded]:
    """Of the steps after the point that a run is resumed from those that it need not do again.

    Args:
        steps: The steps.
        until: When the step ended from which things run again; 0 where it did not.
        from_step: That step.
    """
    undone = {undone_by(found.step) for found in steps if found.result is not None}
    return {
        found.step: found
        for found in steps
        # What was scheduled after the step had ended may follow from what it gave.
        if found.result is not None and (not until or found.scheduled < until) and found.step != from_step
        # What was undone is to be done again, and what undid it is no step of the workflow.
        if found.step not in undone and undone_by(found.step) is None
    }


def recorded_before(step: KeptStep, *, whatever_code: bool = False) -> Recorded:
    """A step as a record of kept steps has it."""
    inputs, results = ([unpacked(text) for text in texts] for texts in (step.input, step.result))
    return Recorded(step.id, step.name, step.scheduled_event, inputs, results, whatever_code)


async def origin_of(client: Client, workflow_id: str, run_id: str, trusted: TrustedKeys | None) -> Ancestor | None:
    """The run that an execution began as a fork of, with what it worked out; None for no fork.

    Whoever reaches Temporal can write any memo: where the start was not signed for this very mark, nothing is taken
    from the run it names.
    """
    info = await described(client, workflow_id, run_id)
    mark = await fork_mark(client, info)
    if mark is None:
        return None
    if reason := await distrust(client, info, mark, trusted):
        LOG.warning("%s works out all of its steps: that it is a fork of %s is %s", workflow_id, mark.id, reason)
        return None
    recorded, ended = await recorded_of_origin(client, mark)
    bundle = bundle_of_execution(await described(client, mark.id, mark.run_id))
    resumed = ResumeMark(from_step=mark.from_step, by=mark.by, replaced=mark.replaced, input_of=mark.input_of)
    return Ancestor(mark.run_id, bundle, resumed, 0, mark.id, kept_by_fork(mark, recorded, ended))


async def recorded_of_origin(client: Client, mark: ForkMark) -> tuple[dict[str, Recorded], dict[str, int]]:
    """What the run that a fork was made of worked out, and when each of its steps ended."""
    recorded: dict[str, Recorded] = {}
    ended: dict[str, int] = {}
    scheduled: dict[int, HistoryEvent] = {}
    told_by = ""
    async for event in client.get_workflow_handle(mark.id, run_id=mark.run_id).fetch_history_events():
        if event.event_id > mark.until:
            break
        if event.event_type in BEGINNINGS:
            scheduled[event.event_id] = event
        elif reset := reset_in(event):
            told_by = reset.mark.told_by or told_by
        elif event.event_type == EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
            child = child_recorded(mark, scheduled, event)
            ended[child.step] = event.event_id
            recorded[child.step] = child
        elif kind := ENDS.get(event.event_type):
            attributes = getattr(event, kind)
            began = scheduled.pop(attributes.scheduled_event_id, None)
            if began is None:
                continue
            step = began.activity_task_scheduled_event_attributes
            ended[step.activity_id] = event.event_id
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                results = list(attributes.result.payloads)
                recorded[step.activity_id] = activity_recorded(began, results, event.event_id < mark.point)
    if told_by in recorded:
        told, told_ended = await told_to_origin(client, mark, recorded[told_by])
        recorded, ended = recorded | told, ended | told_ended
    return recorded, ended


async def told_to_origin(
    client: Client, mark: ForkMark, carrier: Recorded
) -> tuple[dict[str, Recorded], dict[str, int]]:
    """The steps that the run a fork was made of kept without their events, and when each ended."""
    results = await bare(client.data_converter, carrier.result or [])
    record = kept_steps_in(results[0]) if results else None
    steps = record.steps if record else []
    recorded = {step.id: recorded_before(step, whatever_code=step.finished_event < mark.point) for step in steps}
    return recorded, {step.id: step.finished_event for step in steps}


def activity_recorded(begun: HistoryEvent, result: list[Payload] | None, whatever_code: bool = False) -> Recorded:
    """An activity that ended, as the step that it was; `begun` is the event that scheduled it."""
    asked = begun.activity_task_scheduled_event_attributes
    inputs = list(asked.input.payloads)
    return Recorded(asked.activity_id, asked.activity_type.name, begun.event_id, inputs, result, whatever_code)


def child_recorded(mark: ForkMark, begun: dict[int, HistoryEvent], event: HistoryEvent) -> Recorded:
    """A child run that completed, as the step that it was."""
    attributes = event.child_workflow_execution_completed_event_attributes
    asked = begun[attributes.initiated_event_id].start_child_workflow_execution_initiated_event_attributes
    return Recorded(
        asked.workflow_id.removeprefix(f"{mark.id}/"),
        kept_child(asked.workflow_type.name),
        attributes.initiated_event_id,
        list(asked.input.payloads),
        list(attributes.result.payloads),
        whatever_code=event.event_id < mark.point,
    )


def kept_by_fork(mark: ForkMark, recorded: dict[str, Recorded], ended: dict[str, int]) -> dict[str, Recorded]:
    """Of what a run worked out, what its fork need not do again."""
    undone = {undone_by(step) for step in recorded}
    # What was scheduled after the step had ended may follow from what it gave.
    until = ended.get(mark.from_step or "", 0)
    return {
        step: found
        for step, found in recorded.items()
        if step not in undone and undone_by(step) is None and not (until and found.scheduled > until)
    }


async def fork_mark(client: Client, info: WorkflowExecutionInfo) -> ForkMark | None:
    """What the memo of an execution says about the run it was forked from; None where it is no fork of ours."""
    payload = info.memo.fields.get(FORK_MEMO)
    if payload is None:
        return None
    try:
        (value,) = await client.data_converter.decode([payload])
        return ForkMark.model_validate(value)
    except Exception:  # noqa: BLE001 - whatever another put there is no mark of ours
        return None


async def distrust(
    client: Client, info: WorkflowExecutionInfo, mark: ForkMark, trusted: TrustedKeys | None
) -> str | None:
    """Why the start of an execution does not vouch for its mark of a fork; None where it does."""
    payload = info.memo.fields.get(MEMO_KEY)
    try:
        (value,) = await client.data_converter.decode([payload] if payload else [])
        statement = SignedStart.model_validate(value)
    except ValueError:
        return "not signed"
    if trusted is None:
        return "signed by somebody, and this worker knows no key"
    if statement.workflow_id != info.execution.workflow_id:
        return "signed for another run"
    if statement.forked != digest(canonical(mark.model_dump(mode="json"))):
        return "not what was signed"
    return trusted.distrust(statement)


async def steps_after(
    client: Client, workflow_id: str, run_id: str, event_id: int
) -> tuple[list[Recorded], dict[int, int]]:
    """The activities that completed after an event, and when those of each schedule ended, whatever way."""
    results: dict[int, list[Payload]] = {}
    ends: dict[int, int] = {}
    steps: list[Recorded] = []
    async for event in newest_first(client, workflow_id, run_id):
        if event.event_id <= event_id and not (results.keys() - {found.scheduled for found in steps}):
            break
        kind = ENDS.get(event.event_type)
        if kind and event.event_id > event_id:
            attributes = getattr(event, kind)
            ends[attributes.scheduled_event_id] = event.event_id
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                results[attributes.scheduled_event_id] = list(attributes.result.payloads)
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED and event.event_id in ends:
            steps.append(activity_recorded(event, results.get(event.event_id)))
    return steps, ends


async def reset_of(client: Client, workflow_id: str, run_id: str) -> Reset | None:
    """The reset by which a run began; None for one that began by itself."""
    if (await described(client, workflow_id, run_id)).first_run_id == run_id:
        # Looking for its reset would read the whole history.
        return None
    async for event in newest_first(client, workflow_id, run_id):
        if reset := reset_in(event):
            return reset
    return None


async def signal_after(client: Client, workflow_id: str, run_id: str, name: str, event_id: int) -> Payload | None:
    """The payload of the first signal of this name after an event."""
    found = None
    async for event in newest_first(client, workflow_id, run_id):
        if event.event_id <= event_id:
            break
        signal = event.workflow_execution_signaled_event_attributes
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED and signal.signal_name == name:
            found = signal.input.payloads[0] if signal.input.payloads else None
    return found


async def described(client: Client, workflow_id: str, run_id: str) -> WorkflowExecutionInfo:
    """What the server says of an execution."""
    answer = await client.workflow_service.describe_workflow_execution(
        DescribeWorkflowExecutionRequest(
            namespace=client.namespace, execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
        ),
        retry=True,
    )
    return answer.workflow_execution_info


def bundle_of_execution(info: WorkflowExecutionInfo) -> str:
    """The first 16 digits of the digest of the bundle an execution runs on; empty where it is not one of ours."""
    pinned = info.versioning_info.versioning_override.pinned.version.build_id
    if pinned:
        return pinned
    version = info.versioning_info.deployment_version.build_id
    prefix, _, rest = info.task_queue.partition("-")
    return version or (rest.partition("-")[0] if prefix == "jw" else "")


async def newest_first(client: Client, workflow_id: str, run_id: str) -> AsyncIterator[HistoryEvent]:
    """The events of a run, the newest first; a page at a time, as far as they are asked for."""
    request = GetWorkflowExecutionHistoryReverseRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
        maximum_page_size=32,
    )
    while True:
        try:
            page = await client.workflow_service.get_workflow_execution_history_reverse(request, retry=True)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return
            raise
        for event in page.history.events:
            yield event
        if not page.next_page_token:
            return
        request.next_page_token = page.next_page_token
        request.maximum_page_size = 0
