"""From history events to steps: a pure reduction.

Temporal's history lacks what is going on right now: an activity's start and its failed attempts are written when
it closes. `describe` knows them as pending activities; `Reduction.steps` merges both. A reduction is incremental:
events are applied once, in order, and only steps that changed are built again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType, PendingActivityState, WorkflowTaskFailedCause
from temporalio.api.failure.v1 import Failure as FailureProto
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import PendingActivityInfo

from ..authoring.effects import KEPT_CHILD, named_code
from ..authoring.kept_steps import PAUSE_SUMMARY
from ..schema import Kept, Manifest, Resumed, RunStatus, Step, StepStatus, Token
from ..schema.resumes import read_mark
from .failures import payloads_of
from .kept_steps import kept_drafts
from .steps import Draft, Known, build_step, read_checked, text_of, time_of, written_by
from .values import Decode, beside, plain

APPROVAL_MEMO = "approval:"
CHECKED_MEMO = "checked"
# The updates by which people act; the last one tells of what they did in an earlier execution.
ACTS = {"jupyter_workflows.decide", "jupyter_workflows.act", "jupyter_workflows.keep"}
ROLLBACK_MEMO = "rollback"
# Ways Temporal and its contributed packages talk to a workflow; none of them is the user's signal.
INTERNAL_SIGNAL = "__temporal"
# Ours are shown by what they say: `roll_back`.
OUR_SIGNALS = "jupyter_workflows."


TASK_ENDS = {
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
}
# What a history has beside the steps it asks for, where it has nothing but steps and each of them completed.
STEPS_ONLY = TASK_ENDS | {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
}


@dataclass(frozen=True)
class Closing:
    """How a run ended."""

    status: RunStatus
    at: datetime
    results: Sequence[Payload] = ()
    failure: FailureProto | None = None
    reason: str = ""
    next_run_id: str = ""

    def payloads(self) -> Iterator[Payload]:
        """All payloads of the end, for decoding them in advance."""
        yield from self.results
        if self.failure is not None:
            yield from payloads_of(self.failure)


class Reduction:
    """Events of one run, applied in order.

    Args:
        workflow_id: The run's workflow id; a child's step id is what its own id adds to it.
        run_id: Temporal's id of the execution.
    """

    def __init__(self, workflow_id: str = "", run_id: str = "") -> None:
        self.workflow_id = workflow_id
        self.run_id = run_id
        self.last_event_id = 0
        self.started_at: datetime | None = None
        self.arguments: Sequence[Payload] = ()
        self.closing: Closing | None = None
        self.stuck: FailureProto | None = None
        self.updates_accepted: set[str] = set()
        self.updates_completed: set[str] = set()
        self.drafts: list[Draft] = []
        self.by_event: dict[int, Draft] = {}
        self.by_timer: dict[str, Draft] = {}
        self.approvals: dict[str, Draft] = {}
        self.counts: Counter[str] = Counter()
        # Whether `describe` has news: an approval, or the end.
        self.described_anew = False
        self.outdated: list[Payload] = []
        self.checks: list[Payload] = []
        self.ended: list[Draft] = []
        self.rollback: Payload | None = None
        self.has_effects = False
        self.tasks: list[int] = []
        self.resumed: Resumed | None = None
        self.resumed_event = 0
        self.acts: list[tuple[int, Payload]] = []
        # The step whose result brings the record of kept steps, and that result until it is read.
        self.told_by = ""
        self.kept_steps: Payload | None = None
        # The first workflow task that ended, whatever way, and the first event of more than steps that completed.
        self.first_task = 0
        self.first_other = 0

    def apply(self, event: HistoryEvent) -> None:
        """Takes the next event; events it has seen already are ignored."""
        if event.event_id <= self.last_event_id:
            return
        self.last_event_id = event.event_id
        handle = HANDLERS.get(event.event_type)
        if handle:
            handle(self, event)
        if not self.first_task and event.event_type in TASK_ENDS:
            self.first_task = event.event_id
        if not self.first_other and is_more_than_a_step(event):
            self.first_other = event.event_id

    def observe(self, pending: Iterable[PendingActivityInfo]) -> bool:
        """Takes what `describe` says about open activities; whether that is news."""
        by_id = {info.activity_id: info for info in pending}
        news = False
        for draft in self.open_activities():
            info = by_id.get(draft.id)
            # One that is gone has closed, and the event that says how is on its way.
            if info is None or news_key(info) == news_key(draft.pending):
                continue
            self.outdate(draft)
            draft.pending, draft.built, news = info, None, True
            if info.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED:
                draft.attempts_seen[info.attempt] = time_of(info.last_started_time), info.last_worker_identity
        return news

    def outdate(self, draft: Draft) -> None:
        """Drops what `describe` said of a step; nobody needs its values any more."""
        if draft.pending is not None:
            self.outdated.extend(draft.pending.heartbeat_details.payloads)
            draft.pending = None

    def open_activities(self) -> list[Draft]:
        """Activities that have not ended."""
        return [draft for draft in self.drafts if draft.kind == "activity" and draft.finished_at is None]

    def payloads(self, *, bare: bool = False) -> Iterator[Payload]:
        """Payloads of all steps that `steps` would build now."""
        for draft in self.drafts:
            if draft.built is None:
                yield from draft.payloads(bare=bare)
        yield from self.checks
        if self.kept_steps is not None:
            yield self.kept_steps
        if self.rollback is not None:
            yield self.rollback

    def steps(self, decode: Decode = plain, manifest: Manifest | None = None, *, bare: bool = False) -> list[Step]:
        """The steps so far, in the order in which they were scheduled; bare: without what they were given and gave."""
        known = Known.of(manifest)
        self.take_kept_steps(decode)
        self.take_checks(decode)
        for draft in self.drafts:
            if draft.built is None and self.shown(draft, decode):
                draft.built = build_step(draft, decode, known, bare=bare)
                self.has_effects |= bool(draft.built.undo or draft.built.irreversible or draft.built.undoes)
        return [draft.built for draft in self.drafts if draft.built]

    def written(self, decode: Decode) -> list[Token]:
        """The ends of the texts that open activities write."""
        tokens = [written_by(draft, decode) for draft in self.open_activities() if draft.pending is not None]
        return [token for token in tokens if token is not None]

    def take_kept_steps(self, decode: Decode) -> None:
        """Puts the steps that the execution keeps without their events before all others."""
        if self.kept_steps is None:
            return
        kept = kept_drafts(beside(decode, self.kept_steps), Kept(run_id=self.resumed.run_id) if self.resumed else None)
        self.kept_steps = None
        known = {draft.id for draft in kept}
        # What was asked for before the record had come is in both.
        self.drafts = kept + [draft for draft in self.drafts if draft.kind != "activity" or draft.id not in known]

    def take_checks(self, decode: Decode) -> None:
        """Gives the steps what became of their doubtful answers."""
        by_id = {draft.id: draft for draft in self.drafts} if self.checks else {}
        for payload in self.checks:
            checked = read_checked(decode(payload))
            draft = by_id.get(checked.step) if checked else None
            if draft is not None:
                draft.checked, draft.built = checked, None
        self.checks.clear()

    def shown(self, draft: Draft, decode: Decode) -> bool:
        """Whether a step is one of the user's; a timer that only bounds an approval is not."""
        if draft.kind != "timer" or draft.id:
            return True
        summary = text_of(draft.summary, decode)
        if summary in self.approvals or summary == PAUSE_SUMMARY:
            return False
        draft.id = self.numbered(draft.name)
        return True

    def add(self, event: HistoryEvent, draft: Draft) -> None:
        """Takes a new step in."""
        markers = event.event_group_markers
        draft.cell_id = next((marker.label.id for marker in markers if marker.HasField("label")), None)
        if event.HasField("user_metadata") and event.user_metadata.HasField("summary"):
            draft.summary = event.user_metadata.summary
        draft.scheduled_event = event.event_id
        self.by_event[event.event_id] = draft
        self.drafts.append(draft)

    def numbered(self, name: str) -> str:
        """`<name>-<n>`, counted per name."""
        self.counts[name] += 1
        return f"{name}-{self.counts[name]}"

    def finish(self, draft: Draft | None, event: HistoryEvent, status: StepStatus) -> Draft | None:
        """Ends a step."""
        if draft is not None:
            draft.status, draft.finished_at, draft.built = status, time_of(event.event_time), None
            self.ended.append(draft)
            draft.finished_event = event.event_id
            self.outdate(draft)
            if draft.kind != "approval":
                draft.due_at = None
        return draft

    def close(self, closing: Closing) -> None:
        """Ends the run; steps still open end with it."""
        self.closing = closing
        self.described_anew = True
        for draft in self.drafts:
            if draft.finished_at is None:
                if draft.attempts_seen and not draft.attempt:
                    # History does not tell that an attempt began which the end of the run cut off.
                    draft.attempt = max(draft.attempts_seen)
                    draft.started_at, draft.worker = draft.attempts_seen[draft.attempt]
                draft.status, draft.finished_at, draft.built = "cancelled", closing.at, None
                draft.pending, draft.due_at = None, None


