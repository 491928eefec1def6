"""What model calls took: on the step, summed on the run, bounded by a budget."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from jupyter_workflows import Budget, ai, timeout
from jupyter_workflows.ai.prices import PRICES
from jupyter_workflows.errors import AuthoringError, ModelCallFailed
from jupyter_workflows.runs.history import steps
from jupyter_workflows.runs.reading import Snapshot
from jupyter_workflows.runs.static_html import render_run
from jupyter_workflows.runs.text import run_text
from jupyter_workflows.runs.values import Values
from jupyter_workflows.schema import Run, Usage
from jupyter_workflows.testing import ModelServer
from tests.authoring.conftest import Engine

HEAD = "from jupyter_workflows import ai\n"
TABLE = {"big-*": {"input": 2, "output": 6}, "*": {"input": 1, "output": 3}}


async def snapshot_of(engine: Engine, handle: Any) -> Snapshot:
    events = [event async for event in handle.fetch_history_events()]
    now = datetime.now(UTC)
    run = Run(id=handle.id, run_id="r", workflow="talk", status="completed", started_at=now, closed_at=now)
    return Snapshot(run=run, steps=steps(events, decode=Values(engine.client.data_converter)))


async def test_cost_is_that_of_the_first_price_that_fits(
    models: ModelServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    models.reply("a b c d", input_tokens=1000)
    assert (await ai.chat("Go", model="big-1")).usage.cost is None
    monkeypatch.setenv(PRICES, json.dumps(TABLE))
    for model, cost in (("big-1", (1000 * 2 + 4 * 6) / 1e6), ("small", (1000 + 4 * 3) / 1e6)):
        models.reply("a b c d", input_tokens=1000)
        assert (await ai.chat("Go", model=model)).usage.cost == pytest.approx(cost)
    (tmp_path / "prices.json").write_text(json.dumps({"ocr-*": {"page": 5}}))
    monkeypatch.setenv(PRICES, str(tmp_path / "prices.json"))
    assert (await ai.ocr(b"%PDF-", model="ocr-1")).usage.cost == pytest.approx(0.005)
    unpriced = (await ai.chat("Go", model="small")).usage
    assert (unpriced.cost, unpriced.unpriced_calls) == (None, 1)
    monkeypatch.setenv(PRICES, "{broken")
    with pytest.raises(ModelCallFailed, match="JUPYTER_WORKFLOWS_MODEL_PRICES can't be read"):
        await ai.chat("Go")


def test_usages_add_up() -> None:
    one = Usage(calls=1, input_tokens=10, output_tokens=2, seconds=0.5, cost=0.25)
    two = Usage(calls=1, input_tokens=1, pages=3, unpriced_calls=1, estimated=True)
    assert one + two == Usage(
        calls=2, input_tokens=11, output_tokens=2, pages=3, seconds=0.5, cost=0.25, unpriced_calls=1, estimated=True
    )


async def test_usage_stands_on_the_step_and_is_summed_on_the_run(
    engine: Engine, models: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PRICES, json.dumps({"*": {"input": 1_000_000, "output": 0}}))
    for _ in range(3):
        models.reply("one two", input_tokens=2)
    await engine.serve(
        HEAD + "@workflow\nasync def talk() -> int:\n    await ai.chat('Go')\n    return await twice()",
        HEAD + "@activity\nasync def twice() -> int:\n"
        "    await ai.chat('One')\n    await ai.chat('Two')\n    return 7\n",
    )
    handle = await engine.start("talk")
    assert await handle.result() == 7
    snapshot = await snapshot_of(engine, handle)
    assert [(step.id, step.usage and (step.usage.calls, step.usage.input_tokens)) for step in snapshot.steps] == [
        ("ai.chat-1", (1, 2)),
        ("twice-1", (2, 4)),
    ]
    assert (snapshot.usage.calls, snapshot.usage.output_tokens, snapshot.usage.cost) == (3, 6, 6.0)
    assert "12 tokens, cost 6" in run_text(snapshot).splitlines()[0]
    assert "8 tokens, cost 4" in run_text(snapshot)
    page = render_run(snapshot)
    assert "12 tokens, cost 6" in page
    assert "8 tokens, cost 4" in page


async def test_a_spent_budget_asks_once_and_goes_on_when_allowed(engine: Engine, models: ModelServer) -> None:
    await engine.serve(
        HEAD + "@workflow(budget=Budget(tokens=20, assignee='ada'))\nasync def talk() -> int:\n"
        "    await ai.chat('a b c d e f g h i j')\n"
        "    answers = await asyncio.gather(*(ai.chat(f'{n}') for n in range(3)))\n"
        "    return len(answers)"
    )
    handle = await engine.start("talk")
    approval = await engine.approval(handle)
    assert approval.message.startswith("The run has spent its budget: 22 of 20 tokens, in 1 calls of models.")
    assert models.count == 1
    await engine.decide(handle, approval)
    assert await handle.result() == 3
    snapshot = await snapshot_of(engine, handle)
    assert [step.id for step in snapshot.steps if step.kind == "approval"] == ["human_approval-1"]


async def test_a_budget_that_is_not_extended_ends_the_run_with_what_was_spent(
    engine: Engine, models: ModelServer
) -> None:
    await engine.serve(
        HEAD + "@workflow(budget=Budget(cost=1))\nasync def talk() -> int:\n"
        "    await ai.chat('a')\n    await ai.chat('b')\n    return 1"
    )
    handle = await engine.start("talk")
    approval = await engine.approval(handle)
    assert "1 calls whose cost is not known" in approval.message
    await engine.decide(handle, approval, verdict="reject")
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert "ada did not allow more: give @workflow a larger budget=" in str(caught.value.cause)
    assert models.count == 1


def test_a_budget_may_bound_time() -> None:
    budget = Budget(time=timeout(minutes=1))
    assert budget.reached(Usage(calls=1, seconds=59), 1) is None
    assert budget.reached(Usage(calls=1, seconds=61), 1) == "61 of 60 seconds of models at work"
    assert budget.reached(Usage(calls=1, seconds=61), 2) is None


@pytest.mark.parametrize("options", [{}, {"cost": 0}, {"tokens": "many"}, {"cost": True}, {"time": 60}])
def test_a_budget_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(AuthoringError):
        Budget(**options)
