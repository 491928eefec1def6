"""What people do about an approval without deciding it: hand it over, ask the author, answer."""

from __future__ import annotations

import unicodedata
from typing import Any

import temporalio.workflow

from .. import schema
from .acts import VOTED, check_fresh, check_reviewer, check_signed, open_approval, refuse
from .open_approvals import OpenApproval, show
from .reviewing import MAX_NAME
from .state import RunState

MAX_TEXT = 4_000
MAX_QUESTIONS = 50
MAX_HANDOVERS = 100


def check_act(state: RunState, act: schema.SignedAct) -> None:
    """Refuses an act that may not be done.

    Raises:
        ApplicationError: With the reason, as a sentence for the one who sent it.
    """
    record = open_approval(state, act.approval).record
    # An answer names its question; what the approval asks may have changed since.
    check_signed(record, act, stale=isinstance(act, schema.SignedAnswer))
    check_done(record, act)
    check_fresh(state, act)


def check_done(record: schema.Approval, act: schema.SignedAct) -> None:
    """Refuses what may not be done about an approval as it is.

    Raises:
        ApplicationError: With the reason.
    """
    match act:
        case schema.SignedDelegation():
            check_delegation(record, act)
        case schema.SignedQuestion():
            check_reviewer(record, act.by, act.groups)
            check_text(record, act.text)
            if len(record.questions) >= MAX_QUESTIONS:
                refuse(f"{record.id} has {MAX_QUESTIONS} questions already: decide it, or talk to {author(record)}")
        case schema.SignedAnswer():
            check_text(record, act.text)
            check_reply(record, act)


def check_delegation(record: schema.Approval, act: schema.SignedDelegation) -> None:
    """Refuses to hand over what is not one's own, or to whom it can't be.

    Raises:
        ApplicationError: With the reason.
    """
    if not record.asked:
        refuse(f"{record.id} waits for nobody in particular: {act.to} may decide it as it is")
    check_reviewer(record, act.by, act.groups)
    if not record.is_for(act.by):
        refuse(f"{record.id} was not asked of {act.by} alone but of a group: another of it may decide it as it is")
    for vote in record.standing:
        if vote.by.casefold() == act.by.casefold():
            refuse(f"{vote.by} has {VOTED[vote.verdict]} {record.id} already: there is nothing left to hand over")
    if not act.to.strip() or len(act.to) > MAX_NAME or any(unicodedata.category(sign) == "Cc" for sign in act.to):
        refuse(f"{record.id} can't be handed over to {act.to[:80]!r}: give a user name or an address")
    if record.is_for(act.to):
        refuse(f"{act.to} is asked already: {record.id} can't be handed over to the same person")
    if record.four_eyes and (record.starter or "").casefold() == act.to.casefold():
        refuse(f"{record.id} needs four eyes, and {act.to} started the run: hand it over to somebody else")
    if act.comment is not None:
        check_text(record, act.comment)
    if len(record.delegations) >= MAX_HANDOVERS:
        refuse(f"{record.id} was handed over {MAX_HANDOVERS} times: decide it")


def check_text(record: schema.Approval, text: str) -> None:
    """Refuses a text that is empty or very long.

    Raises:
        ApplicationError: It is.
    """
    if not text.strip() or len(text) > MAX_TEXT:
        refuse(f"a text about {record.id} has 1 to {MAX_TEXT:,} characters, and this one has {len(text.strip()):,}")


def check_reply(record: schema.Approval, act: schema.SignedAnswer) -> None:
    """Refuses an answer to no open question, or of somebody who was not asked.

    Raises:
        ApplicationError: With the reason.
    """
    question = next((asked for asked in record.questions if asked.number == act.question), None)
    if question is None:
        refuse(f"{record.id} has no question {act.question}; it has {len(record.questions)}")
    if question.answer is not None:
        refuse(
            f"{question.answered_by} has answered question {act.question} of {record.id} already, at "
            f"{question.answered_at:%Y-%m-%d %H:%M:%S} UTC"
        )
    if record.starter and record.starter.casefold() != act.by.casefold():
        refuse(f"question {act.question} is for {record.starter}, who started the run, and {act.by} is somebody else")


def author(record: schema.Approval) -> str:
    """Who is asked: whoever started the run."""
    return record.starter or "whoever started the run"


def apply_act(state: RunState, act: schema.SignedAct) -> None:
    """Records an act that the validator let through."""
    state.used_nonces.add(act.nonce)
    approval = state.approvals[act.approval]
    approval.acted_on |= act.run_id == temporalio.workflow.info().run_id
    take_act(approval, act)


def take_act(approval: OpenApproval, act: schema.SignedAct) -> None:
    """Records an act on the approval it is about."""
    record = approval.record
    now = temporalio.workflow.now()
    changes: dict[str, Any]
    match act:
        case schema.SignedDelegation():
            handover = schema.Handover(by=act.by, to=act.to, at=now, comment=act.comment)
            names = [act.to if name.casefold() == act.by.casefold() else name for name in record.asked]
            changes = {"assignees": names, "delegations": [*record.delegations, handover]}
        case schema.SignedQuestion():
            number = len(record.questions) + 1
            question = schema.Question(number=number, by=act.by, at=now, text=act.text, version=record.version)
            changes = {"questions": [*record.questions, question]}
        case schema.SignedAnswer():
            answer = {"answer": act.text, "answered_by": act.by, "answered_at": now}
            answered = [
                question.model_copy(update=answer) if question.number == act.question else question
                for question in record.questions
            ]
            changes = {"questions": answered}
    approval.record = record.model_copy(update=changes)
    show(approval.record)