def news_key(info: PendingActivityInfo | None) -> tuple[object, ...]:
    """What of an open activity is worth showing anew; that it gave a sign of life is not."""
    if info is None:
        return ()
    beat = info.heartbeat_details.SerializeToString() if info.HasField("heartbeat_details") else b""
    due = info.next_attempt_schedule_time.ToNanoseconds() if info.HasField("next_attempt_schedule_time") else 0
    return info.state, info.attempt, info.paused, info.last_started_time.ToNanoseconds(), due, beat


def is_more_than_a_step(event: HistoryEvent) -> bool:
    """Whether an event belongs to more than the workflow's own steps, each of which completed."""
    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
        return event.activity_task_scheduled_event_attributes.activity_type.name.startswith(KEPT_CHILD)
    return event.event_type not in STEPS_ONLY


Handler = Callable[[Reduction, HistoryEvent], None]


def _workflow_started(reduction: Reduction, event: HistoryEvent) -> None:
    attributes = event.workflow_execution_started_event_attributes
    reduction.started_at = time_of(event.event_time)
    reduction.arguments = list(attributes.input.payloads)


def _workflow_task_failed(reduction: Reduction, event: HistoryEvent) -> None:
    attributes = event.workflow_task_failed_event_attributes
    if attributes.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW:
        _reset(reduction, event)
        return
    reduction.stuck = attributes.failure if attributes.failure.message else None


