"""Reminders and escalations: events of history that come when they are due, and stop when it is decided."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from temporalio.worker import Replayer

from jupyter_workflows.payloads import data_converter
from jupyter_workflows.plugin import EnginePlugin
from jupyter_workflows.worker import load_bundle

from .conftest import Engine, eventually

MODELS = "TOLD = []\n"
TELL = (
    "@activity\nasync def post(approval: Approval) -> None:\n    TOLD.append((approval.id, approval.asked))\n"
    "@activity(retry=RetryPolicy(max_attempts=1))\nasync def broken(approval) -> None:\n"
    "    raise ConnectionError(approval['message'])\n"
)
WAIT = (
    "@workflow\nasync def wait(hook: str, seconds: float) -> dict:\n"
    "    hooks = {'post': post, 'broken': broken}\n"
    "    answer = await human_approval('Pay?', assignee='ada', timeout=timedelta(seconds=seconds),\n"
    "        reminders=Reminders(every=timedelta(milliseconds=150), times=2, remind=hooks.get(hook)),\n"
    "        escalate=[Escalation(to=['dan', 'ADA'], after=timedelta(milliseconds=500)),\n"
    "                  Escalation(to='bob', after=timedelta(milliseconds=50))])\n"
    "    return {'yes': bool(answer), 'status': answer.status, 'by': answer.by}\n"
)


async def waiting(engine: Engine, hook: str = "", seconds: float = 60) -> Any:
    await engine.serve(WAIT, TELL, MODELS)
    return await engine.start("wait", hook, seconds)


async def test_others_may_decide_once_it_has_waited_and_it_is_brought_to_mind(engine: Engine) -> None:
    handle = await waiting(engine, "post")
    first = await engine.approval(handle)
    assert [step.to for step in first.escalations] == [["bob"], ["dan", "ADA"]]

    async def all_due() -> Any:
        shown = await engine.approval(handle)
        return shown if all(step.done for step in shown.escalations) and len(shown.reminded_at) == 2 else None

    shown = await eventually(all_due)
    assert shown.asked == ["ada", "bob", "dan"]
    assert shown.content_hash == first.content_hash
    told = sys.modules[f"{next(engine.root.glob('jw_*')).name}.models"].TOLD

    async def all_told() -> bool:
        return len(told) == 4

    # A decision would cut short what is still being told.
    await eventually(all_told)
    assert {len(asked) for _, asked in told} == {2, 3}
    await engine.decide(handle, first, reviewer="dan")
    result = await handle.result()
    assert (result["by"], result["yes"]) == ("dan", True)


@pytest.mark.parametrize("hook", ["", "broken"])
async def test_time_runs_out_whatever_came_before(engine: Engine, hook: str) -> None:
    handle = await waiting(engine, hook, 0.8)
    result = await handle.result()
    assert (result["status"], result["yes"]) == ("timed_out", False)


async def test_who_comes_too_early_is_refused(engine: Engine) -> None:
    await engine.serve(
        "@workflow\nasync def early() -> str:\n"
        "    later = Escalation(to='bob', after=timeout(hours=1))\n"
        "    return (await human_approval('?', assignee='ada', escalate=later, reminders=timeout(minutes=9))).by\n"
    )
    handle = await engine.start("early")
    approval = await engine.approval(handle)
    reason = await engine.refused(handle, "decide", engine.decision(approval, reviewer="bob"))
    assert "waits for ada, and bob is somebody else" in reason
    await engine.decide(handle, approval, reviewer="ada")
    assert await handle.result() == "ada"


async def test_a_wait_with_all_of_it_replays(engine: Engine) -> None:
    handle = await waiting(engine, "post", 0.8)
    await handle.result()
    bundle = load_bundle(next(engine.root.glob("jw_*")))
    await Replayer(
        workflows=bundle.workflow_classes,
        data_converter=data_converter(),
        plugins=[EnginePlugin(engine.root / "limits")],
    ).replay_workflow(await handle.fetch_history())


async def test_an_approval_left_open_by_continue_as_new_is_asked_anew(engine: Engine) -> None:
    await engine.serve(
        "@workflow\nasync def again(rounds: int = 0) -> str:\n"
        "    if rounds == 2:\n        return 'done'\n"
        "    task = asyncio.create_task(human_approval(f'Round {rounds}?', quorum=2))\n"
        "    if rounds == 1:\n        return (await task).message\n"
        "    await wait_for_signal('go')\n    continue_as_new(rounds + 1)\n"
    )
    handle = await engine.start("again", starter="sam")
    before = await engine.approval(handle)
    await engine.decide(handle, before, reviewer="ada")
    await handle.signal("go")
    newest = engine.client.get_workflow_handle(handle.id)

    async def asked_anew() -> Any:
        shown = await engine.approval(newest)
        return shown if shown.message == "Round 1?" else None

    after = await eventually(asked_anew)
    # The memo of the start goes on with the run, and nobody's vote does.
    assert (after.starter, after.votes) == ("sam", [])
    assert "for another run" in await engine.refused(newest, "decide", engine.decision(before, reviewer="bob"))
    for who in ("ada", "bob"):
        await engine.decide(newest, after, reviewer=who)
    assert await newest.result() == "Round 1?"
