"""A reviewer's decision on an open approval: who may, and what becomes of it.

Each act on an approval has a validator, which refuses without a trace in history, and what applies it. Between the two
nothing else of the run executes, so of many acts at once each sees what those before it did.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn

import temporalio.exceptions
import temporalio.workflow
from pydantic import TypeAdapter, ValidationError

from .. import schema
from ..schema.approvals import GROUP
from ..security.identity import NAMES
from .bundles import bundle_of_run
from .edits import edits
from .open_approvals import OpenApproval, closing_words, content_hash, publish, show
from .starter import is_of_this_run, stated_starter
from .state import RunState, run_state

OpenAct = schema.Decision | schema.SignedAct


def refuse(reason: str) -> NoReturn:
    """Refuses an act; the message reaches the one who sent it.

    Raises:
        ApplicationError: Always.
    """
    raise temporalio.exceptions.ApplicationError(reason, type="ApprovalRefused", non_retryable=True)


def check_decision(state: RunState, decision: schema.Decision) -> None:
    """Refuses a decision that may not be taken.

    Raises:
        ApplicationError: With the reason, as a sentence for the one who sent it.
    """
    approval = open_approval(state, decision.approval)
    check_signed(approval.record, decision)
    check_fresh(state, decision)
    check_said(approval, decision)
    if approval.record.four_eyes and decision.verdict == "approve":
        check_four_eyes(approval.record, decision.reviewer)


def check_said(approval: OpenApproval, decision: schema.Decision) -> None:
    """Refuses a decision of somebody not asked, a second vote of one person, and an answer that does not fit.

    Raises:
        ApplicationError: With the reason.
    """
    check_reviewer(approval.record, decision.reviewer, decision.groups)
    check_voter(approval.record, decision)
    check_answer(approval, decision)


def open_approval(state: RunState, id: str) -> OpenApproval:
    """The open approval of an id.

    Raises:
        ApplicationError: There is none; says what became of it.
    """
    approval = state.approvals.get(id)
    if approval is not None and approval.record.status == "open":
        return approval
    if approval is not None:
        refuse(f"{id} is decided already: {closing_words(approval.record)}")
    if id in state.decided_by:
        refuse(f"{id} is decided already: {state.decided_by[id]}")
    waiting = ", ".join(sorted(state.approvals)) or "none"
    refuse(f"the run has no approval {id!r}; open: {waiting}")


def check_signed(record: schema.Approval, act: OpenAct, *, stale: bool = False) -> None:
    """Refuses an act that is for another run, about something else than is shown now, or not signed by a known key.

    Args:
        record: The approval as it is now.
        act: The act as it arrived.
        stale: Whether it may be about what was shown before.

    Raises:
        ApplicationError: With the reason.
    """
    info = temporalio.workflow.info()
    if (act.workflow_id, act.run_id) != (info.workflow_id, info.run_id):
        what = NAMES[type(act)]
        refuse(f"the {what} is for another run ({act.workflow_id}): decide the approval of this run itself")
    if act.content_hash != record.content_hash and not stale:
        changed = next((vote.by for vote in reversed(record.standing) if vote.edits), None)
        who = f" ({changed} edited it: version {record.version})" if changed else ""
        refuse(f"what {record.id} asks has changed since it was shown{who}: look at it again and decide anew")
    check_signature(act, at=temporalio.workflow.now())


def check_fresh(state: RunState, act: OpenAct) -> None:
    """Refuses what was done already: each signature counts once, under whatever update it is sent again.

    Raises:
        ApplicationError: It was.
    """
    if act.nonce in state.used_nonces:
        refuse(f"the {NAMES[type(act)]} on {act.approval} was recorded already: it counts once")


def check_signature(act: OpenAct | schema.SignedRollBack, *, at: datetime) -> None:
    """Refuses an act that is not signed by a known key.

    Raises:
        ApplicationError: With the reason.
    """
    bundle = bundle_of_run()
    if bundle is None or bundle.trusted is None:
        refuse("the worker of this run knows no reviewer's key: start it with `jupyter workflows worker`")
    if reason := bundle.trusted.rejection(act, at=at):
        refuse(reason)


def check_reviewer(record: schema.Approval, person: str, groups: Sequence[str] = ()) -> None:
    """Refuses somebody whom nobody asked.

    Raises:
        ApplicationError: Says who is asked.
    """
    if record.is_for(person, groups):
        return
    for handover in reversed(record.delegations):
        if handover.by.casefold() == person.casefold():
            refuse(f"{handover.by} handed {record.id} over to {handover.to} at {handover.at:%Y-%m-%d %H:%M:%S} UTC")
    if len(record.asked) == 1 and record.asks_group:
        group = record.asked[0].removeprefix(GROUP)
        refuse(f"{record.id} waits for somebody of the group {group}, and nobody vouches that {person} is in it")
    if len(record.asked) == 1:
        refuse(f"{record.id} waits for {record.asked[0]}, and {person} is somebody else")
    refuse(f"{record.id} waits for {listed(record.asked)}, and {person} is none of them")


def listed(names: list[str]) -> str:
    """`ada, bob and cyd`."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def check_voter(record: schema.Approval, decision: schema.Decision) -> None:
    """Refuses a second vote of one person.

    Raises:
        ApplicationError: Says what the person said before.
    """
    person = decision.reviewer.casefold()
    for vote in record.standing:
        if vote.by.casefold() == person:
            refuse(
                f"{vote.by} has {VOTED[vote.verdict]} {record.id} already, at {vote.at:%Y-%m-%d %H:%M:%S} UTC: "
                "it waits for others now"
            )