def _reset(reduction: Reduction, event: HistoryEvent) -> None:
    """What follows is a new execution; what is before was done by an earlier one."""
    attributes = event.workflow_task_failed_event_attributes
    mark = read_mark(attributes.failure.message)
    replaced = [*mark.replaced, *([mark.input_of] if mark.input_of else [])]
    reduction.resumed = Resumed(
        run_id=attributes.base_run_id, from_step=mark.from_step, by=mark.by or attributes.identity, replaced=replaced
    )
    reduction.resumed_event = event.event_id
    reduction.told_by = mark.told_by or reduction.told_by
    for draft in reduction.drafts:
        if draft.finished_at is not None:
            draft.kept, draft.built = Kept(run_id=attributes.base_run_id), None


def _workflow_task_completed(reduction: Reduction, event: HistoryEvent) -> None:
    reduction.tasks.append(event.event_id)
    reduction.stuck = None


def _activity_scheduled(reduction: Reduction, event: HistoryEvent) -> None:
    attributes = event.activity_task_scheduled_event_attributes
    name, _ = named_code(attributes.activity_type.name.removeprefix(KEPT_CHILD))
    draft = Draft(attributes.activity_id, name, "activity", time_of(event.event_time))
    draft.arguments = list(attributes.input.payloads)
    draft.task_event = attributes.workflow_task_completed_event_id
    reduction.add(event, draft)


def _activity_started(reduction: Reduction, event: HistoryEvent) -> None:
    attributes = event.activity_task_started_event_attributes
    draft = reduction.by_event.get(attributes.scheduled_event_id)
    if draft is None:
        return
    draft.status, draft.started_at, draft.built = "running", time_of(event.event_time), None
    draft.attempt, draft.worker = attributes.attempt, attributes.identity
    if attributes.HasField("last_failure"):
        draft.last_failure = attributes.last_failure


def _activity_completed(reduction: Reduction, event: HistoryEvent) -> None:
    attributes = event.activity_task_completed_event_attributes
    draft = reduction.finish(reduction.by_event.get(attributes.scheduled_event_id), event, "completed")
    if draft:
        draft.results = list(attributes.result.payloads)
        if draft.id == reduction.told_by and draft.results:
            reduction.kept_steps = draft.results[0]


def _activity_failed(reduction: Reduction, event: HistoryEvent) -> None:
    attributes = event.activity_task_failed_event_attributes
    draft = reduction.finish(reduction.by_event.get(attributes.scheduled_event_id), event, "failed")
    if draft:
        draft.failure = attributes.failure


def _activity_timed_out(reduction: Reduction, event: HistoryEvent) -> None:
    attributes = event.activity_task_timed_out_event_attributes
    draft = reduction.finish(reduction.by_event.get(attributes.scheduled_event_id), event, "timed_out")
    if draft:
        draft.failure = attributes.failure


def _activity_canceled(reduction: Reduction, event: HistoryEvent) -> None:
    attributes = event.activity_task_canceled_event_attributes
    reduction.finish(reduction.by_event.get(attributes.scheduled_event_id), event, "cancelled")


