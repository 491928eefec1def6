"""Handing over, asking and answering: signed acts that decide nothing, and who may do what."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jupyter_workflows.schema import Approval, SignedAnswer, SignedDelegation, SignedQuestion
from jupyter_workflows.security import identity

from .conftest import Engine

ASK = (
    "@workflow\nasync def ask(assignees: list[str], seconds: float = 0) -> dict:\n"
    "    answer = await human_approval('Pay?', assignee=assignees or None, editable={'sum': 10},\n"
    "        quorum=2 if len(assignees) > 1 else None, four_eyes=not seconds,\n"
    "        timeout=timedelta(seconds=seconds) if seconds else None, on_timeout='approve' if seconds else 'reject')\n"
    "    return {'yes': bool(answer), 'by': answer.by, 'objection': answer.objection}\n"
)
THREE = ["ada", "bob", "cyd"]


async def asked(engine: Engine, assignees: list[str], seconds: float = 0) -> tuple[Any, Approval]:
    await engine.serve(ASK)
    handle = await engine.start("ask", assignees, seconds, starter="sam")
    return handle, await engine.approval(handle)


async def test_who_hands_over_is_replaced(engine: Engine) -> None:
    handle, approval = await asked(engine, THREE)
    await engine.send(handle, SignedDelegation, approval, by="ADA", to="dan", comment="on leave")
    await engine.send(handle, SignedDelegation, approval, by="dan", to="eve")
    shown = await engine.approval(handle)
    assert (shown.status, shown.asked, shown.content_hash) == ("open", ["eve", "bob", "cyd"], approval.content_hash)
    assert [(each.by, each.to, each.comment) for each in shown.delegations] == [
        ("ADA", "dan", "on leave"),
        ("dan", "eve", None),
    ]
    assert "ADA handed human_approval-1 over to dan at 20" in await engine.refused(
        handle, "decide", engine.decision(shown, reviewer="ada")
    )
    # It may come back.
    await engine.send(handle, SignedDelegation, approval, by="eve", to="ada")
    await engine.decide(handle, shown, reviewer="ada")
    await engine.decide(handle, shown, reviewer="cyd")
    assert (await handle.result())["yes"]


REFUSED = [
    (THREE, SignedDelegation, {"by": "eve", "to": "dan"}, "waits for ada, bob and cyd, and eve is none of them"),
    (THREE, SignedDelegation, {"by": "bob", "to": "Cyd"}, "Cyd is asked already"),
    (THREE, SignedDelegation, {"by": "bob", "to": "bob"}, "bob is asked already"),
    (THREE, SignedDelegation, {"by": "bob", "to": "SAM"}, "needs four eyes, and SAM started the run"),
    (THREE, SignedDelegation, {"by": "bob", "to": "  "}, "can't be handed over to '  '"),
    (THREE, SignedDelegation, {"by": "bob", "to": "x\x1b[2J"}, "can't be handed over to"),
    (THREE, SignedDelegation, {"by": "bob", "to": "x" * 201}, "can't be handed over to"),
    (THREE, SignedDelegation, {"by": "bob", "to": "dan", "comment": "x" * 5_000}, "this one has 5,000"),
    (THREE, SignedDelegation, {"by": "ada", "to": "dan"}, "ada has approved human_approval-1 already"),
    (THREE, SignedDelegation, {"by": "bob", "to": "dan", "content_hash": "0"}, "has changed since it was shown"),
    (THREE, SignedDelegation, {"by": "bob", "to": "dan", "run_id": "x"}, "the delegation is for another run"),
    (THREE, SignedDelegation, {"by": "bob", "to": "dan", "id": "human_approval-9"}, "has no approval"),
    ([], SignedDelegation, {"by": "bob", "to": "dan"}, "waits for nobody in particular: dan may decide it as it is"),
    (THREE, SignedQuestion, {"by": "eve", "text": "Why?"}, "and eve is none of them"),
    (THREE, SignedQuestion, {"by": "bob", "text": " \n"}, "has 1 to 4,000 characters, and this one has 0"),
    (THREE, SignedAnswer, {"by": "sam", "text": "So.", "question": 2}, "has no question 2; it has 1"),
    (THREE, SignedAnswer, {"by": "bob", "text": "So.", "question": 1}, "is for sam, who started the run, and bob is"),
]


@pytest.mark.parametrize(("assignees", "kind", "fields", "reason"), REFUSED)
async def test_what_may_not_be_done_is_refused_with_who_and_why(
    engine: Engine, assignees: list[str], kind: Any, fields: dict[str, Any], reason: str
) -> None:
    handle, approval = await asked(engine, assignees)
    if kind is not SignedQuestion and assignees:
        await engine.send(handle, SignedQuestion, approval, by="bob", text="Why?")
        await engine.decide(handle, approval, reviewer="ada")
    about = approval.model_copy(update={"id": fields.pop("id", approval.id)})
    assert reason in await engine.refused(handle, "act", engine.act(kind, about, **fields))
    await handle.terminate("test")


async def test_an_act_that_is_not_signed_by_a_known_key_is_refused(engine: Engine, tmp_path: Any) -> None:
    handle, approval = await asked(engine, THREE)
    act = engine.act(SignedDelegation, approval, by="ada", to="eve")
    stranger = identity.sign(act, identity.ensure_key(tmp_path / "stranger"))
    assert "the delegation is not signed by a reviewer" in await engine.refused(handle, "act", stranger)
    changed = act.model_copy(update={"to": "mallory"})
    assert "the signature does not fit the delegation" in await engine.refused(handle, "act", changed)
    # A signature for one kind of act is none for another.
    other = SignedQuestion(**act.model_dump(exclude={"type", "to", "comment"}), text="eve")
    assert "the signature does not fit the question" in await engine.refused(handle, "act", other)
    await handle.terminate("test")


async def test_a_question_is_answered_by_whoever_started_the_run_and_decides_nothing(engine: Engine) -> None:
    handle, approval = await asked(engine, THREE)
    await engine.send(handle, SignedQuestion, approval, by="bob", text="Why so much?")
    await engine.send(handle, SignedQuestion, approval, by="ada", text="And when?")
    # Another version is shown by now: an answer is to its question.
    await engine.decide(handle, approval, reviewer="cyd", value={"sum": 9}, edited=True)
    answer = engine.act(SignedAnswer, approval, by="Sam", text="It is yearly.", question=1)
    await handle.execute_update("jupyter_workflows.act", answer)
    assert "Sam has answered question 1 of human_approval-1 already" in await engine.refused(handle, "act", answer)
    shown = await engine.approval(handle)
    assert shown.status == "open"
    assert [(each.number, each.by, each.text, each.answer, each.answered_by) for each in shown.questions] == [
        (1, "bob", "Why so much?", "It is yearly.", "Sam"),
        (2, "ada", "And when?", None, None),
    ]
    await engine.decide(handle, shown, reviewer="bob")
    assert (await handle.result())["yes"]


@pytest.mark.parametrize(("answered", "yes"), [(True, True), (False, False)])
async def test_silence_is_no_yes_while_a_question_waits(engine: Engine, answered: bool, yes: bool) -> None:
    handle, approval = await asked(engine, ["bob"], 3.0)
    await engine.send(handle, SignedQuestion, approval, by="bob", text="Why?")
    if answered:
        await engine.send(handle, SignedAnswer, approval, by="sam", text="So.", question=1)
    result = await handle.result()
    assert (result["yes"], result["objection"]) == (yes, None if yes else "bob's question was not answered")


async def test_of_many_handovers_at_once_one_counts(engine: Engine) -> None:
    handle, approval = await asked(engine, ["ada"])

    async def hand_over(to: str) -> str:
        try:
            await engine.send(handle, SignedDelegation, approval, by="ada", to=to)
        except Exception as error:  # noqa: BLE001 - what refused it is asserted below
            return str(error.__cause__)
        return "taken"

    outcomes = await asyncio.gather(*(hand_over(f"person-{number}") for number in range(10)))
    assert outcomes.count("taken") == 1
    (delegate,) = (await engine.approval(handle)).asked
    assert all(f"over to {delegate} at" in outcome for outcome in outcomes if outcome != "taken")
    await handle.terminate("test")
