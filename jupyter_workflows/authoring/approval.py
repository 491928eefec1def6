"""`human_approval`: a question to a person inside a run.

Invariants:
- an approval is in the run's memo from the moment it opens, so it is seen without a worker;
- a decision names one approval of one run and what was shown; it is signed and used once;
- the first valid decision wins; every other is refused by the validator, which leaves no trace in history.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn, cast, get_args

import temporalio.exceptions
import temporalio.workflow
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from .. import schema
from ..errors import ApprovalTimedOut, AuthoringError
from .bundles import bundle_of
from .edits import edits
from .messages import in_workflow_only
from .policies import positive
from .state import OPEN_APPROVALS, RunState, run_state

MEMO_PREFIX = "approval:"
NAME = "human_approval"


class Approval(schema.Approval):
    """What a person answered; true when approved.

    `form` is an instance of the form asked for, `value` is `editable` with the reviewer's edits, in its own
    type. `by` is None when nobody decided in time.
    """

    form: Any = None

    @property
    def approved(self) -> bool:
        """Whether the answer is yes, be it by a person or by `on_timeout="approve"`."""
        return self.status == "approved" or (self.timed_out and self.on_timeout == "approve")

    @property
    def timed_out(self) -> bool:
        """Whether nobody decided in time."""
        return self.status == "timed_out"

    def __bool__(self) -> bool:
        return self.approved


@dataclass(frozen=True)
class Question:
    """What `human_approval` was called with."""

    message: str
    assignee: str | None
    timeout: timedelta | None
    form: type[BaseModel] | None
    editable: Any
    on_timeout: schema.OnTimeout


@dataclass
class OpenApproval:
    """An approval of a run and what its answer has to look like."""

    record: schema.Approval
    form_type: type[BaseModel] | None
    value_type: TypeAdapter[Any] | None
    editable: Any
    decision: schema.Decision | None = None


async def human_approval(  # noqa: PLR0917 - the published contract allows positional use
    message: str,
    assignee: str | None = None,
    timeout: timedelta | None = None,
    form: type[BaseModel] | None = None,
    editable: Any = None,
    on_timeout: schema.OnTimeout = "reject",
) -> Approval:
    """Asks a person and waits for the answer, for minutes or months; the wait survives every restart.

    Args:
        message: The question, Markdown.
        assignee: Who may decide; by default everybody who may see the run.
        timeout: How long to wait; without end by default.
        form: A pydantic model the reviewer fills in to approve.
        editable: A value the reviewer may change: plain data, a dataclass or a pydantic model.
        on_timeout: What nobody's answer means: `"reject"`, `"approve"` or `"raise"`.

    Raises:
        ApprovalTimedOut: Nobody decided in time and `on_timeout` is `"raise"`.
        AuthoringError: It was called outside a workflow, or an argument makes no sense.
    """
    in_workflow_only(NAME)
    check_arguments(message, assignee, timeout, form, on_timeout)
    state = run_state()
    asked = Question(message, assignee, timeout, form, editable, on_timeout)
    approval = opened(state, asked)
    approval_id = approval.record.id
    state.approvals[approval_id] = approval
    publish(state, approval.record)
    try:
        await temporalio.workflow.wait_condition(
            lambda: approval.decision is not None, timeout=timeout, timeout_summary=approval_id
        )
    except TimeoutError:
        if approval.decision is None:
            approval.record = approval.record.model_copy(
                update={"status": "timed_out", "decided_at": temporalio.workflow.now(), "value": shown_value(approval)}
            )
            publish(state, approval.record)
    except BaseException:
        state.approvals.pop(approval_id, None)
        raise
    state.approvals.pop(approval_id, None)
    state.decided_by[approval_id] = closing_words(approval.record)
    if approval.record.status == "timed_out" and on_timeout == "raise":
        raise ApprovalTimedOut(f"nobody decided {approval_id} ({message[:80]!r}) within {timeout}")
    return answer(approval)


def check_arguments(message: Any, assignee: Any, timeout: Any, form: Any, on_timeout: Any) -> None:
    """Refuses arguments that make no sense.

    Raises:
        AuthoringError: One of them does.
    """
    if not isinstance(message, str) or not message.strip():
        raise AuthoringError(f"human_approval(message={message!r}) takes a text that is not empty", code="JW431")
    if assignee is not None and (not isinstance(assignee, str) or not assignee.strip()):
        raise AuthoringError(
            f"human_approval(assignee={assignee!r}) takes a user name or an address, or nothing", code="JW432"
        )
    if timeout is not None:
        positive(timeout, "human_approval(timeout=...)")
    if form is not None and not (isinstance(form, type) and issubclass(form, BaseModel)):
        raise AuthoringError(f"human_approval(form={form!r}) takes a pydantic model class", code="JW433")
    if on_timeout not in get_args(schema.OnTimeout):
        raise AuthoringError(
            f"human_approval(on_timeout={on_timeout!r}) takes 'reject', 'approve' or 'raise'", code="JW434"
        )


def opened(state: RunState, asked: Question) -> OpenApproval:
    """A new approval of the run, with the hash of what a reviewer is shown."""
    info = temporalio.workflow.info()
    now = temporalio.workflow.now()
    shown: dict[str, Any] = {
        "id": state.next_id(NAME),
        "message": asked.message,
        "assignee": asked.assignee,
        "opened_at": now,
        "due_at": now + asked.timeout if asked.timeout else None,
        "on_timeout": asked.on_timeout,
        "form_schema": asked.form.model_json_schema() if asked.form else None,
        "editable": to_jsonable_python(asked.editable),
        "has_editable": asked.editable is not None,
        "workflow_id": info.workflow_id,
        "run_id": info.run_id,
        "workflow": info.workflow_type,
    }
    digest = hashlib.sha256(json.dumps(to_jsonable_python(shown), sort_keys=True).encode()).hexdigest()
    record = schema.Approval(**shown, content_hash=digest)
    value_type = TypeAdapter[Any](cast("type[Any]", type(asked.editable))) if asked.editable is not None else None
    return OpenApproval(record, asked.form, value_type, asked.editable)


def publish(state: RunState, record: schema.Approval) -> None:
    """Puts an approval into the run's memo and the number of open ones where lists can be filtered by it."""
    temporalio.workflow.upsert_memo({MEMO_PREFIX + record.id: record.model_dump(mode="json")})
    known = temporalio.workflow.info().typed_search_attributes
    if OPEN_APPROVALS in known:
        count = sum(approval.record.status == "open" for approval in state.approvals.values())
        temporalio.workflow.upsert_search_attributes([OPEN_APPROVALS.value_set(count)])  # pyright: ignore[reportUnknownMemberType]