def _timer_started(reduction: Reduction, event: HistoryEvent) -> None:
    attributes = event.timer_started_event_attributes
    at = time_of(event.event_time)
    # Without an id: it is numbered when its summary can be read, see `Reduction.shown`.
    draft = Draft("", "sleep", "timer", at, status="waiting", started_at=at)
    draft.due_at = at + attributes.start_to_fire_timeout.ToTimedelta()
    draft.task_event = attributes.workflow_task_completed_event_id
    reduction.add(event, draft)
    reduction.by_timer[attributes.timer_id] = draft


def _timer_fired(reduction: Reduction, event: HistoryEvent) -> None:
    timer = event.timer_fired_event_attributes.timer_id
    reduction.finish(reduction.by_timer.get(timer), event, "completed")


def _timer_canceled(reduction: Reduction, event: HistoryEvent) -> None:
    timer = event.timer_canceled_event_attributes.timer_id
    reduction.finish(reduction.by_timer.get(timer), event, "cancelled")


def _child_initiated(reduction: Reduction, event: HistoryEvent) -> None:
    attributes = event.start_child_workflow_execution_initiated_event_attributes
    prefix = f"{reduction.workflow_id}/"
    child, name = attributes.workflow_id, attributes.workflow_type.name
    step = child.removeprefix(prefix) if reduction.workflow_id and child.startswith(prefix) else None
    draft = Draft(step or reduction.numbered(name), name, "child", time_of(event.event_time), child_run=child)
    draft.arguments = list(attributes.input.payloads)
    draft.task_event = attributes.workflow_task_completed_event_id
    reduction.add(event, draft)


def _child_started(reduction: Reduction, event: HistoryEvent) -> None:
    attributes = event.child_workflow_execution_started_event_attributes
    draft = reduction.by_event.get(attributes.initiated_event_id)
    if draft:
        draft.status, draft.started_at, draft.built = "running", time_of(event.event_time), None
        draft.child_run_id = attributes.workflow_execution.run_id


def _child_not_started(reduction: Reduction, event: HistoryEvent) -> None:
    attributes = event.start_child_workflow_execution_failed_event_attributes
    draft = reduction.finish(reduction.by_event.get(attributes.initiated_event_id), event, "failed")
    if draft:
        draft.failure = FailureProto(message=f"a run with the id {attributes.workflow_id} exists already")


def _child_completed(reduction: Reduction, event: HistoryEvent) -> None:
    attributes = event.child_workflow_execution_completed_event_attributes
    draft = reduction.finish(reduction.by_event.get(attributes.initiated_event_id), event, "completed")
    if draft:
        draft.results = list(attributes.result.payloads)


def _child_failed(reduction: Reduction, event: HistoryEvent) -> None:
    attributes = event.child_workflow_execution_failed_event_attributes
    draft = reduction.finish(reduction.by_event.get(attributes.initiated_event_id), event, "failed")
    if draft:
        draft.failure = attributes.failure


def _child_timed_out(reduction: Reduction, event: HistoryEvent) -> None:
    initiated = event.child_workflow_execution_timed_out_event_attributes.initiated_event_id
    reduction.finish(reduction.by_event.get(initiated), event, "timed_out")


def _child_canceled(reduction: Reduction, event: HistoryEvent) -> None:
    initiated = event.child_workflow_execution_canceled_event_attributes.initiated_event_id
    reduction.finish(reduction.by_event.get(initiated), event, "cancelled")


def _child_terminated(reduction: Reduction, event: HistoryEvent) -> None:
    initiated = event.child_workflow_execution_terminated_event_attributes.initiated_event_id
    reduction.finish(reduction.by_event.get(initiated), event, "cancelled")


def _memo_changed(reduction: Reduction, event: HistoryEvent) -> None:
    fields = event.workflow_properties_modified_event_attributes.upserted_memo.fields
    reduction.described_anew = True
    for key, payload in fields.items():
        if key.startswith(APPROVAL_MEMO):
            _approval_changed(reduction, event, key.removeprefix(APPROVAL_MEMO), payload)
        elif key == CHECKED_MEMO:
            reduction.checks.append(payload)
        elif key == ROLLBACK_MEMO:
            reduction.rollback = payload


def _approval_changed(reduction: Reduction, event: HistoryEvent, id: str, payload: Payload) -> None:
    """An approval was opened, decided, or something was said to it; which is known when its payload is decoded."""
    at = time_of(event.event_time)
    draft = reduction.approvals.get(id)
    if draft is None:
        name = id.rpartition("-")[0] or id
        draft = Draft(id, name, "approval", at, status="waiting", started_at=at)
        draft.task_event = event.workflow_properties_modified_event_attributes.workflow_task_completed_event_id
        reduction.add(event, draft)
        reduction.approvals[id] = draft
    draft.finished_event = event.event_id
    draft.approval, draft.changed_at, draft.built = payload, at, None


