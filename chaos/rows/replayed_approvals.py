"""Row S4: a decision is used once. Double clicks, storms, and replays to the next gate and to other runs."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError

from jupyter_workflows.schema import Approval, Decision
from jupyter_workflows.security import identity

from ..kernels import Kernel
from ..stage import Stage
from ..verdicts import Outcome
from .plan import Row

DECIDE = "jupyter_workflows.decide"
GATES = 2
STORM = 50


def play(stage: Stage, count: int, outcome: Outcome) -> None:
    """Attack one run after the other, each in one of the ways."""
    kernel = stage.kernel()
    accepted = 0
    for number in range(count):
        run = stage.start_gated(kernel, GATES)
        first = open_approval(stage, run)
        decision = signed(stage, first)
        attack = ATTACKS[number % len(ATTACKS)]
        answers = attack(stage, kernel, decision)
        outcome.demand(answers.count("taken") == 1, f"{attack.__name__}: {answers.count('taken')} decisions taken")
        second = open_approval(stage, run)
        outcome.demand(second.id == "human_approval-2", f"{attack.__name__}: the run went past its second gate")
        next_gate = decision.model_copy(update={"approval": second.id})
        as_shown = next_gate.model_copy(update={"content_hash": second.content_hash})
        replay = send_all(stage, [decision, next_gate, as_shown])
        accepted += replay.count("taken")
        outcome.demand("taken" not in replay, f"{attack.__name__}: a used decision was taken again: {replay}")
        finish(stage, run, second, outcome)
    outcome.lost += accepted
    stage.conclude(outcome)


def open_approval(stage: Stage, run: str) -> Approval:
    """The approval of a run that is open now."""
    client = stage.client()

    async def read() -> Approval | None:
        memo = await (await client.get_workflow_handle(run).describe()).memo()
        known = [Approval.model_validate(value) for name, value in memo.items() if name.startswith("approval:")]
        return next((approval for approval in known if approval.status == "open"), None)

    return stage.eventually(lambda: stage.do(read()), 10.0, f"open approval of {run}")


def signed(stage: Stage, approval: Approval, verdict: str = "approve") -> Decision:
    """A decision as the user himself makes it."""
    now = datetime.now(UTC)
    decision = Decision(
        workflow_id=approval.workflow_id or "", run_id=approval.run_id or "", approval=approval.id,
        content_hash=approval.content_hash, verdict=verdict, reviewer="ada", issued_at=now,  # type: ignore[arg-type]
        expires_at=now + timedelta(minutes=10), nonce=secrets.token_hex(16),
    )  # fmt: skip
    return identity.sign(decision, identity.ensure_key(stage.home.keys))


def send_all(stage: Stage, decisions: list[Decision]) -> list[str]:
    """Send decisions at the same moment; "taken", or why not."""
    client = stage.client()

    async def send(decision: Decision) -> str:
        handle = client.get_workflow_handle(decision.workflow_id, run_id=decision.run_id)
        try:
            await handle.execute_update(DECIDE, decision.model_dump(mode="json"), id=secrets.token_hex(8))
        except WorkflowUpdateFailedError as error:
            return str(error.cause)
        except RPCError as error:
            return error.message
        return "taken"

    async def send_them() -> list[str]:
        return await asyncio.gather(*[send(decision) for decision in decisions])

    return stage.do(send_them(), 60.0)


def storm_of_copies(stage: Stage, kernel: Kernel, decision: Decision) -> list[str]:
    """The same decision, 50 times at once."""
    return send_all(stage, [decision] * STORM)


def storm_of_reviewers(stage: Stage, kernel: Kernel, decision: Decision) -> list[str]:
    """50 decisions at once, each signed by itself, half of them saying no."""
    shown = open_approval(stage, decision.workflow_id)
    verdicts = ["approve" if number % 2 else "reject" for number in range(STORM)]
    return send_all(stage, [signed(stage, shown, verdict) for verdict in verdicts])


def double_click(stage: Stage, kernel: Kernel, decision: Decision) -> list[str]:
    """Two clicks in the notebook: two approvals from two threads of the kernel."""
    source = f"""
import concurrent.futures
from jupyter_workflows import errors

def click(_):
    try:
        return "taken" if get_run({decision.workflow_id!r}).approve("human_approval-1", reviewer="ada") else "nothing"
    except errors.ApprovalRefused as refused:
        return str(refused)

with concurrent.futures.ThreadPoolExecutor(2) as pool:
    clicks = list(pool.map(click, range(2)))
"""
    kernel.run(source)
    return kernel.value("clicks")


def one_after_the_other(stage: Stage, kernel: Kernel, decision: Decision) -> list[str]:
    """The same decision again and again, each after the answer to the one before."""
    return [send_all(stage, [decision])[0] for _ in range(5)]


def to_another_run(stage: Stage, kernel: Kernel, decision: Decision) -> list[str]:
    """A decision on this run, sent to another one that asks the same."""
    other = open_approval(stage, stage.start_gated(kernel))
    answers = send_all(stage, [decision])
    moved = decision.model_copy(update={"workflow_id": other.workflow_id, "run_id": other.run_id})
    moved_on = moved.model_copy(update={"content_hash": other.content_hash})
    answers += send_all(stage, [moved, moved_on])
    kernel.run(f"get_run({other.workflow_id!r}).terminate('over')")
    return answers


ATTACKS: tuple[Callable[[Stage, Kernel, Decision], list[str]], ...] = (
    storm_of_copies,
    storm_of_reviewers,
    double_click,
    one_after_the_other,
    to_another_run,
)


def finish(stage: Stage, run: str, second: Approval, outcome: Outcome) -> None:
    """The honest decision on the second gate is taken, and the run has had one effect for each."""
    taken = send_all(stage, [signed(stage, second)])
    outcome.demand(taken == ["taken"], f"{run}: the second gate refused its own decision: {taken}")
    told = stage.eventually(lambda: found if (found := stage.told(run)).status != "running" else None, 20.0, "end")
    outcome.demand(told.status == "completed", f"{run} is {told.status}: {told.failure}")
    outcome.demand(told.updates == GATES, f"{run}: {told.updates} decisions in history, wanted {GATES}")
    effects = sum(entry.run == run and entry.what == "effect" for entry in stage.log.read())
    outcome.demand(effects == GATES, f"{run}: {effects} effects, wanted {GATES}")


ROW = Row(
    "S4", "a decision sent twice, 50 times at once, by 50 reviewers at once, to the next gate and to another run",
    50, 500, play,
)  # fmt: skip
