"""Approvals against a real server: who may decide what, once, and what stays in history."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jupyter_workflows.security import identity

from .conftest import Engine, eventually

MODELS = (
    "from pydantic import BaseModel\n"
    "class Finding(BaseModel):\n    score: float\n    note: str = ''\n"
    "class Reason(BaseModel):\n    reason: str\n"
)
ASK = (
    "@workflow\nasync def ask(assignee: str | None = None) -> dict:\n"
    "    answer = await human_approval('Is **this** right?', assignee=assignee, timeout=timeout(days=3),"
    " form=Reason, editable=Finding(score=0.9))\n"
    "    return {'approved': bool(answer), 'by': answer.by, 'comment': answer.comment, 'score': answer.value.score,"
    " 'reason': answer.form.reason if answer.form else None,"
    " 'edits': [[edit.path, edit.before, edit.after] for edit in answer.edits]}\n"
)
GATES = (
    "@workflow\nasync def gates() -> list:\n"
    "    return [(await human_approval('first')).by, (await human_approval('second')).by]\n"
)
FORM = {"reason": "read it"}


async def test_an_approval_is_decided_with_form_comment_and_edit(engine: Engine) -> None:
    await engine.serve(ASK, models=MODELS)
    handle = await engine.start("ask")
    approval = await engine.approval(handle)
    assert approval.editable == {"score": 0.9, "note": ""}
    assert approval.form_schema is not None
    await engine.decide(
        handle, approval, form=FORM, value={"score": 0.5, "note": "less"}, edited=True, comment="fine now"
    )
    assert await handle.result() == {
        "approved": True,
        "by": "ada",
        "comment": "fine now",
        "score": 0.5,
        "reason": "read it",
        "edits": [["/score", 0.9, 0.5], ["/note", "", "less"]],
    }
    recorded = await engine.approval(handle)
    assert (recorded.status, recorded.by, recorded.value) == ("approved", "ada", {"score": 0.5, "note": "less"})


async def test_a_rejection_needs_no_form(engine: Engine) -> None:
    await engine.serve(ASK, models=MODELS)
    handle = await engine.start("ask")
    await engine.decide(handle, await engine.approval(handle), verdict="reject")
    result = await handle.result()
    assert (result["approved"], result["score"]) == (False, 0.9)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"signed": False, "key_id": ""}, "not signed by a reviewer"),
        ({"reviewer": "eve"}, "human_approval-1 waits for ADA, and eve is somebody else"),
        ({"approval": "human_approval-9"}, "has no approval 'human_approval-9'; open: human_approval-1"),
        ({"run_id": "another"}, "for another run"),
        ({"workflow_id": "another"}, "for another run"),
        ({"content_hash": "0" * 64}, "has changed since it was shown"),
        ({"form": None}, "the form of human_approval-1 does not fit: reason: Field required"),
        ({"form": {"reason": 3}}, "reason: Input should be a valid string"),
        ({"value": {"score": "high"}, "edited": True}, "the value of human_approval-1 does not fit: score"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "too old"),
        ({"issued_at": datetime(2200, 1, 1, tzinfo=UTC)}, "dated in the future"),
    ],
)
async def test_a_wrong_decision_is_refused_without_a_trace(
    engine: Engine, changes: dict[str, Any], reason: str
) -> None:
    await engine.serve(ASK, models=MODELS)
    handle = await engine.start("ask", "ADA")
    approval = await engine.approval(handle)
    decision = engine.decision(approval, form=FORM).model_copy(update={"signature": "", **changes})
    if changes.get("signed", True):
        decision = identity.sign(decision, engine.key)
    assert reason in await engine.refused(handle, "decide", decision)
    await engine.decide(handle, approval, form=FORM)
    assert (await handle.result())["approved"]


async def test_a_signed_decision_changed_on_its_way_is_refused(engine: Engine) -> None:
    await engine.serve(ASK, models=MODELS)
    handle = await engine.start("ask")
    decision = engine.decision(await engine.approval(handle), form=FORM, verdict="reject")
    tampered = decision.model_copy(update={"verdict": "approve"})
    assert "signature does not fit" in await engine.refused(handle, "decide", tampered)
    await handle.terminate("test")


async def test_a_key_of_another_home_decides_nothing(engine: Engine, tmp_path: Any) -> None:
    await engine.serve(ASK, models=MODELS)
    handle = await engine.start("ask")
    stranger = identity.ensure_key(tmp_path / "stranger")
    decision = identity.sign(engine.decision(await engine.approval(handle), form=FORM), stranger)
    assert "not signed by a reviewer" in await engine.refused(handle, "decide", decision)
    await handle.terminate("test")


async def test_a_bare_signal_or_query_decides_nothing(engine: Engine) -> None:
    await engine.serve(ASK, models=MODELS)
    handle = await engine.start("ask")
    approval = await engine.approval(handle)
    for name in ("decide", "jupyter_workflows.decide", "approve", approval.id):
        await handle.signal(name, {"verdict": "approve"})
    assert (await engine.approval(handle)).status == "open"
    await handle.terminate("test")


async def test_of_many_decisions_at_once_the_first_wins_and_the_others_learn_who(engine: Engine) -> None:
    await engine.serve(GATES)
    handle = await engine.start("gates")
    approval = await engine.approval(handle)
    outcomes = await asyncio.gather(
        *(engine.decide(handle, approval, reviewer=f"reviewer-{n}") for n in range(20)), return_exceptions=True
    )
    winners = [n for n, outcome in enumerate(outcomes) if outcome is None]
    assert len(winners) == 1
    causes = [str(outcome.__cause__) for outcome in outcomes if isinstance(outcome, BaseException)]
    assert all(f"reviewer-{winners[0]} approved it" in cause for cause in causes)
    await handle.terminate("test")


async def test_a_replayed_decision_never_opens_the_next_gate(engine: Engine) -> None:
    await engine.serve(GATES)
    handle = await engine.start("gates")
    decision = engine.decision(await engine.approval(handle))
    await handle.execute_update("jupyter_workflows.decide", decision)
    second = await engine.approval(handle, "human_approval-2")
    assert "ada approved it" in await engine.refused(handle, "decide", decision)
    renamed = decision.model_copy(update={"approval": second.id, "content_hash": second.content_hash})
    assert "signature does not fit" in await engine.refused(handle, "decide", renamed)
    await engine.decide(handle, second, reviewer="bob")
    assert await handle.result() == ["ada", "bob"]


@pytest.mark.parametrize(
    ("on_timeout", "expected"), [("reject", [False, True]), ("approve", [True, True]), ("raise", "nobody decided")]
)
async def test_nobody_answers_in_time(engine: Engine, on_timeout: str, expected: Any) -> None:
    await engine.serve(
        "@workflow\nasync def lonely(on_timeout: str) -> list:\n"
        "    answer = await human_approval('?', timeout=timedelta(milliseconds=50), on_timeout=on_timeout)\n"
        "    return [bool(answer), answer.timed_out]\n"
        "@workflow\nasync def careful(on_timeout: str) -> str:\n"
        "    from jupyter_workflows.errors import ApprovalTimedOut\n"
        "    try:\n        await human_approval('?', timeout=timedelta(milliseconds=50), on_timeout=on_timeout)\n"
        "    except ApprovalTimedOut as error:\n        return str(error)\n    return ''\n"
    )
    if on_timeout == "raise":
        assert expected in await engine.run("careful", on_timeout)
    else:
        assert await engine.run("lonely", on_timeout) == expected


async def test_several_approvals_wait_at_once(engine: Engine) -> None:
    await engine.serve(
        "@workflow\nasync def two() -> list:\n"
        "    answers = await asyncio.gather(human_approval('a', assignee='ada'), human_approval('b'))\n"
        "    return [answer.by for answer in answers]\n"
    )
    handle = await engine.start("two")
    first, second = await engine.approval(handle), await engine.approval(handle, "human_approval-2")
    await engine.decide(handle, second, reviewer="bob")
    await engine.decide(handle, first)
    assert await handle.result() == ["ada", "bob"]


async def test_a_late_decision_after_a_timeout_is_refused(engine: Engine) -> None:
    await engine.serve(
        "@workflow\nasync def slow() -> bool:\n"
        "    answer = await human_approval('?', timeout=timedelta(milliseconds=100))\n"
        "    await wait_for_signal('end')\n    return bool(answer)\n"
    )
    handle = await engine.start("slow")
    approval = await engine.approval(handle)

    async def closed() -> bool:
        return (await engine.approval(handle)).status != "open"

    await eventually(closed)
    assert (await engine.approval(handle)).status == "timed_out"
    assert "its time was over" in await engine.refused(handle, "decide", engine.decision(approval))
    await handle.signal("end")
    assert await handle.result() is False


async def test_the_wait_for_a_person_may_be_long_without_a_worker_task(engine: Engine) -> None:
    await engine.serve(
        "@workflow\nasync def wait() -> bool:\n    return bool(await human_approval('?', timeout=timeout(days=90)))\n"
    )
    handle = await engine.start("wait")
    approval = await engine.approval(handle)
    assert approval.due_at is not None
    assert approval.due_at - approval.opened_at == timedelta(days=90)
    await engine.decide(handle, approval)
    assert await handle.result() is True