def _signalled(reduction: Reduction, event: HistoryEvent) -> None:
    attributes = event.workflow_execution_signaled_event_attributes
    if attributes.signal_name.startswith(INTERNAL_SIGNAL):
        return
    at, name = time_of(event.event_time), attributes.signal_name.removeprefix(OUR_SIGNALS)
    draft = Draft(reduction.numbered(name), name, "signal", at, status="completed", started_at=at, finished_at=at)
    draft.arguments, draft.worker = list(attributes.input.payloads), attributes.identity
    draft.ours = attributes.signal_name.startswith(OUR_SIGNALS)
    reduction.add(event, draft)


def _update_accepted(reduction: Reduction, event: HistoryEvent) -> None:
    attributes = event.workflow_execution_update_accepted_event_attributes
    reduction.updates_accepted.add(attributes.protocol_instance_id)
    request = attributes.accepted_request.input
    if request.name in ACTS and request.args.payloads:
        reduction.acts.append((event.event_id, request.args.payloads[0]))


def _update_completed(reduction: Reduction, event: HistoryEvent) -> None:
    reduction.updates_completed.add(event.workflow_execution_update_completed_event_attributes.meta.update_id)


def _completed(reduction: Reduction, event: HistoryEvent) -> None:
    results = list(event.workflow_execution_completed_event_attributes.result.payloads)
    following = event.workflow_execution_completed_event_attributes.new_execution_run_id
    reduction.close(Closing("completed", time_of(event.event_time), results=results, next_run_id=following))


def _failed(reduction: Reduction, event: HistoryEvent) -> None:
    attributes = event.workflow_execution_failed_event_attributes
    at, following = time_of(event.event_time), attributes.new_execution_run_id
    reduction.close(Closing("failed", at, failure=attributes.failure, next_run_id=following))


def _timed_out(reduction: Reduction, event: HistoryEvent) -> None:
    following = event.workflow_execution_timed_out_event_attributes.new_execution_run_id
    reduction.close(Closing("timed_out", time_of(event.event_time), next_run_id=following))


def _canceled(reduction: Reduction, event: HistoryEvent) -> None:
    reduction.close(Closing("cancelled", time_of(event.event_time)))


def _terminated(reduction: Reduction, event: HistoryEvent) -> None:
    reason = event.workflow_execution_terminated_event_attributes.reason
    reduction.close(Closing("terminated", time_of(event.event_time), reason=reason))


def _continued_as_new(reduction: Reduction, event: HistoryEvent) -> None:
    following = event.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    reduction.close(Closing("continued_as_new", time_of(event.event_time), next_run_id=following))


HANDLERS: dict[int, Handler] = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: _workflow_started,
    EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED: _workflow_task_failed,
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED: _workflow_task_completed,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: _activity_scheduled,
    EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED: _activity_started,
    EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED: _activity_completed,
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED: _activity_failed,
    EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT: _activity_timed_out,
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED: _activity_canceled,
    EventType.EVENT_TYPE_TIMER_STARTED: _timer_started,
    EventType.EVENT_TYPE_TIMER_FIRED: _timer_fired,
    EventType.EVENT_TYPE_TIMER_CANCELED: _timer_canceled,
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED: _child_initiated,
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED: _child_not_started,
    EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED: _child_started,
    EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED: _child_completed,
    EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED: _child_failed,
    EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT: _child_timed_out,
    EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED: _child_canceled,
    EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED: _child_terminated,
    EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED: _memo_changed,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: _signalled,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: _update_accepted,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED: _update_completed,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: _completed,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: _failed,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: _timed_out,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: _canceled,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: _terminated,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: _continued_as_new,
}


def steps(
    events: Iterable[HistoryEvent],
    *,
    pending: Iterable[PendingActivityInfo] = (),
    manifest: Manifest | None = None,
    decode: Decode = plain,
    workflow_id: str = "",
) -> list[Step]:
    """The steps of a history.

    Args:
        events: The events, oldest first.
        pending: What `describe` says about open activities.
        manifest: The bundle's, for the cells that define the steps.
        decode: Gives a payload's value.
        workflow_id: The run's own id, to name its children's steps.
    """
    reduction = Reduction(workflow_id)
    for event in events:
        reduction.apply(event)
    reduction.observe(pending)
    return reduction.steps(decode, manifest)
