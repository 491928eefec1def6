"""A reviewer's decision: chosen, signed, sent once, and its refusal in a sentence; other acts are sent alike.

The worker's validator has the last word; what is refused here is what it would refuse anyway. A decision is
sent under an update id of its own, so sending it again after a lost answer does not decide twice.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from weakref import WeakValueDictionary

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_json
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from ..errors import ApprovalRefused, ConnectionFailed, JupyterWorkflowsError
from ..schema import Approval, Decision, SignedAct, Verdict
from ..schema.approvals import GROUP
from ..security import identity
from ..security.workspaces import Person
from .access import ENDED, OUT_OF_REACH, translated
from .listing import read_approvals, read_run
from .reading import RunReader
from .untrusted import one_line

DECIDE = "jupyter_workflows.decide"
ACT = "jupyter_workflows.act"
ANSWER_WITHIN = timedelta(seconds=30)
GOOD_FOR = timedelta(minutes=10)
# What the server says of an update that was accepted by a run which ended in the same moment.
ENDED_MEANWHILE = "AcceptedUpdateCompletedWorkflow"

_turns: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()


def json_value(value: Any, what: str) -> Any:
    """A form or value as plain JSON.

    Raises:
        ApprovalRefused: It holds something JSON can't hold.
    """
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    try:
        return json.loads(to_json(value, inf_nan_mode="constants"), parse_constant=refuse_constant)
    except (PydanticSerializationError, ValueError) as error:
        raise ApprovalRefused(f"{what} can't be sent as JSON: {one_line(error)}") from None


def refuse_constant(name: str) -> NoReturn:
    """Refuses NaN and the infinities, which JSON does not have.

    Raises:
        ValueError: Always.
    """
    raise ValueError(f"it holds {name}")


def brief(approval: Approval) -> str:
    """`human_approval-1 ("High-risk contract C-7 ...")`."""
    return f'{one_line(approval.id, 80)} ("{one_line(approval.message, 60)}")'


def ended_words(approval: Approval) -> str:
    """How a decided approval was decided."""
    if approval.status == "timed_out":
        return "nobody decided it in time"
    when = f" at {approval.decided_at:%Y-%m-%d %H:%M:%S} UTC" if approval.decided_at else ""
    return f"{one_line(approval.by, 80)} {approval.status} it{when}"


def choose(wanted: str | Approval | None, known: Sequence[Approval], run_id: str, status: str) -> Approval:
    """The approval that is meant.

    Args:
        wanted: Its id, or the approval as it was shown; None where only one is open.
        known: All approvals of the run.
        run_id: The run's workflow id.
        status: The run's status.

    Raises:
        ApprovalRefused: None or several could be meant, or it is decided already.
    """
    if isinstance(wanted, Approval) and wanted.workflow_id not in (None, run_id):
        raise ApprovalRefused(
            f"{wanted.id} is an approval of run {wanted.workflow_id}, not of {run_id}: decide it there"
        )
    named = wanted.id if isinstance(wanted, Approval) else wanted
    for approval in known:
        if approval.id == named and approval.status != "open":
            raise ApprovalRefused(f"{named} is decided already: {ended_words(approval)}")
    if status != "running":
        raise ApprovalRefused(f"run {run_id} is {status.replace('_', ' ')}: nothing in it waits for a decision")
    waiting = {approval.id: approval for approval in known if approval.status == "open"}
    listed = ", ".join(brief(approval) for approval in waiting.values()) or "none"
    if named in waiting:
        # What the reviewer was shown counts, also where the run has moved on since.
        return wanted if isinstance(wanted, Approval) else waiting[named]
    if named is not None:
        raise ApprovalRefused(f"run {run_id} has no approval {named!r}; open: {listed}")
    return the_only_one(waiting, listed, run_id)


def the_only_one(waiting: dict[str, Approval], listed: str, run_id: str) -> Approval:
    """The one open approval.

    Raises:
        ApprovalRefused: None is open, or several are.
    """
    if not waiting:
        raise ApprovalRefused(f"run {run_id} has no open approval: nothing in it waits for a decision now")
    if len(waiting) > 1:
        raise ApprovalRefused(f"run {run_id} has {len(waiting)} open approvals, name one of them: {listed}")
    return next(iter(waiting.values()))


def signed(
    approval: Approval,
    verdict: Verdict,
    *,
    reader: RunReader,
    reviewer: str | Person | None,
    comment: str | None,
    form: Any,
    value: Any,
    edited: bool,
) -> Decision:
    """The decision with the user's signature.

    Raises:
        ApprovalRefused: A value can't travel, or the user's key can't be used.
    """
    key = private_key(reader)
    now = datetime.now(UTC)
    person = reader.access.person(reviewer)
    decision = Decision(
        workflow_id=reader.workflow_id,
        run_id=reader.run_id,
        approval=approval.id,
        content_hash=approval.content_hash,
        verdict=verdict,
        reviewer=person.name,
        groups=groups_asked(approval, person),
        comment=comment,
        form=form,
        value=value,
        edited=edited,
        issued_at=now,
        expires_at=now + GOOD_FOR,
        nonce=secrets.token_hex(16),
    )
    return identity.sign(decision, key)


def groups_asked(approval: Approval, person: Person) -> list[str]:
    """Those of a person's groups that an approval waits for: what else they are in is nobody's business."""
    named = {name.casefold() for name in approval.asked}
    return sorted(group for group in person.groups if f"{GROUP}{group}".casefold() in named)


def private_key(reader: RunReader) -> bytes:
    """The user's key; read for each act, so that it does not stay in memory.

    Raises:
        ApprovalRefused: There is none, or it can't be used.
    """
    if reader.access.keys is None:
        raise ApprovalRefused("there is no reviewer key here: do it in the notebook or by the command line")
    return identity.ensure_key(reader.access.keys)


async def decide(
    reader: RunReader,
    wanted: str | Approval | None,
    verdict: Verdict,
    *,
    reviewer: str | Person | None = None,
    comment: str | None = None,
    form: Any = None,
    value: Any = None,
    edited: bool = False,
    content_hash: str | None = None,
) -> Approval:
    """Decides one approval and gives it as it then is.

    Args:
        reader: Reads the run.
        wanted: The approval, or its id; None where only one is open.
        verdict: What is decided.
        reviewer: Who decides, by name or with groups; by default the local user.
        comment: Why.
        form: What the reviewer filled in.
        value: The editable value as it is approved.
        edited: Whether `value` counts.
        content_hash: Of what the reviewer was shown; by default of the approval as it is now.

    Raises:
        ApprovalRefused: With the reason, as a sentence.
        RunNotFound: There is no such run.
        ConnectionFailed: The server is out of reach; says whether the decision was recorded.
    """
    form_json = None if form is None else json_value(form, "the form")
    if form_json is not None and not isinstance(form_json, dict):
        raise ApprovalRefused("form= takes an instance of the form, or a dict of its fields")
    value_json = json_value(value, "the value") if edited else None
    async with turn(reader.workflow_id):
        info = (await reader.describe()).workflow_execution_info
        values = await reader.memo_values(info)
        run = read_run(info)
        approval = choose(wanted, read_approvals(info, values), run.id, run.status)
        if content_hash is not None:
            approval = approval.model_copy(update={"content_hash": content_hash})
        decision = signed(
            approval,
            verdict,
            reader=reader,
            reviewer=reviewer,
            comment=comment,
            form=form_json,
            value=value_json,
            edited=edited,
        )
        await send(reader, decision)
        return await decided(reader, decision, approval)


@asynccontextmanager
async def turn(run_id: str) -> AsyncGenerator[None]:
    """Lets the decisions on one run that this process sends go one after the other.

    A run takes ten updates at a time, and the server drops and repeats what comes beyond: fifty clicks at once
    took 20 seconds. In turn, the second one sees who decided and is refused without being sent.

    Raises:
        ApprovalRefused: Another decision on the run is on its way and did not end in time.
    """
    loop = asyncio.get_running_loop()
    # The dictionary holds a lock as long as somebody holds or awaits it; a lock belongs to one loop.
    lock = _turns.setdefault((id(loop), run_id), asyncio.Lock())
    try:
        await asyncio.wait_for(lock.acquire(), ANSWER_WITHIN.total_seconds())
    except TimeoutError:
        raise ApprovalRefused(
            f"another decision on run {run_id} is on its way, and no worker has answered it: see `%workflow status`"
        ) from None
    try:
        yield
    finally:
        lock.release()


async def send(reader: RunReader, decision: Decision | SignedAct) -> None:
    """Sends a decision or another act and waits, with a limit, until the workflow has taken it.

    Raises:
        ApprovalRefused: It was refused, or no worker took it in time.
        ConnectionFailed: The server was out of reach, and the decision is not in history.
    """
    try:
        async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
            await deliver(reader, decision)
    except WorkflowUpdateFailedError as error:
        raise refusal(error, decision) from None
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        if not await recorded(reader, decision):
            raise await unanswered(reader, decision) from None
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND and ENDED in error.message:
            await refuse_ended(reader, decision)
        cause = translated(error, reader.access, decision.workflow_id)
        what = identity.NAMES[type(decision)]
        raise type(cause)(f"the {what} on {decision.approval} was not recorded: {cause}") from None


async def deliver(reader: RunReader, decision: Decision | SignedAct) -> None:
    """Sends it until an answer comes; a server that is away or busy is asked again."""
    handle = reader.access.client.get_workflow_handle(decision.workflow_id, run_id=decision.run_id)
    sent = decision.model_dump(mode="json")
    update = DECIDE if isinstance(decision, Decision) else ACT
    while True:
        try:
            await handle.execute_update(update, sent, id=decision.nonce)  # pyright: ignore[reportUnknownMemberType]
        except RPCError as error:
            # A run takes ten updates at a time; the others are to come again.
            if error.status not in (RPCStatusCode.RESOURCE_EXHAUSTED, *OUT_OF_REACH):
                raise
            await asyncio.sleep(0.1)
        else:
            return


def refusal(error: WorkflowUpdateFailedError, decision: Decision | SignedAct) -> ApprovalRefused:
    """The validator's reason, or what else kept the workflow from taking the decision."""
    cause, what = error.cause, identity.NAMES[type(decision)]
    if isinstance(cause, ApplicationError) and cause.type == "ApprovalRefused":
        return ApprovalRefused(cause.message)
    if isinstance(cause, ApplicationError) and cause.type == ENDED_MEANWHILE:
        return ApprovalRefused(f"run {decision.workflow_id} ended before it took the {what} on {decision.approval}")
    return ApprovalRefused(f"run {decision.workflow_id} takes no {what} on {decision.approval}: {one_line(cause, 300)}")


