"""Several reviewers: whose votes count, for which version, and what a timeout means with half of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jupyter_workflows.schema import Approval
from jupyter_workflows.security import identity

from .conftest import Engine, eventually

REVIEW = (
    "@workflow\nasync def review(assignees: list[str], rules: dict) -> dict:\n"
    "    answer = await human_approval('Pay?', assignee=assignees or None, editable={'sum': 10},\n"
    "        quorum=Quorum(**rules['quorum']) if 'quorum' in rules else None,\n"
    "        four_eyes=rules.get('four_eyes', False),\n"
    "        timeout=timedelta(seconds=rules['seconds']) if 'seconds' in rules else None,\n"
    "        on_timeout=rules.get('on_timeout', 'reject'))\n"
    "    if rules.get('hold'):\n        await wait_for_signal('end')\n"
    "    return {'yes': bool(answer), 'status': answer.status, 'by': answer.by, 'value': answer.value,\n"
    "        'votes': [f'{vote.by} {vote.verdict} v{vote.version}' for vote in answer.votes],\n"
    "        'edits': [edit.path for edit in answer.edits], 'objection': answer.objection}\n"
)
THREE = ["ada", "bob", "cyd"]


async def asked(engine: Engine, assignees: list[str], starter: str | None = None, **rules: Any) -> Any:
    if not engine.queue:
        await engine.serve(REVIEW)
    return await engine.start("review", assignees, rules, starter=starter)


VOTES = [
    # assignees, quorum, votes, status, whether further votes are needed
    (THREE, {"approvals": 2}, ["ada yes", "cyd yes"], "approved"),
    (THREE, {"approvals": 3}, ["ada yes", "cyd yes", "bob yes"], "approved"),
    (THREE, {"approvals": 2}, ["ada yes", "bob no"], "rejected"),
    (THREE, {"approvals": 2, "rejections": 2}, ["ada no", "bob yes", "cyd yes"], "approved"),
    (THREE, {"approvals": 1, "rejections": 2}, ["ada no", "bob no"], "rejected"),
    (THREE, {"approvals": 3, "rejections": 3}, ["ada no"], "rejected"),
    (THREE, {"approvals": 2, "rejections": 3}, ["ada no", "bob yes", "cyd no"], "rejected"),
    ([], {"approvals": 2}, ["eve yes", "kim yes"], "approved"),
    ([], {"approvals": 2, "rejections": 2}, ["eve no", "kim yes", "lea no"], "rejected"),
]


@pytest.mark.parametrize(("assignees", "quorum", "votes", "status"), VOTES)
async def test_votes_are_counted(
    engine: Engine, assignees: list[str], quorum: dict[str, int], votes: list[str], status: str
) -> None:
    handle = await asked(engine, assignees, quorum=quorum)
    approval = await engine.approval(handle)
    for number, vote in enumerate(votes):
        assert approval.status == "open"
        assert len(approval.votes) == number
        who, verdict = vote.split()
        await engine.decide(handle, approval, reviewer=who, verdict="approve" if verdict == "yes" else "reject")
        approval = await engine.approval(handle)
    result = await handle.result()
    assert (result["status"], result["yes"], len(result["votes"])) == (status, status == "approved", len(votes))
    assert result["by"] == votes[-1].split()[0]


async def test_what_a_voter_may_not_do_is_refused_with_who_and_why(engine: Engine) -> None:
    handle = await asked(engine, THREE, quorum={"approvals": 2, "rejections": 2})
    approval = await engine.approval(handle)
    assert approval.missing == THREE
    assert "waits for ada, bob and cyd, and eve is none of them" in await engine.refused(
        handle, "decide", engine.decision(approval, reviewer="eve")
    )
    first = engine.decision(approval, reviewer="ada", comment="fine")
    await handle.execute_update("jupyter_workflows.decide", first)
    assert (await engine.approval(handle)).missing == ["bob", "cyd"]
    assert "was recorded already: it counts once" in await engine.refused(handle, "decide", first)
    again = engine.decision(approval, reviewer="ADA", verdict="reject")
    assert "ada has approved human_approval-1 already, at 20" in await engine.refused(handle, "decide", again)
    rejecting = engine.decision(approval, reviewer="bob", verdict="reject", value={"sum": 1}, edited=True)
    assert "is one of several and can't change the value" in await engine.refused(handle, "decide", rejecting)
    await engine.decide(handle, approval, reviewer="bob")
    assert (await handle.result())["votes"] == ["ada approve v1", "bob approve v1"]


async def test_an_edit_makes_a_version_that_others_have_to_agree_to(engine: Engine) -> None:
    handle = await asked(engine, THREE, quorum={"approvals": 2})
    shown = await engine.approval(handle)
    await engine.decide(handle, shown, reviewer="ada")
    await engine.decide(handle, shown, reviewer="bob", value={"sum": 7}, edited=True, comment="7 will do")
    second = await engine.approval(handle)
    assert (second.version, second.editable, second.missing) == (2, {"sum": 7}, ["ada", "cyd"])
    assert [(vote.by, vote.version, [edit.path for edit in vote.edits]) for vote in second.votes] == [
        ("ada", 1, []),
        ("bob", 2, ["/sum"]),
    ]
    late = engine.decision(shown, reviewer="cyd")
    assert "has changed since it was shown (bob edited it: version 2)" in await engine.refused(handle, "decide", late)
    await engine.decide(handle, second, reviewer="ada", value={"sum": 8}, edited=True)
    third = await engine.approval(handle)
    assert (third.version, third.missing) == (3, ["bob", "cyd"])
    # The same value sent back is no edit.
    await engine.decide(handle, third, reviewer="bob", value={"sum": 8}, edited=True)
    result = await handle.result()
    assert (result["value"], result["edits"], result["by"]) == ({"sum": 8}, ["/sum"], "bob")
    assert result["votes"] == ["ada approve v1", "bob approve v2", "ada approve v3", "bob approve v3"]


@pytest.mark.parametrize("approvals", [2, 3])
async def test_of_fifty_votes_at_once_each_person_has_one(engine: Engine, approvals: int) -> None:
    handle = await asked(engine, [], quorum={"approvals": approvals}, hold=True)
    approval = await engine.approval(handle)
    voters = [f"reviewer-{number % 25}" for number in range(50)]
    gate = asyncio.Semaphore(10)

    async def vote(who: str) -> str:
        async with gate:
            try:
                await engine.decide(handle, approval, reviewer=who)
            except Exception as error:  # noqa: BLE001 - what refused it is asserted below
                return str(error.__cause__)
        return "taken"

    outcomes = await asyncio.gather(*map(vote, voters))
    assert outcomes.count("taken") == approvals
    assert all("already" in outcome for outcome in outcomes if outcome != "taken"), outcomes
    await handle.signal("end")
    result = await handle.result()
    taken = [voter for voter, outcome in zip(voters, outcomes, strict=True) if outcome == "taken"]
    assert sorted(vote.split()[0] for vote in result["votes"]) == sorted(set(taken))


@pytest.mark.parametrize(
    ("on_timeout", "votes", "yes", "objection"),
    [
        ("reject", ["approve"], False, None),
        ("approve", ["approve"], True, None),
        ("approve", ["reject"], False, "ada rejected it"),
    ],
)
async def test_time_is_over_with_half_a_quorum(
    engine: Engine, on_timeout: str, votes: list[str], yes: bool, objection: str | None
) -> None:
    handle = await asked(engine, THREE, quorum={"approvals": 2, "rejections": 2}, seconds=3, on_timeout=on_timeout)
    approval = await engine.approval(handle)
    for who, verdict in zip(THREE, votes, strict=False):
        edit = {"value": {"sum": 3}, "edited": True} if verdict == "approve" else {}
        await engine.decide(handle, approval, reviewer=who, verdict=verdict, **edit)
    result = await handle.result()
    assert (result["status"], result["yes"], result["objection"]) == ("timed_out", yes, objection)
    # One person's edit was never agreed to.
    assert (result["value"], result["edits"], len(result["votes"])) == ({"sum": 10}, [], 1)


async def test_whoever_started_the_run_may_reject_it_and_not_approve_it(engine: Engine) -> None:
    handle = await asked(engine, [], "Ada", four_eyes=True)
    approval = await engine.approval(handle)
    assert (approval.four_eyes, approval.starter) == (True, "Ada")
    assert "needs four eyes, and ada started the run: somebody else has to approve it" in await engine.refused(
        handle, "decide", engine.decision(approval)
    )
    await engine.decide(handle, approval, reviewer="bob")
    assert (await handle.result())["yes"]
    other = await asked(engine, [], "Ada", four_eyes=True)
    await engine.decide(other, await engine.approval(other), verdict="reject")
    assert not (await other.result())["yes"]


async def test_four_eyes_need_to_know_who_started_the_run(engine: Engine, tmp_path: Any) -> None:
    nameless = await asked(engine, [], four_eyes=True)
    with pytest.raises(Exception, match="failed") as caught:
        await nameless.result()
    assert "needs to know who started the run, and this run does not say" in str(caught.value.__cause__)
    stranger = identity.ensure_key(tmp_path / "stranger")
    statements = {
        "of another run": engine.statement("another", "review", "bob"),
        "of another workflow": engine.statement("forged", "gates", "bob"),
        "of a stranger": identity.sign(engine.statement("forged", "review", "bob"), stranger),
        "changed": engine.statement("forged", "review", "ada").model_copy(update={"starter": "bob"}),
    }
    for name, statement in statements.items():
        handle = await engine.client.start_workflow(
            "review",
            args=[[], {"four_eyes": True}],
            id="forged",
            task_queue=engine.queue,
            memo={"starter": statement.model_dump(mode="json")},
        )
        decision = engine.decision(await engine.approval(handle))
        refusal = await engine.refused(handle, "decide", decision)
        assert "who started the run is not proven" in refusal or "is of no key this worker knows" in refusal, name
        await handle.terminate("test")


async def test_a_child_run_knows_who_started_it_all(engine: Engine) -> None:
    await engine.serve(
        REVIEW + "@workflow\nasync def parent() -> dict:\n    return await review([], {'four_eyes': True})\n"
    )
    handle = await engine.start("parent", starter="ada")
    child = engine.client.get_workflow_handle(f"{handle.id}/review-1")

    async def opened() -> Approval | None:
        try:
            return await engine.approval(child)
        except Exception:  # noqa: BLE001 - the child run is not there yet
            return None

    approval = await eventually(opened)
    assert "ada started the run" in await engine.refused(child, "decide", engine.decision(approval))
    await engine.decide(child, approval, reviewer="bob")
    assert (await handle.result())["yes"]


BAD = [
    ("quorum=0", "JW470"),
    ("quorum=True", "JW470"),
    ("quorum=Quorum(approvals=2, rejections=0)", "JW470"),
    ("quorum=Quorum(aprovals=2)", "JW417.*did you mean approvals=?"),
    ("quorum=Quorum(2)", "JW415"),
    ("quorum=3, assignee=['ada', 'bob']", "JW470.*wants 3 approvals, and only 2 people are asked"),
    ("quorum=2, assignee='ada'", "JW470.*wants 2 approvals, and only 1 person is asked"),
    ("quorum=2, assignee=['ada', 'Ada']", "JW470"),
    ("quorum=Quorum(approvals=1, rejections=3), assignee=['ada', 'bob']", "JW470.*wants 3 rejections"),
    ("assignee=[]", "JW432"),
    ("assignee=['ada', '']", "JW432"),
    ("assignee={'ada'}", "JW432"),
    ("four_eyes=1", "JW471"),
    ("four_eyes=True, on_timeout='approve'", "JW471.*nobody's yes"),
    ("reminders=5", "JW401"),
    ("reminders=Reminders(every=timeout(hours=1), times=0)", "JW472"),
    ("reminders=Reminders(every=timeout(hours=1), remind=print)", "JW472.*takes an activity"),
    ("escalate='bob'", "JW473"),
    ("escalate=Escalation(to='bob', after=timeout(hours=1))", "JW473.*needs an assignee"),
    ("assignee='ada', escalate=Escalation(to=(), after=timeout(hours=1))", "JW432"),
]


@pytest.mark.parametrize(("arguments", "reason"), BAD)
def test_arguments_that_make_no_sense_are_refused(arguments: str, reason: str) -> None:
    from jupyter_workflows import Escalation, Quorum, Reminders, timeout
    from jupyter_workflows.authoring.reviewing import rules_of
    from jupyter_workflows.errors import AuthoringError

    def call(assignee: Any = None, on_timeout: str = "reject", four_eyes: Any = False, **others: Any) -> None:
        rules = {"quorum": None, "reminders": None, "escalate": None, **others}
        rules_of(assignee, on_timeout=on_timeout, four_eyes=four_eyes, **rules)

    names = {"Escalation": Escalation, "Quorum": Quorum, "Reminders": Reminders, "timeout": timeout, "call": call}
    with pytest.raises(AuthoringError, match=reason):
        eval(f"call({arguments})", dict(names))
