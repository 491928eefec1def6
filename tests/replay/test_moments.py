"""The variables at a step, and what would be next had a step ended otherwise."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory

from jupyter_workflows.authoring.bundles import LoadedBundle
from jupyter_workflows.errors import ReplayFailed
from jupyter_workflows.replay.alternatives import Instead
from jupyter_workflows.replay.moments import Moment, at
from jupyter_workflows.replay.whatif import WhatIf, what_if
from jupyter_workflows.worker import load_bundle

from ..authoring.conftest import Engine, eventually, write_bundle

MODELS = """
from pydantic import BaseModel

class Page(BaseModel):
    number: int
    words: list[str]
"""
STEPS = """
@activity
async def read(number: int) -> Page:
    return Page(number=number, words=["a"] * number)

@activity
async def rate(page: Page) -> float:
    return page.number / 10

@activity
async def publish(page: Page) -> str:
    return "published"

@activity(retry=RetryPolicy(max_attempts=1))
async def file_away(page: Page) -> str:
    return "filed"
"""
FLOW = """
class Judge:
    @staticmethod
    async def judged(page: Page) -> float:
        doubled = page.number * 2
        return await rate(page) * doubled

@workflow
async def child(page: Page) -> str:
    return await publish(page)

@workflow
async def flow(number: int) -> dict:
    page = await read(number)
    lock = asyncio.Lock()
    score = await Judge.judged(page)
    page.words.append("end")
    if score > 50:
        return {"by": "nobody"}
    await sleep(timedelta(milliseconds=10))
    approval = await human_approval("Publish?", editable={"title": "A"})
    if not approval:
        return {"by": approval.by, "outcome": await file_away(page)}
    try:
        outcome = await child(page)
    except Exception as error:
        outcome = await file_away(page)
    several = await asyncio.gather(*(rate(page) for _ in range(2)))
    return {"outcome": outcome, "title": approval.value["title"]}