async def unanswered(reader: RunReader, decision: Decision | SignedAct) -> ApprovalRefused:
    """Nobody took it within the time given: another was first, or no worker is there."""
    info = (await reader.describe_execution(decision.run_id)).workflow_execution_info
    for approval in read_approvals(info, await reader.memo_values(info)):
        if approval.id == decision.approval and approval.status != "open":
            return ApprovalRefused(f"{one_line(approval.id, 80)} is decided already: {ended_words(approval)}")
    what = identity.NAMES[type(decision)]
    return ApprovalRefused(
        f"the {what} on {decision.approval} is not recorded: no worker of run {decision.workflow_id} answered "
        f"within {ANSWER_WITHIN.total_seconds():.0f} s. Start it (`%workflow up`), then look whether the approval is "
        f"still open: a worker that comes back now may still find this {what}"
    )


async def refuse_ended(reader: RunReader, decision: Decision | SignedAct) -> NoReturn:
    """Refuses a decision that came after the run's end.

    Raises:
        ApprovalRefused: Always.
    """
    run = await reader.run()
    raise ApprovalRefused(
        f"run {decision.workflow_id} is {run.status.replace('_', ' ')}: nothing in it waits for a decision"
    ) from None


async def recorded(reader: RunReader, decision: Decision | SignedAct) -> bool:
    """Whether it stands in history."""
    try:
        async with asyncio.timeout(5):
            await reader.read_new_events(reader.reduction)
    except (TimeoutError, JupyterWorkflowsError) as error:
        what = identity.NAMES[type(decision)]
        raise ConnectionFailed(
            f"whether the {what} on {decision.approval} was recorded is not known, the server at "
            f"{reader.access.address} does not answer: look at the approval again once it is back"
        ) from error
    return decision.nonce in reader.reduction.updates_accepted


async def decided(reader: RunReader, decision: Decision | SignedAct, shown: Approval) -> Approval:
    """The approval after a decision or another act."""
    info = (await reader.describe_execution(decision.run_id)).workflow_execution_info
    for approval in read_approvals(info, await reader.memo_values(info)):
        if approval.id == shown.id:
            return approval
    return shown
