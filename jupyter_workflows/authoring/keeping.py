"""Decisions that outlive a reset: they count once more where the same is asked, and nowhere else.

The run is told of them by an update of its own. Its validator takes only those that the worker host knows to have been
accepted by the execution before; whether the same is asked is seen when it is asked.
"""

from __future__ import annotations

import temporalio.workflow

from .. import schema
from .acts import check_signature, refuse, take
from .approval import OpenApproval, content_hash
from .bundles import is_kept
from .state import RunState


def check_kept(state: RunState, kept: schema.KeptDecision) -> None:
    """Refuses a decision that this run did not accept before, or that comes too late.

    Raises:
        ApplicationError: With the reason.
    """
    decision = kept.decision
    workflow_id = temporalio.workflow.info().workflow_id
    if decision.workflow_id != workflow_id or not is_kept(workflow_id, decision.nonce):
        refuse("the decision is not one that this run accepted before it was resumed: decide anew")
    if decision.approval in state.decided_by:
        refuse(f"{decision.approval} is decided already: {state.decided_by[decision.approval]}")
    check_signature(decision, at=decision.issued_at)


def apply_kept(state: RunState, kept: schema.KeptDecision) -> None:
    """Takes a decision of the execution before, now or when its approval is opened."""
    state.kept_decisions[kept.decision.approval] = kept
    approval = state.approvals.get(kept.decision.approval)
    if approval is not None:
        take_kept(state, approval)


def take_kept(state: RunState, approval: OpenApproval) -> None:
    """Takes the decision of the execution before, if what its reviewer was shown is what is asked now."""
    kept = state.kept_decisions.pop(approval.record.id, None)
    record = approval.record
    if kept is None or record.status != "open" or (record.quorum, record.rejections) != (1, 1):
        return
    if asks_the_same(approval, kept):
        take(state, approval, kept.decision)


def asks_the_same(approval: OpenApproval, kept: schema.KeptDecision) -> bool:
    """Whether an approval shows what it showed then but for the times."""
    record = approval.record
    waits = record.due_at - record.opened_at if record.due_at else None
    waited = kept.due_at - kept.opened_at if kept.due_at else None
    then = {**approval.shown, "opened_at": kept.opened_at, "due_at": kept.due_at}
    return waits == waited and content_hash(then) == kept.decision.content_hash
