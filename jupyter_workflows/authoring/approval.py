"""`human_approval`: a question to a person inside a run.

Invariants:
- an approval is in the run's memo from the moment it opens, so it is seen without a worker;
- a decision names one approval of one run and what was shown; it is signed and used once;
- the first valid decision wins, or the one that completes the quorum; every other is refused by the validator, which
  leaves no trace in history;
- what an approval that uses none of quorum, four eyes, reminders and escalation does and hashes is what it did before
  these were there: runs that wait through an upgrade go on;
- a decision counts for what its reviewer was shown: where a replay by newer code shows something else, it is left out
  and people are asked again. After a reset, a decision that the execution before had accepted counts for the same
  question, and so does a vote or another act; any other is for another execution and refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast, get_args

import temporalio.workflow
from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_jsonable_python

from .. import schema
from ..errors import ApprovalTimedOut, AuthoringError
from .messages import in_workflow_only
from .open_approvals import OpenApproval, closing_words, content_hash, publish
from .policies import positive
from .reviewing import Assignees, Escalation, Quorum, Reminders, Rules, people, rules_of
from .starter import stated_starter
from .state import RunState, run_state
from .waiting import answered

NAME = "human_approval"


class Approval(schema.Approval):
    """What a person answered; true when approved.

    `form` is an instance of the form asked for, `value` is `editable` with the reviewers' edits, in its own
    type. `by` is whoever's answer decided, None when nobody decided in time; where several had to agree, `votes` has
    what each said.
    """

    form: Any = None

    @property
    def approved(self) -> bool:
        """Whether the answer is yes, be it by a person or by `on_timeout="approve"`."""
        silence = self.timed_out and self.on_timeout == "approve" and self.objection is None
        return self.status == "approved" or silence

    @property
    def timed_out(self) -> bool:
        """Whether nobody decided in time."""
        return self.status == "timed_out"

    def __bool__(self) -> bool:
        return self.approved


@dataclass(frozen=True)
class Asked:
    """What `human_approval` was called with."""

    message: str
    timeout: timedelta | None
    form: type[BaseModel] | None
    editable: Any
    on_timeout: schema.OnTimeout
    rules: Rules


async def human_approval(  # noqa: PLR0917 - the published contract allows positional use
    message: str,
    assignee: Assignees = None,
    timeout: timedelta | None = None,
    form: type[BaseModel] | None = None,
    editable: Any = None,
    on_timeout: schema.OnTimeout = "reject",
    *,
    quorum: int | Quorum | None = None,
    four_eyes: bool = False,
    reminders: timedelta | Reminders | None = None,
    escalate: Escalation | Sequence[Escalation] | None = None,
) -> Approval:
    """Asks a person and waits for the answer, for minutes or months; the wait survives every restart.

    Args:
        message: The question, Markdown.
        assignee: Who may decide, a name or several; `group:risk` is everybody whom the identity provider or the file
            of workspaces puts into that group. By default everybody who may see the run.
        timeout: How long to wait; without end by default. A question to the author does not stop the clock.
        form: A pydantic model the reviewer fills in to approve.
        editable: A value the reviewer may change: plain data, a dataclass or a pydantic model.
        on_timeout: What nobody's answer means: `"reject"`, `"approve"` or `"raise"`. Silence is no yes where somebody
            rejected it, or asked something that was not answered.
        quorum: How many different people have to approve the same version; one rejection rejects it, or as many as
            `Quorum(approvals=, rejections=)` says. By default one decides.
        four_eyes: Whoever started the run may not approve.
        reminders: After what time, again and again, it is brought to mind, or `Reminders(...)`.
        escalate: Who may decide as well once it has waited for long.

    Raises:
        ApprovalTimedOut: Nobody decided in time and `on_timeout` is `"raise"`.
        AuthoringError: It was called outside a workflow, an argument makes no sense, or `four_eyes` is asked of a run
            that does not say who started it.
    """
    in_workflow_only(NAME)
    check_arguments(message, assignee, timeout, form, on_timeout)
    rules = rules_of(
        assignee, on_timeout=on_timeout, quorum=quorum, four_eyes=four_eyes, reminders=reminders, escalate=escalate
    )
    state = run_state()
    approval = opened(state, Asked(message, timeout, form, editable, on_timeout, rules))
    approval_id = approval.record.id
    state.approvals[approval_id] = approval
    publish(state, approval.record)
    if state.kept_acts:
        from .keeping import take_kept

        take_kept(state, approval)
    try:
        await answered(state, approval)
    finally:
        state.approvals.pop(approval_id, None)
        for task in approval.reminding:
            task.cancel()
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
    people(assignee)
    if timeout is not None:
        positive(timeout, "human_approval(timeout=...)")
    if form is not None and not (isinstance(form, type) and issubclass(form, BaseModel)):
        raise AuthoringError(f"human_approval(form={form!r}) takes a pydantic model class", code="JW433")
    if on_timeout not in get_args(schema.OnTimeout):
        raise AuthoringError(
            f"human_approval(on_timeout={on_timeout!r}) takes 'reject', 'approve' or 'raise'", code="JW434"
        )


def opened(state: RunState, asked: Asked) -> OpenApproval:
    """A new approval of the run, with the hash of what a reviewer is shown.

    Raises:
        AuthoringError: Nobody knows who started the run, and `four_eyes` needs to.
    """
    info = temporalio.workflow.info()
    now = temporalio.workflow.now()
    rules = asked.rules
    names = list(rules.assignees)
    shown: dict[str, Any] = {
        "id": state.next_id(NAME),
        "message": asked.message,
        "assignee": names[0] if len(names) == 1 else None,
        "opened_at": now,
        "due_at": now + asked.timeout if asked.timeout else None,
        "on_timeout": asked.on_timeout,
        "form_schema": asked.form.model_json_schema() if asked.form else None,
        "editable": to_jsonable_python(asked.editable),
        "has_editable": asked.editable is not None,
        "workflow_id": info.workflow_id,
        # A reset gives the run a new id, and what is shown stays the same.
        "run_id": info.original_execution_run_id,
        "workflow": info.workflow_type,
        **reviewed(rules, now),
    }
    stated = stated_starter()
    if rules.four_eyes and stated is None:
        raise AuthoringError(
            "human_approval(four_eyes=True) needs to know who started the run, and this run does not say: start it in "
            "the notebook, a terminal or JupyterLab",
            code="JW471",
        )
    now_known: dict[str, Any] = {
        "run_id": info.run_id,
        "starter": stated.starter if stated else None,
        "assignees": names if len(names) > 1 else None,
        "content_hash": content_hash(shown),
    }
    record = schema.Approval(**(shown | now_known))
    value_type = TypeAdapter[Any](cast("type[Any]", type(asked.editable))) if asked.editable is not None else None
    return OpenApproval(record, rules, asked.form, value_type, asked.editable, shown)


def reviewed(rules: Rules, now: datetime) -> dict[str, Any]:
    """What a reviewer is shown of the rules; nothing of those that are not used."""
    shown: dict[str, Any] = {}
    if len(rules.assignees) > 1:
        shown["assignees"] = list(rules.assignees)
    if rules.quorum != Quorum(approvals=1):
        shown |= {"quorum": rules.quorum.approvals, "rejections": rules.quorum.rejections, "version": 1}
    if rules.four_eyes:
        shown["four_eyes"] = True
    if rules.escalations:
        shown["escalations"] = [
            schema.PlannedEscalation(to=list(people(step.to)), at=now + step.after) for step in rules.escalations
        ]
    return shown


def answer(approval: OpenApproval) -> Approval:
    """The answer as workflow code sees it: form and value in their own types."""
    record = approval.record
    values = {name: getattr(record, name) for name in schema.Approval.model_fields}
    if record.form is not None and approval.form_type:
        values["form"] = approval.form_type.model_validate(record.form)
    value = approval.editable
    if approval.edited and approval.value_type:
        value = approval.value_type.validate_python(record.value)
    return Approval.model_construct(**{**values, "value": value})
