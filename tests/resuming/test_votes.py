"""What several people said before a run was resumed: it counts for the same question, once, and only if it was said."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from jupyter_workflows.authoring.execution import KEEP
from jupyter_workflows.connection import loop_thread
from jupyter_workflows.runs.resuming.workshop import workshop_in_force
from jupyter_workflows.schema import Approval, Decision
from jupyter_workflows.security import identity
from tests.conftest import eventually

STEP = """
@activity
def draft_vote(log: str) -> int:
    effect(log, "draft")
    return 10
"""
FLOW = """
from jupyter_workflows import Escalation, Quorum

@workflow
async def voted_on(log: str) -> dict:
    amount = await draft_vote(log)
    answer = await human_approval(
        "{question}", assignee=["ada", "bob", "cyd"], editable={{"sum": amount}}, quorum=2, {more}
    )
    return {{"value": answer.value, "votes": [f"{{vote.by}} v{{vote.version}}" for vote in answer.votes]}}
"""


def asked(notebook: Any, more: str = "") -> Any:
    notebook.cell("draft_vote", STEP)
    notebook.cell("voted_on", FLOW.format(question="Pay?", more=more))
    run = notebook.start("voted_on", str(notebook.log))
    run.wait_for("approval", timeout=30)
    return run


def shown_again(run: Any) -> tuple[Any, Approval]:
    """Resumes a run from before its question, and gives it with the question as it is asked then."""
    resumed = run.resume(from_step="draft_vote-1")
    resumed.wait_for("approval", timeout=30)
    (approval,) = resumed.pending_approvals()
    return resumed, approval


def test_votes_handovers_questions_and_edits_count_where_the_same_is_asked(notebook):
    run = asked(notebook)
    run.delegate("dan", reviewer="cyd", comment="on leave")
    run.ask_author("In euro?", reviewer="ada")
    run.answer("Yes.")
    run.approve(reviewer="ada", comment="fine")
    before = run.approve(reviewer="bob", value={"sum": 7})
    kinds = [(act.kind, act.by) for act in run.plan_resume(from_step="draft_vote-1").plan.acts]
    assert kinds == [
        ("delegation", "cyd"),
        ("question", "ada"),
        ("answer", before.starter),
        ("decision", "ada"),
        ("decision", "bob"),
    ]
    for _ in range(2):
        run, after = shown_again(run)
        assert (after.version, after.editable, after.missing) == (2, {"sum": 7}, ["ada", "dan"])
        assert [(vote.by, vote.version) for vote in after.votes] == [("ada", 1), ("bob", 2)]
        assert [(each.by, each.to, each.comment) for each in after.delegations] == [("cyd", "dan", "on leave")]
        assert [(each.by, each.text, each.answer) for each in after.questions] == [("ada", "In euro?", "Yes.")]
        assert after.opened_at > before.opened_at
    run.approve(reviewer="dan")
    assert run.result(timeout=30) == {"value": {"sum": 7}, "votes": ["ada v1", "bob v2", "dan v2"]}
    assert notebook.effects() == ["draft"] * 3


def test_nobody_has_voted_on_what_was_not_asked(notebook):
    run = asked(notebook)
    run.delegate("dan", reviewer="cyd")
    run.approve(reviewer="ada")
    notebook.cell("voted_on", FLOW.format(question="Pay today?", more=""))
    resumed, approval = shown_again(run)
    assert (approval.votes, approval.delegations, approval.missing) == ([], [], ["ada", "bob", "cyd"])
    resumed.approve(reviewer="ada")
    resumed.approve(reviewer="cyd")
    assert resumed.result(timeout=30)["votes"] == ["ada v1", "cyd v1"]


def test_who_had_joined_after_a_time_has_joined_and_voted(notebook):
    run = asked(notebook, "escalate=Escalation(to='boss', after=timeout(seconds=1))")
    assert eventually(lambda: "boss" in run.pending_approvals()[0].asked, 30)
    run.approve(reviewer="boss")
    resumed, approval = shown_again(run)
    assert (approval.asked, approval.missing) == (["ada", "bob", "cyd", "boss"], ["ada", "bob", "cyd"])
    resumed.approve(reviewer="bob")
    assert resumed.result(timeout=30)["votes"] == ["boss v1", "bob v1"]


def vote(run: Any, approval: Approval, key: bytes, **changed: Any) -> Decision:
    now = datetime.now(UTC)
    fields = {
        "workflow_id": run.id, "run_id": run.run_id, "approval": approval.id, "content_hash": approval.content_hash,
        "verdict": "approve", "reviewer": "cyd", "issued_at": now, "expires_at": now + timedelta(minutes=10),
        "nonce": uuid.uuid4().hex,
    }  # fmt: skip
    return identity.sign(Decision.model_validate(fields | changed), key)


def refused(run: Any, approval: Approval, act: Decision) -> str:
    """Why an act said to be of an earlier execution is refused; history does not grow."""
    length = run.describe().history_events
    told = {"act": act.model_dump(mode="json"), "opened_at": approval.opened_at.isoformat()}
    handle = run.access.client.get_workflow_handle(run.id)
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        loop_thread().run(handle.execute_update(KEEP, told, id=uuid.uuid4().hex), timeout=30)
    assert run.describe().history_events == length
    return str(caught.value.cause)


def test_vote_that_was_not_given_is_not_kept(notebook):
    run = asked(notebook)
    key = identity.ensure_key(notebook.session.home.keys)
    (before,) = run.pending_approvals()
    given = vote(run, before, key, reviewer="ada")
    handle = run.access.client.get_workflow_handle(run.id)
    loop_thread().run(handle.execute_update("jupyter_workflows.decide", given, id=given.nonce), timeout=30)
    held_back = vote(run, before, key, reviewer="bob")
    resumed, approval = shown_again(run)
    assert [each.by for each in approval.votes] == ["ada"]
    queue = resumed.plan_resume(from_step="draft_vote-1").plan.queue

    assert "is not one that this run accepted before" in refused(resumed, before, held_back)
    assert "was recorded already: it counts once" in refused(resumed, before, given)
    forged = vote(run, before, bytes(32))
    workshop_in_force().keep(queue, run.id, [held_back.nonce, forged.nonce])
    assert "is not signed by a reviewer this worker knows" in refused(resumed, before, forged)
    changed = held_back.model_copy(update={"verdict": "reject"})
    assert "the signature does not fit the decision" in refused(resumed, before, changed)
    resumed.ask_author("Still?", reviewer="bob")
    assert "the decision from before comes too late" in refused(resumed, before, held_back)
    resumed.approve(reviewer="cyd")
    assert resumed.result(timeout=30)["votes"] == ["ada v1", "cyd v1"]
