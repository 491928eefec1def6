"""What happens to a doubtful answer: asked again, shown to a person, taken as partial, or refused; on record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import temporalio.workflow
from pydantic_core import to_jsonable_python

from ..errors import CheckFailed
from ..schema import Checked, Doubt
from .approval import Approval, human_approval
from .checks import Check, Partial, Policy, Trial, doubts_of, listed

# Always the newest: history keeps every change of it, the run's memo stays small.
MEMO_KEY = "checked"
SHOWN_IN_QUESTION = 20
RECORDED_CHARACTERS = 1_000


async def settled(trial: Trial, check: Check) -> Any:
    """The answer of a step, checked: as it is, repaired, decided by a person, or `Partial`.

    Raises:
        CheckFailed: It stayed doubtful.
    """
    answer = await trial.run()
    doubts = await doubts_of(check, trial, answer)
    policy = check.policy(can_repair=trial.can_repair)
    if policy == "repair":
        for _ in range(check.repairs):
            if not doubts:
                break
            record(Checked(step=trial.step, doubts=doubts, outcome="repeated"))
            answer = await trial.run(doubts)
            doubts = await doubts_of(check, trial, answer)
        policy = check.otherwise
    if doubts:
        return await decided(trial, check, policy, answer, doubts)
    return Partial[Any](value=trial.value(answer)) if check.accepts else answer


async def decided(trial: Trial, check: Check, policy: Policy, answer: Any, doubts: list[Doubt]) -> Any:
    """What becomes of an answer that stays doubtful.

    Raises:
        CheckFailed: It is refused, by the policy or by a person.
    """
    step = trial.step
    if policy == "accept":
        record(Checked(step=step, doubts=doubts, outcome="accepted"))
        value = trial.value(answer)
        whole = None if trial.doubts(answer) else value
        return Partial[Any](value=whole, doubts=doubts, raw=to_jsonable_python(value, fallback=str))
    if policy == "ask" and temporalio.workflow.in_workflow():
        answer = await asked(trial, check, answer, doubts)
        return Partial[Any](value=trial.value(answer)) if check.accepts else answer
    record(Checked(step=step, doubts=doubts, outcome="failed"))
    nobody = " (in a workflow a person would be asked)" if policy == "ask" else ""
    raise CheckFailed(f"{called(step)} is doubtful{nobody}: {listed(doubts)}", doubts=doubts, step=step)


async def asked(trial: Trial, check: Check, answer: Any, doubts: list[Doubt]) -> Any:
    """The answer as a person let it through, edited or not.

    Raises:
        CheckFailed: The person refused it, or did not answer in time.
    """
    step = trial.step
    while True:
        decision = await human_approval(
            question(step, doubts), assignee=check.assignee, timeout=check.timeout, editable=trial.value(answer)
        )
        known: dict[str, Any] = {"step": step, "doubts": doubts, "approval": decision.id, "by": decision.by}
        if not decision:
            record(Checked(**known, outcome="rejected"))
            who = "nobody decided in time on" if decision.timed_out else f"{decision.by} rejected"
            said = f" ({decision.comment})" if decision.comment else ""
            raise CheckFailed(f"{who} {called(step)}{said}: {listed(doubts)}", doubts=doubts, step=step, by=decision.by)
        taken, wrong = edited(trial, answer, decision)
        if not wrong:
            record(Checked(**known, outcome="approved", edits=decision.edits))
            return taken
        doubts = wrong


def edited(trial: Trial, answer: Any, decision: Approval) -> tuple[Any, list[Doubt]]:
    """The answer with a person's edits, and what is then still wrong with its form."""
    try:
        taken = trial.edited(answer, decision.value) if decision.edits else answer
    except ValueError as error:
        return answer, [Doubt(reason=f"the edited answer does not fit: {str(error)[:300]}")]
    return taken, trial.doubts(taken)


def question(step: str, doubts: Sequence[Doubt]) -> str:
    """What a person is asked: the doubts, one by one."""
    lines = [f"- {doubt}{f' ({doubt.by})' if doubt.by else ''}" for doubt in doubts[:SHOWN_IN_QUESTION]]
    more = len(doubts) - SHOWN_IN_QUESTION
    if more > 0:
        lines.append(f"- and {more} more")
    return f"{called(step)[0].upper()}{called(step)[1:]} is doubtful. Correct it and approve, or reject it.\n\n" + (
        "\n".join(lines)
    )


def called(step: str) -> str:
    """The answer of a step, in words."""
    return f"the answer of {step}" if step else "the answer"


def record(checked: Checked) -> None:
    """Puts on record what became of a doubtful answer; outside of a workflow there is no record."""
    if temporalio.workflow.in_workflow():
        doubts = [doubt.model_copy(update={"reason": doubt.reason[:RECORDED_CHARACTERS]}) for doubt in checked.doubts]
        checked = checked.model_copy(update={"doubts": doubts})
        temporalio.workflow.upsert_memo({MEMO_KEY: checked.model_dump(mode="json")})