def closing_words(record: schema.Approval) -> str:
    """How an approval ended, for the one who comes too late."""
    if record.status == "timed_out":
        return "its time was over"
    return f"{record.by} {record.status} it at {record.decided_at:%Y-%m-%d %H:%M:%S} UTC"


def shown_value(approval: OpenApproval) -> Any:
    """The editable value as JSON, as it stands without an edit."""
    return approval.record.editable if approval.record.has_editable else None


def answer(approval: OpenApproval) -> Approval:
    """The answer as workflow code sees it: form and value in their own types."""
    record = approval.record
    values = {name: getattr(record, name) for name in schema.Approval.model_fields}
    if record.form is not None and approval.form_type:
        values["form"] = approval.form_type.model_validate(record.form)
    value = approval.editable
    if approval.decision is not None and approval.decision.edited and approval.value_type:
        value = approval.value_type.validate_python(record.value)
    return Approval.model_construct(**{**values, "value": value})


def refuse(reason: str) -> NoReturn:
    """Refuses a decision; the message reaches the one who sent it.

    Raises:
        ApplicationError: Always.
    """
    raise temporalio.exceptions.ApplicationError(reason, type="ApprovalRefused", non_retryable=True)


def check_decision(state: RunState, decision: schema.Decision) -> None:
    """Refuses a decision that may not be taken.

    Raises:
        ApplicationError: With the reason, as a sentence for the one who sent it.
    """
    approval = state.approvals.get(decision.approval)
    if approval is None or approval.record.status != "open":
        check_known(state, approval, decision.approval)
        return
    record = approval.record
    info = temporalio.workflow.info()
    if (decision.workflow_id, decision.run_id) != (info.workflow_id, info.run_id):
        refuse(f"the decision is for another run ({decision.workflow_id}): decide the approval of this run itself")
    if decision.content_hash != record.content_hash:
        refuse(f"what {record.id} asks has changed since it was shown: look at it again and decide anew")
    bundle = bundle_of(info.task_queue)
    if bundle is None or bundle.trusted is None:
        refuse("the worker of this run knows no reviewer's key: start it with `jupyter workflows worker`")
    if reason := bundle.trusted.rejection(decision, at=temporalio.workflow.now()):
        refuse(reason)
    if record.assignee and record.assignee.casefold() != decision.reviewer.casefold():
        refuse(f"{record.id} waits for {record.assignee}, and {decision.reviewer} is somebody else")
    check_answer(approval, decision)


def check_known(state: RunState, approval: OpenApproval | None, id: str) -> None:
    """Refuses a decision on an approval that is not open, with what became of it.

    Raises:
        ApplicationError: Always.
    """
    if approval is not None:
        refuse(f"{id} is decided already: {closing_words(approval.record)}")
    if id in state.decided_by:
        refuse(f"{id} is decided already: {state.decided_by[id]}")
    waiting = ", ".join(sorted(state.approvals)) or "none"
    refuse(f"the run has no approval {id!r}; open: {waiting}")


def check_answer(approval: OpenApproval, decision: schema.Decision) -> None:
    """Refuses a form or value that does not fit what was asked.

    Raises:
        ApplicationError: Names every field that does not fit.
    """
    name = approval.record.id
    if decision.form is not None and approval.form_type is None:
        refuse(f"{name} asks for no form, and one was given")
    if approval.form_type and (decision.form is not None or decision.verdict == "approve"):
        check_fit(f"the form of {name}", TypeAdapter(approval.form_type), decision.form or {})
    if decision.edited:
        if approval.value_type is None:
            refuse(f"{name} has no editable value, and one was given")
        check_fit(f"the value of {name}", approval.value_type, decision.value)


def check_fit(what: str, adapter: TypeAdapter[Any], value: Any) -> None:
    """Refuses a value that is not of the adapter's type.

    Raises:
        ApplicationError: Names every field that does not fit.
    """
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'it'}: {problem['msg']}" for problem in error.errors()
        )
        refuse(f"{what} does not fit: {wrong}")


def apply_decision(state: RunState, decision: schema.Decision) -> None:
    """Records a decision that the validator let through; the waiting workflow goes on."""
    approval = state.approvals[decision.approval]
    value = decision.value if decision.edited else shown_value(approval)
    approval.decision = decision
    approval.record = approval.record.model_copy(
        update={
            "status": "approved" if decision.verdict == "approve" else "rejected",
            "by": decision.reviewer,
            "comment": decision.comment,
            "decided_at": temporalio.workflow.now(),
            "form": decision.form,
            "value": value,
            "edits": edits(approval.record.editable, value) if decision.edited else [],
        }
    )
    publish(state, approval.record)