VOTED = {"approve": "approved", "reject": "rejected"}


def check_four_eyes(record: schema.Approval, person: str) -> None:
    """Refuses the yes of whoever started the run.

    Raises:
        ApplicationError: The person did, or who did is not proven.
    """
    statement, bundle = stated_starter(), bundle_of_run()
    ours = statement is not None and is_of_this_run(statement, run_state().arguments)
    if statement is None or bundle is None or bundle.trusted is None or not ours:
        refuse(f"{record.id} needs four eyes, and who started the run is not proven: start it anew")
    if bundle.trusted.distrust(statement, temporalio.workflow.info().start_time):
        refuse(
            f"{record.id} needs four eyes, and the signature that says {statement.starter} started the run is of no "
            "key this worker knows: start it anew"
        )
    if statement.starter.casefold() == person.casefold():
        refuse(f"{record.id} needs four eyes, and {person} started the run: somebody else has to approve it")


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
        if decision.verdict == "reject" and approval.record.rejections > 1:
            refuse(
                f"a rejection of {name} is one of several and can't change the value: say in a comment what is wrong"
            )
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
    """Records a decision that the validator let through; where it decides, the waiting workflow goes on.

    Of a replay by newer code that asks something else the decision is none: the validator had let it through for what
    was shown then.
    """
    state.used_nonces.add(decision.nonce)
    approval = state.approvals.get(decision.approval)
    if approval is not None and approval.record.content_hash == decision.content_hash:
        # Those of an execution before are replayed here, too.
        approval.acted_on |= decision.run_id == temporalio.workflow.info().run_id
        take(state, approval, decision)


def take(state: RunState, approval: OpenApproval, decision: schema.Decision) -> None:
    """Records a decision on the approval it is for."""
    record = approval.record
    if (record.quorum, record.rejections) != (1, 1):
        approval.record = with_vote(approval, decision)
        outcome = tally(approval)
        if outcome is None:
            show(approval.record)
            return
    else:
        outcome = "approved" if decision.verdict == "approve" else "rejected"
    close(approval, decision, outcome)
    publish(state, approval.record)


def with_vote(approval: OpenApproval, decision: schema.Decision) -> schema.Approval:
    """The approval with one more vote; an edit makes a version that the others have to agree to."""
    record = approval.record
    changes = edits(record.editable, decision.value) if decision.edited else []
    changed: dict[str, Any] = {}
    if changes and decision.verdict == "approve":
        approval.edited = True
        changed = {"editable": decision.value, "version": record.version + 1}
        changed["content_hash"] = content_hash({**approval.shown, **changed})
    vote = schema.Vote(
        by=decision.reviewer,
        verdict=decision.verdict,
        at=temporalio.workflow.now(),
        comment=decision.comment,
        form=decision.form,
        version=changed.get("version", record.version),
        edits=changes,
    )
    return record.model_copy(update={**changed, "votes": [*record.votes, vote]})


def tally(approval: OpenApproval) -> str | None:
    """What the votes for the newest version decide; None while they decide nothing."""
    record = approval.record
    verdicts = [vote.verdict for vote in record.standing]
    approvals = verdicts.count("approve")
    if approvals >= record.quorum:
        return "approved"
    if verdicts.count("reject") >= record.rejections:
        return "rejected"
    # Nobody is asked to vote on what can no longer be approved.
    more_come = not record.asked or record.asks_group or any(not step.done for step in record.escalations)
    if "reject" in verdicts and not more_come and approvals + len(record.missing) < record.quorum:
        return "rejected"
    return None


def close(approval: OpenApproval, decision: schema.Decision, outcome: str) -> None:
    """Closes an approval with the answer that decides it."""
    record = approval.record
    original = approval.shown["editable"]
    value = decision.value if decision.edited else record.editable if record.has_editable else None
    approval.edited |= decision.edited
    approval.record = record.model_copy(
        update={
            "status": outcome,
            "by": decision.reviewer,
            "comment": decision.comment,
            "decided_at": temporalio.workflow.now(),
            "form": decision.form,
            "value": value,
            "edits": edits(original, value) if approval.edited else [],
        }
    )
