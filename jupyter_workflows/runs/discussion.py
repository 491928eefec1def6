"""What people do about an approval without deciding it: hand it over, ask, answer; signed like a decision."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ..errors import ApprovalRefused
from ..schema import Approval, SignedAct, SignedAnswer, SignedDelegation, SignedQuestion
from ..security import identity
from ..security.workspaces import Person
from .decisions import GOOD_FOR, choose, decided, groups_asked, private_key, send, turn
from .listing import read_approvals, read_run
from .reading import RunReader

Make = Callable[[Approval, dict[str, Any]], SignedAct]


class Who(NamedTuple):
    """Who does something about an approval, and the hash of what that person was shown.

    By default the local user, of the approval as it is now.
    """

    person: str | Person | None = None
    content_hash: str | None = None


LOCAL_USER = Who()


async def act(reader: RunReader, wanted: str | Approval | None, make: Make, who: Who) -> Approval:
    """Does something about one open approval, and gives it as it then is.

    Args:
        reader: Reads the run.
        wanted: Its id, or the approval as it was shown; None where only one is open.
        make: Makes the act, from the approval and the fields that all acts share.
        who: Who does it.

    Raises:
        ApprovalRefused: With the reason, as a sentence.
        RunNotFound: There is no such run.
        ConnectionFailed: The server is out of reach; says whether it was recorded.
    """
    async with turn(reader.workflow_id):
        info = (await reader.describe()).workflow_execution_info
        run = read_run(info)
        approval = choose(wanted, read_approvals(info, await reader.memo_values(info)), run.id, run.status)
        now, person = datetime.now(UTC), reader.access.person(who.person)
        shared = {
            "workflow_id": reader.workflow_id,
            "run_id": reader.run_id,
            "approval": approval.id,
            "content_hash": who.content_hash or approval.content_hash,
            "by": person.name,
            "groups": groups_asked(approval, person),
            "issued_at": now,
            "expires_at": now + GOOD_FOR,
            "nonce": secrets.token_hex(16),
        }
        signed = identity.sign(make(approval, shared), private_key(reader))
        await send(reader, signed)
        return await decided(reader, signed, approval)


async def delegate(
    reader: RunReader, wanted: str | Approval | None, to: str, *, who: Who = LOCAL_USER, comment: str | None = None
) -> Approval:
    """Lets another person decide instead of one who is asked; see `act`."""

    def make(approval: Approval, shared: dict[str, Any]) -> SignedAct:
        del approval
        return SignedDelegation(**shared, to=to, comment=comment)

    return await act(reader, wanted, make, who)


async def ask(reader: RunReader, wanted: str | Approval | None, text: str, *, who: Who = LOCAL_USER) -> Approval:
    """Asks whoever started the run something about an approval; see `act`."""

    def make(approval: Approval, shared: dict[str, Any]) -> SignedAct:
        del approval
        return SignedQuestion(**shared, text=text)

    return await act(reader, wanted, make, who)


async def answer(
    reader: RunReader,
    wanted: str | Approval | None,
    text: str,
    *,
    question: int | None = None,
    who: Who = LOCAL_USER,
) -> Approval:
    """Answers a reviewer's question about an approval; see `act`."""

    def make(approval: Approval, shared: dict[str, Any]) -> SignedAct:
        return SignedAnswer(**shared, question=question or open_question(approval), text=text)

    return await act(reader, wanted, make, who)


def open_question(approval: Approval) -> int:
    """The number of the one question that waits for an answer.

    Raises:
        ApprovalRefused: None does, or several do.
    """
    waiting = [question.number for question in approval.questions if question.answer is None]
    if len(waiting) == 1:
        return waiting[0]
    if not waiting:
        raise ApprovalRefused(f"{approval.id} has no question that waits for an answer")
    numbers = ", ".join(map(str, waiting))
    raise ApprovalRefused(f"{approval.id} has {len(waiting)} open questions, name one of them: {numbers}")
