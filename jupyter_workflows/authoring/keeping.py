"""What people said before a reset: it counts once more where the same is asked, and nowhere else.

The run is told of each decision, vote, delegation, question and answer by an update of its own, in the order in which
they were given. Its validator takes only those that the worker host knows to have been accepted by the execution
before, and only until somebody acts anew; whether the same is asked is seen when it is asked. Each is then looked at
as it was when it was given: what rests on one that no longer counts does not count either.
"""

from __future__ import annotations

import contextlib

import temporalio.exceptions
import temporalio.workflow

from .. import schema
from ..security.identity import NAMES
from .acts import check_fresh, check_said, check_signature, refuse, take
from .bundles import is_kept
from .discussion import check_done, take_act
from .open_approvals import OpenApproval, content_hash, show
from .state import RunState
from .waiting import escalated


def check_kept(state: RunState, kept: schema.KeptAct) -> None:
    """Refuses what this run did not accept before, what it has taken already, and what comes too late.

    Raises:
        ApplicationError: With the reason.
    """
    act, what = kept.act, NAMES[type(kept.act)]
    workflow_id = temporalio.workflow.info().workflow_id
    if act.workflow_id != workflow_id or not is_kept(workflow_id, act.nonce):
        refuse(f"the {what} is not one that this run accepted before it was resumed: do it anew")
    if act.approval in state.decided_by:
        refuse(f"{act.approval} is decided already: {state.decided_by[act.approval]}")
    check_fresh(state, act)
    approval = state.approvals.get(act.approval)
    if approval is not None and approval.acted_on:
        refuse(f"somebody has acted on {act.approval} since the run was resumed: the {what} from before comes too late")
    check_signature(act, at=act.issued_at)


def apply_kept(state: RunState, kept: schema.KeptAct) -> None:
    """Takes an act of the execution before, now or when its approval is opened."""
    state.used_nonces.add(kept.act.nonce)
    approval = state.approvals.get(kept.act.approval)
    if approval is None:
        state.kept_acts.setdefault(kept.act.approval, []).append(kept)
    else:
        take_if_same(state, approval, kept)


def take_kept(state: RunState, approval: OpenApproval) -> None:
    """Takes what people said of an approval in the execution before."""
    for kept in state.kept_acts.pop(approval.record.id, ()):
        take_if_same(state, approval, kept)


def take_if_same(state: RunState, approval: OpenApproval, kept: schema.KeptAct) -> None:
    """Takes an act of the execution before, if what the person was shown is what is asked now."""
    if approval.record.status != "open" or not asks_the_same(approval, kept):
        return
    escalate_since(approval, kept)
    act = kept.act
    with contextlib.suppress(temporalio.exceptions.ApplicationError):
        if isinstance(act, schema.Decision):
            check_said(approval, act)
            take(state, approval, act)
        else:
            check_done(approval.record, act)
            take_act(approval, act)


def asks_the_same(approval: OpenApproval, kept: schema.KeptAct) -> bool:
    """Whether an approval shows what it showed then but for the times; an answer may be about an earlier version."""
    record = approval.record
    waits = record.due_at - record.opened_at if record.due_at else None
    waited = kept.due_at - kept.opened_at if kept.due_at else None
    if waits != waited:
        return False
    then = {**approval.shown, "opened_at": kept.opened_at, "due_at": kept.due_at}
    earlier = kept.opened_at - record.opened_at
    if record.escalations:
        then["escalations"] = [
            step.model_copy(update={"at": step.at + earlier}) for step in approval.shown["escalations"]
        ]
    if record.version > 1:
        then |= {"editable": record.editable, "version": record.version}
    approval.hashes_before.add(content_hash(then))
    if isinstance(kept.act, schema.SignedAnswer):
        return kept.act.content_hash in approval.hashes_before
    return kept.act.content_hash == content_hash(then)


def escalate_since(approval: OpenApproval, kept: schema.KeptAct) -> None:
    """Lets those join who were to join after a time: it counts from when the same was asked first."""
    earlier = approval.record.opened_at - kept.opened_at
    if changes := escalated(approval.record, temporalio.workflow.now() + earlier):
        approval.record = approval.record.model_copy(update=changes)
        show(approval.record)
