"""What one execution did, in the order of its history, as entries of an audit file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, cast

from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent

from ...authoring.open_approvals import content_hash
from ...authoring.rollback import ASK, UNDO_RUN
from ...authoring.starter import DEEDS_MEMO, FORK_MEMO, MEMO_KEY
from ...schema import Failure, Manifest, Run, Step, Usage
from ..failures import payloads_of, read_failure
from ..history import ACTS, APPROVAL_MEMO, ROLLBACK_MEMO, Reduction
from ..steps import Draft, time_of
from .acts import act_of, kind_of
from .chain import Entry
from .evidence import Evidence, finite
from .model_calls import call_of

# What a start's memo holds besides the approvals, and stands in fields of its own.
OURS = (MEMO_KEY, FORK_MEMO, DEEDS_MEMO)
# What a reviewer is shown always, and the rules that are shown where they are used: see `authoring.approval.opened`.
SHOWN = (
    "id", "message", "assignee", "opened_at", "due_at", "on_timeout", "form_schema", "editable", "has_editable",
    "workflow_id", "workflow",
)  # fmt: skip
STEP_FIELDS = {
    "child_run", "due_at", "finished_at", "id", "irreversible", "kept", "kind", "name", "scheduled_at", "started_at",
    "status", "undo", "undoes", "usage", "checked",
}  # fmt: skip


def dumped(model: BaseModel, **settings: Any) -> dict[str, Any]:
    """A wire type as plain JSON without NaN."""
    return finite(model.model_dump(mode="json", **settings))


def moment(at: datetime | None) -> Any:
    """A time as text."""
    return to_jsonable_python(at)


class Told:
    """One execution as entries.

    Args:
        run: What the server says of it.
        events: Its history.
        reduction: The same, reduced.
        evidence: Reads its values.
        manifest: Of the code it runs on, where it is at hand.
    """

    def __init__(
        self,
        run: Run,
        events: list[HistoryEvent],
        reduction: Reduction,
        evidence: Evidence,
        manifest: Manifest | None,
    ) -> None:
        self.run = run
        self.events = events
        self.reduction = reduction
        self.evidence = evidence
        self.manifest = manifest
        self.key_ids: set[str] = set()
        self.usage = Usage()
        self.approvals: dict[str, dict[str, Any]] = {}
        self.placed: list[tuple[int, int, Entry]] = []

    async def entries(self, *, in_full: bool) -> list[Entry]:
        """The entries of the execution.

        Args:
            in_full: Also of what an earlier execution did before this one went on from it.

        Raises:
            EncryptionFailed: A key is missing.
        """
        await self.evidence.prepare(self.payloads())
        self.reduction.take_kept_steps(self.evidence)
        await self.evidence.prepare(self.reduction.payloads())
        steps = {step.id: step for step in self.reduction.steps(self.evidence, self.manifest)}
        begins = 0 if in_full else self.reduction.resumed_event
        for event in self.events:
            if event.event_id >= begins:
                self.take(event)
            elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED:
                self.approvals |= dict(self.approvals_in(event))
        for draft in self.reduction.drafts:
            if draft.id in steps and not (draft.kept and draft.kept.run_id and begins):
                self.take_step(draft, steps[draft.id])
        self.take_end()
        self.placed.sort(key=lambda placed: placed[:2])
        return [("execution", self.head(steps, kept=bool(begins))), *(entry for _, _, entry in self.placed)]

    def payloads(self) -> Iterator[Payload]:
        """All that has to be read."""
        reduction = self.reduction
        yield from reduction.payloads()
        yield from reduction.arguments
        if reduction.closing is not None:
            yield from reduction.closing.payloads()
        for event in self.events:
            yield from payloads_in_event(event)

    def place(self, event: int, type: str, body: dict[str, Any]) -> None:
        """Puts an entry where its event stands."""
        self.placed.append((event, len(self.placed), (type, {"event": event, **body})))

    def head(self, steps: dict[str, Step], *, kept: bool) -> dict[str, Any]:
        """What the execution is, and what it goes on from."""
        run, reduction = self.run, self.reduction
        head = {
            "bundle": run.bundle,
            "closed_at": moment(run.closed_at),
            "events": self.events[-1].event_id,
            "notebook": run.notebook,
            "run_id": run.run_id,
            "started_at": moment(run.started_at),
            "starter": run.starter,
            "status": run.status,
        }
        if reduction.resumed is not None:
            of_before = [step.id for step in steps.values() if step.kept and step.kept.run_id]
            head["resumed"] = {**dumped(reduction.resumed), "kept_steps": of_before if kept else []}
        return head

    def take(self, event: HistoryEvent) -> None:
        """Puts what an event tells by itself on record."""
        handle = TAKERS.get(event.event_type)
        if handle is not None:
            handle(self, event)

    def take_start(self, event: HistoryEvent) -> None:
        """How it was started, by whom, with what."""
        started = event.workflow_execution_started_event_attributes
        memo = {name: payload for name, payload in started.memo.fields.items() if not name.startswith(APPROVAL_MEMO)}
        body: dict[str, Any] = {
            "arguments": [self.evidence.shown(payload) for payload in started.input.payloads],
            "at": moment(time_of(event.event_time)),
            "attempt": started.attempt or 1,
            "continues": started.continued_execution_run_id or None,
            "forked": finite(self.evidence(memo[FORK_MEMO])) if FORK_MEMO in memo else None,
            "identity": started.identity,
            "memo": {name: finite(self.evidence(payload)) for name, payload in memo.items() if name not in OURS},
            "parent": started.parent_workflow_execution.workflow_id or None,
            "queue": started.task_queue.name,
            "root": started.root_workflow_execution.workflow_id or None,
            "workflow": started.workflow_type.name,
        }
        if MEMO_KEY in memo:
            stated = self.evidence(memo[MEMO_KEY])
            body |= self.signed("schedule" if kind_of(stated) == "schedule" else "start", stated)
        self.place(event.event_id, "start", body)
        for deed in self.listed(memo.get(DEEDS_MEMO)):
            told = self.signed(kind_of(deed), deed)
            self.place(event.event_id, "act", {"at": told["act"].get("issued_at"), **told})
        order = self.evidence(started.input.payloads[0]) if started.workflow_type.name == UNDO_RUN else None
        if isinstance(order, dict) and (asked := cast("dict[str, Any]", order).get("request")):
            self.place(event.event_id, "act", {"at": body["at"], **self.signed(kind_of(asked), asked)})

    def listed(self, payload: Payload | None) -> list[dict[str, Any]]:
        """The objects in a list; none of what is no list."""
        value = self.evidence(payload) if payload is not None else None
        found = cast("list[object]", value) if isinstance(value, list) else []
        return [cast("dict[str, Any]", each) for each in found if isinstance(each, dict)]

    def signed(self, kind: str, value: object) -> dict[str, Any]:
        """An act of a person with its signature, and who did it."""
        act = act_of(kind, value)
        if act is None:
            return {"act": finite(value)}
        self.key_ids.add(act.key_id)
        by = next((str(getattr(act, name)) for name in ("reviewer", "by", "starter") if hasattr(act, name)), "")
        return {"act": dumped(act), "by": by, "key_id": act.key_id, "kind": kind}

    def take_update(self, event: HistoryEvent) -> None:
        """A decision or another act of a person that the worker accepted."""
        request = event.workflow_execution_update_accepted_event_attributes.accepted_request.input
        if request.name not in (*ACTS, ASK) or not request.args.payloads:
            return
        value = self.evidence(request.args.payloads[0])
        body: dict[str, Any] = {"at": moment(time_of(event.event_time))}
        if request.name.endswith("keep") and isinstance(value, dict):
            told = cast("dict[str, Any]", value)
            value = told.get("act", told.get("decision"))
            body["kept"] = "an earlier execution had accepted it"
        kind = kind_of(value)
        self.place(event.event_id, "act", body | self.signed(kind, value))

    def take_memo(self, event: HistoryEvent) -> None:
        """What was asked of people, what became of it; that the run is rolled back."""
        fields = event.workflow_properties_modified_event_attributes.upserted_memo.fields
        at = moment(time_of(event.event_time))
        for name, approval in self.approvals_in(event):
            before = self.approvals.get(name)
            self.approvals[name] = approval
            if before is None:
                self.place(event.event_id, "approval", {"at": at, **self.opened(approval)})
            elif changed := {field: value for field, value in approval.items() if before.get(field) != value}:
                body = {"approval": name, "at": at, "changed": changed, "status": approval.get("status")}
                self.place(event.event_id, "approval_changed", body)
        if ROLLBACK_MEMO in fields:
            body = {"at": at, "rollback": finite(self.evidence(fields[ROLLBACK_MEMO]))}
            self.place(event.event_id, "rollback", body)

    def approvals_in(self, event: HistoryEvent) -> Iterator[tuple[str, dict[str, Any]]]:
        """The approvals in a change of the memo, by their ids."""
        fields = event.workflow_properties_modified_event_attributes.upserted_memo.fields
        for name, payload in sorted(fields.items()):
            if name.startswith(APPROVAL_MEMO):
                value = finite(self.evidence(payload))
                yield name.removeprefix(APPROVAL_MEMO), cast("dict[str, Any]", value)

    def opened(self, approval: dict[str, Any]) -> dict[str, Any]:
        """What was asked, what people were shown, and the hash of that, which their decisions name."""
        if "erased" in approval:
            return {"erased": approval["erased"]}
        original = self.events[0].workflow_execution_started_event_attributes.original_execution_run_id
        shown = {name: approval.get(name) for name in SHOWN} | {"run_id": original}
        if len(approval.get("assignees") or ()) > 1:
            shown["assignees"] = approval["assignees"]
        if (approval.get("quorum"), approval.get("rejections")) != (1, 1):
            shown |= {name: approval.get(name) for name in ("quorum", "rejections", "version")}
        if approval.get("four_eyes"):
            shown["four_eyes"] = True
        if approval.get("escalations"):
            shown["escalations"] = approval["escalations"]
        told = approval.get("content_hash")
        return {
            "approval": approval.get("id"),
            "asked": approval.get("assignees") or approval.get("assignee"),
            "content_hash": told,
            "shown": shown,
            "shown_hash_fits": content_hash(shown) == told,
            "starter": approval.get("starter"),
        }

    def take_cancel(self, event: HistoryEvent) -> None:
        """Somebody asked it to end."""
        asked = event.workflow_execution_cancel_requested_event_attributes
        body = {"at": moment(time_of(event.event_time)), "identity": asked.identity, "reason": asked.cause}
        self.place(event.event_id, "cancel_requested", body)

    def take_stuck(self, event: HistoryEvent) -> None:
        """The code could not go on, or an earlier execution ends here and this one goes on from it."""
        failed = event.workflow_task_failed_event_attributes
        if failed.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW:
            if self.reduction.resumed:
                body = {"at": moment(time_of(event.event_time)), **dumped(self.reduction.resumed)}
                self.place(event.event_id, "resumed", body | {"identity": failed.identity})
        elif failed.failure.message:
            body = {"at": moment(time_of(event.event_time)), "worker": failed.identity}
            self.place(event.event_id, "code_failed", body | {"failure": self.failure(failed.failure)})

    def failure(self, proto: Any) -> dict[str, Any] | None:
        """A failure as the file holds it."""
        return self.hushed(read_failure(proto, self.evidence)) if proto is not None else None

    def hushed(self, failure: Failure | None) -> dict[str, Any] | None:
        """A failure whose texts stand in the file as values do."""
        if failure is None:
            return None
        told = dumped(failure, exclude={"cause"}, exclude_none=True)
        told |= {name: self.evidence.told(told[name]) for name in ("message", "traceback") if name in told}
        told.get("location", {}).pop("cell_id", None)
        return told | ({"cause": self.hushed(failure.cause)} if failure.cause else {})

    def take_step(self, draft: Draft, step: Step) -> None:
        """A step with its attempts, what it was given and gave; a model call with what was asked and answered."""
        if step.kind == "approval":
            return
        body = {name: value for name, value in dumped(step, include=STEP_FIELDS).items() if value is not None}
        body["attempts"] = [
            {**dumped(attempt, exclude={"failure"}, exclude_none=True), "failure": self.hushed(attempt.failure)}
            for attempt in step.attempts
        ]
        body["retries"] = max(0, len(step.attempts) - 1)
        body["failure"] = self.hushed(step.failure)
        body["summary"] = self.evidence.told(step.summary)
        if step.usage is not None:
            self.usage += step.usage
        # Steps that the end of the run cut off come right before it.
        at = draft.scheduled_event if step.kind == "signal" else draft.finished_event or self.events[-1].event_id
        if call := call_of(step, self.evidence):
            self.place(at, "model_call", body | call)
            return
        body["input"] = [self.evidence.shown(payload) for payload in draft.arguments]
        body["output"] = self.evidence.shown(draft.results[0]) if draft.results else None
        if step.kind == "signal":
            body["identity"] = draft.worker
        self.place(at, "signal" if step.kind == "signal" else "step", body)

    def take_end(self) -> None:
        """How it ended, with what."""
        closing, last = self.reduction.closing, self.events[-1]
        if closing is None:
            return
        terminated = last.workflow_execution_terminated_event_attributes
        body = {
            "at": moment(closing.at),
            "continued_as": closing.next_run_id or None,
            "failure": self.failure(closing.failure),
            "identity": terminated.identity or None,
            "reason": closing.reason or None,
            "result": self.evidence.shown(closing.results[0]) if closing.results else None,
            "status": closing.status,
        }
        self.place(last.event_id, "end", body)


def payloads_in_event(event: HistoryEvent) -> Iterable[Payload]:
    """What of an event is read past the reduction."""
    match event.event_type:
        case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            return event.workflow_execution_started_event_attributes.memo.fields.values()
        case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
            request = event.workflow_execution_update_accepted_event_attributes.accepted_request.input
            return request.args.payloads if request.name in (*ACTS, ASK) else ()
        case EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED:
            return event.workflow_properties_modified_event_attributes.upserted_memo.fields.values()
        case EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            return payloads_of(event.workflow_task_failed_event_attributes.failure)
        case _:
            return ()


TAKERS: dict[int, Any] = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: Told.take_start,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: Told.take_update,
    EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED: Told.take_memo,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED: Told.take_cancel,
    EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED: Told.take_stuck,
}