"""


class Case:
    """A recorded run with its code."""

    history: WorkflowHistory
    open: WorkflowHistory
    bundle: LoadedBundle


@pytest.fixture
async def case(engine: Engine, tmp_path: Path) -> Case:
    await engine.serve(FLOW, STEPS, MODELS)
    handle = await engine.start("flow", 3)
    approval = await engine.approval(handle)
    found = Case()
    found.open = await handle.fetch_history()
    await engine.decide(handle, approval)
    await handle.result()
    found.history = await handle.fetch_history()
    (tmp_path / "own").mkdir()
    found.bundle = load_bundle(write_bundle(tmp_path / "own", FLOW, STEPS, MODELS))
    return found


async def test_variables_are_live_objects(case: Case):
    moment = await at(case.history, case.bundle, "human_approval-1")
    assert moment["number"] == 3
    assert moment["page"].words == ["a", "a", "a", "end"]
    assert type(moment["page"]).__name__ == "Page"
    assert moment["score"] == pytest.approx(1.8)
    assert moment.location
    assert "human_approval" in (moment.location.source_line or "")
    assert moment.scopes[0].function == "flow"


async def test_variables_are_those_of_that_moment(case: Case):
    before = await at(case.history, case.bundle, "rate-1")
    assert [scope.function for scope in before.scopes] == ["judged", "flow"]
    assert dict(before) == {"page": before["page"], "doubled": 6}
    assert before["page"].words == ["a", "a", "a"]
    assert before.scopes[1].variables["page"] is not before["page"]
    assert "score" not in before.scopes[1].variables
    assert before["number"] == 3


async def test_what_cannot_be_copied_is_named(case: Case):
    moment = await at(case.history, case.bundle, "sleep-1")
    text = repr(moment)
    assert "score = 1.79" in text
    if "lock" in moment.scopes[0].left_out:
        assert "lock: not copied, a Lock" in text
        with pytest.raises(KeyError, match="can't be copied"):
            moment["lock"]


@pytest.mark.parametrize("step", ["child-1", "rate-2", "rate-3"])
async def test_steps_of_gather_and_children_have_their_place(case: Case, step: str):
    moment = await at(case.history, case.bundle, step)
    assert moment["approval"].approved
    assert ("outcome" in moment) == step.startswith("rate")


@pytest.mark.parametrize(
    ("step", "message"),
    [("rate-9", "has no step 'rate-9': it has read-1, rate-1, "), ("", "has no step ''")],
)
async def test_an_unknown_step_is_refused(case: Case, step: str, message: str):
    with pytest.raises(ReplayFailed, match=message):
        await at(case.history, case.bundle, step)


async def test_code_that_does_not_come_there_is_refused(case: Case, tmp_path: Path):
    (tmp_path / "other").mkdir()
    changed = FLOW.replace("score = await Judge.judged(page)", "score = len(await publish(page))")
    bundle = load_bundle(write_bundle(tmp_path / "other", changed, STEPS, MODELS))
    with pytest.raises(ReplayFailed, match=r"doesn't come to rate-2: cell \[3\] line \d+: the run went on with rate-1"):
        await at(case.history, bundle, "rate-2")
    with pytest.raises(ReplayFailed, match=r"doesn't come to rate-2: cell \[3\]"):
        await what_if(case.history, bundle, "rate-2", Instead(result=1.0))


def would(found: WhatIf) -> list[str]:
    return [item.step or item.words for item in found.next]


WHAT_IFS = [
    ("rate-1", Instead(result=0.1), ["a wait of 0.01 s"], False),
    ("rate-1", Instead(result=900.0), ["the end of the run"], True),
    ("rate-1", Instead(raises=ValueError("no")), ["raises StepFailed: no"], True),
    ("read-1", Instead(result={"number": 9, "words": []}), ["rate-1"], False),
    ("human_approval-1", Instead(approved=False), ["file_away-1"], True),
    ("human_approval-1", Instead(approved=True, value={"title": "B"}), ["child-1"], False),
    ("child-1", Instead(raises=RuntimeError("broken")), ["file_away-1"], True),
    ("child-1", Instead(result="x"), ["rate-2", "rate-3"], False),
    ("the last of rate-2 and rate-3", Instead(result=0.0), ["the end of the run"], False),
]


def last_of(case: Case, *steps: str) -> str:
    """Which of some steps that ran side by side ended last."""
    scheduled = {
        event.event_id: event.activity_task_scheduled_event_attributes.activity_id for event in case.history.events
    }
    ended = [
        scheduled[event.activity_task_completed_event_attributes.scheduled_event_id]
        for event in case.history.events
        if event.HasField("activity_task_completed_event_attributes")
    ]
    return max(steps, key=ended.index)


@pytest.mark.parametrize(("step", "instead", "steps", "differs"), WHAT_IFS)
async def test_what_would_be_next(case: Case, step: str, instead: Instead, steps: list[str], differs: bool):
    before = [event.SerializeToString() for event in case.history.events]
    step = last_of(case, "rate-2", "rate-3") if step.startswith("the last") else step
    found = await what_if(case.history, case.bundle, step, instead)
    assert would(found) == steps
    assert found.differs == differs
    assert [event.SerializeToString() for event in case.history.events] == before


async def test_what_would_be_next_has_values_and_lines(case: Case):
    found = await what_if(case.history, case.bundle, "read-1", Instead(result={"number": 9, "words": []}))
    (rated,) = found.next
    assert rated.input == [{"number": 9, "words": []}]
    assert rated.location
    assert "await rate(page)" in (rated.location.source_line or "")
    ended = await what_if(case.history, case.bundle, "rate-1", Instead(result=900.0))
    assert ended.next[0].output == {"by": "nobody"}
    assert repr(ended).startswith("after rate-1: the end of the run (cell [3] line")


async def test_an_open_step_can_end_in_thought(engine: Engine, tmp_path: Path):
    source = FLOW.replace("await rate(page) * doubled", "await stays(page) * doubled")
    steps = STEPS + "\n@activity\nasync def stays(page: Page) -> float:\n    await asyncio.sleep(600)\n    return 1.0\n"
    await engine.serve(source, steps, MODELS)
    handle = await engine.start("flow", 3)

    async def waits() -> Any:
        history = await handle.fetch_history()
        ids = [event.activity_task_scheduled_event_attributes.activity_id for event in history.events]
        return history if "stays-1" in ids else None

    history = await eventually(waits)
    await handle.terminate()
    (tmp_path / "own").mkdir()
    bundle = load_bundle(write_bundle(tmp_path / "own", source, steps, MODELS))
    assert would(await what_if(history, bundle, "stays-1", Instead(result=0.5))) == ["a wait of 0.01 s"]
    assert would(await what_if(history, bundle, "stays-1", Instead(result=500.0))) == ["the end of the run"]
    failed = await what_if(history, bundle, "stays-1", Instead(raises=OSError("gone")))
    assert would(failed) == ["raises StepFailed: gone"]


@pytest.mark.parametrize(
    ("step", "instead", "message"),
    [
        ("rate-1", Instead(), "say result= or raises="),
        ("rate-1", Instead(approved=True), "say result= or raises="),
        ("human_approval-1", Instead(result=1), "is an approval: say approved="),
        ("sleep-1", Instead(result=1), "it has no result that could be another"),
    ],
)
async def test_an_outcome_that_a_step_cannot_have_is_refused(case: Case, step: str, instead: Instead, message: str):
    with pytest.raises(ReplayFailed, match=message):
        await what_if(case.history, case.bundle, step, instead)


async def test_an_undecided_approval_has_no_decision(case: Case):
    with pytest.raises(ReplayFailed, match="nobody has decided human_approval-1"):
        await what_if(case.open, case.bundle, "human_approval-1", Instead(approved=True))


async def test_moments_are_taken_side_by_side(case: Case):
    steps = ["read-1", "rate-1", "sleep-1", "human_approval-1"]
    moments: list[Moment] = await asyncio.gather(*(at(case.history, case.bundle, step) for step in steps))
    assert [moment.step for moment in moments] == steps
    assert ["score" in moment for moment in moments] == [False, False, True, True]
