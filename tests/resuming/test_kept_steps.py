"""Executions whose history lacks the steps they keep, as those of long runs: told by a record, in the order of then."""

from __future__ import annotations

import json
import os
import signal
import uuid
from typing import Any

import pytest

from jupyter_workflows import get_run, replay
from jupyter_workflows.connection import loop_thread
from jupyter_workflows.errors import ReplayFailed
from jupyter_workflows.local.server import NAMESPACE
from jupyter_workflows.plugin.ancestry import ancestors
from jupyter_workflows.runs.audit.exporting import verify_file
from jupyter_workflows.runs.reading import RunReader
from jupyter_workflows.security import keyrings
from tests.conftest import eventually
from tests.resuming.conftest import tell_kept_steps


@pytest.fixture(autouse=True)
def long(monkeypatch):
    tell_kept_steps(monkeypatch)


STEPS = """
@activity(retry=ONCE)
def hop(branch: int, number: int) -> int:
    time.sleep(0.005 * ((branch * 7 + number * 5 + SEED) % 11))
    return branch * 100 + number

@activity(retry=ONCE)
def last(log: str, values: list[int]) -> int:
    effect(log, "last")
    BODY
    return sum(values)
"""
BUG = 'raise KeyError("no such column")'
# Which branch asks for the n-th hop depends on which of the earlier ones ended first.
RACE = """
@workflow
async def race(log: str) -> list[int]:
    order = []
    async def run(branch: int) -> None:
        for number in range(4):
            order.append(await hop(branch, number))
    await asyncio.gather(*(run(branch) for branch in range(5)))
    return [*order, await last(log, order)]
"""


def steps(notebook: Any, body: str = "pass", *, seed: int = 0) -> None:
    notebook.cell("steps", STEPS.replace("BODY", body).replace("SEED", str(seed)))


@pytest.mark.parametrize("seed", range(3))
def test_branches_that_race_are_told_in_the_order_of_then(notebook, seed):
    steps(notebook, BUG, seed=seed)
    notebook.cell("flow", RACE)
    run = notebook.start("race", str(notebook.log))
    run.wait_for("failed", timeout=60)
    before = {step.id: (step.input, step.output, step.finished_at) for step in run.steps() if step.name == "hop"}
    asked = next(step.input for step in run.steps() if step.name == "last")
    steps(notebook, seed=seed)
    planned = run.plan_resume().plan
    assert (planned.told_by, len(planned.kept)) == ("hop-1", 20)
    resumed = run.resume()
    assert resumed.result(timeout=60)[:-1] == asked[1]
    now = {step.id: (step.input, step.output, step.finished_at) for step in resumed.steps() if step.kept}
    assert now == before
    assert notebook.effects() == ["last", "last"]
    assert replay(resumed)


CHAIN = """
@activity(retry=ONCE)
def one(value: int) -> int:
    return value + 1

@activity(retry=RetryPolicy(max_attempts=TRIES))
def last(log: str, value: int) -> int:
    effect(log, "last")
    BODY
    return value

@activity(retry=ONCE)
def later(log: str, value: int) -> int:
    effect(log, "later")
    LATER
    return value

@workflow
async def chain(log: str, steps: int) -> int:
    value = 0
    for _ in range(steps):
        value = await one(value)
    return await later(log, await last(log, value))
"""


def chain(notebook: Any, body: str = "pass", later: str = "pass") -> None:
    tries = "1" if body == BUG else "2"
    notebook.cell("chain", CHAIN.replace("BODY", body).replace("LATER", later).replace("TRIES", tries))


def failed_chain(notebook: Any, count: int) -> Any:
    """A chain whose last step but one has failed; its cell is corrected by now, and the last step has a bug."""
    chain(notebook, BUG)
    run = notebook.start("chain", str(notebook.log), count)
    run.wait_for("failed", timeout=120)
    chain(notebook, later=BUG)
    return run


MAP = """
@workflow
async def many(log: str) -> int:
    return await last(log, sum(await parallel_map(one, list(range(1_200)), max_concurrent=200)))
"""


def test_execution_pauses_between_a_thousand_steps_and_shows_no_timer(notebook):
    chain(notebook, BUG)
    notebook.cell("many", MAP)
    run = notebook.start("many", str(notebook.log))
    run.wait_for("failed", timeout=120)
    chain(notebook)
    resumed = run.resume()
    assert resumed.result(timeout=60) == sum(range(1, 1_201))
    info = loop_thread().run(resumed.new_reader().describe()).workflow_execution_info
    assert info.history_length < 1_200, "the first 200 are asked for, a pause, and the last step"
    history = loop_thread().run(resumed.access.client.get_workflow_handle(run.id).fetch_history())
    assert sum(event.HasField("timer_fired_event_attributes") for event in history.events) == 1
    steps = resumed.steps()
    assert [step.id for step in steps] == [*(f"one-{n}" for n in range(1, 1_201)), "last-1"]
    assert [step.output for step in steps[:-1]] == list(range(1, 1_201))
    assert all(step.kept for step in steps[:-1])


def test_later_failure_goes_on_from_there_and_an_earlier_step_from_the_record(notebook):
    run = failed_chain(notebook, 8).resume()
    run.wait_for("failed", timeout=60)
    chain(notebook)
    planned = run.plan_resume().plan
    assert planned.from_step == "later-1"
    assert len(planned.kept) == 9
    assert run.plan_resume("one-1").plan.told_by == "", "nothing is left to be told of"

    middle = run.plan_resume("one-5").plan
    assert [step.id for step in middle.kept] == [f"one-{n}" for n in range(1, 5)]
    assert [step.id for step in middle.twice] == [*(f"one-{n}" for n in range(5, 9)), "last-1"]
    resumed = run.resume("one-5")
    assert resumed.result(timeout=60) == 8
    assert [step.id for step in resumed.steps() if step.kept] == [f"one-{n}" for n in range(1, 5)]
    assert notebook.effects() == ["last", "last", "later", "last", "later"]
    assert replay(resumed)


def test_fork_of_it_takes_the_steps_it_was_told_of(notebook):
    run = failed_chain(notebook, 5).resume()
    run.wait_for("failed", timeout=60)
    chain(notebook)
    fork = run.fork()
    assert fork.result(timeout=60) == 5
    assert [step.id for step in fork.steps() if step.kept] == [*(f"one-{n}" for n in range(1, 6)), "last-1"]
    assert notebook.effects() == ["last", "last", "later", "later"]


BESIDE = """
@activity(retry=ONCE)
def slow(log: str) -> str:
    effect(log, "slow")
    time.sleep(1.5)
    return "slow"

@workflow
async def beside(log: str) -> tuple[int, str]:
    async def quick() -> int:
        value = 0
        for _ in range(6):
            value = await one(value)
        return await last(log, value)
    async def more() -> str:
        found = await slow(log)
        return found + str(await one(100))
    value, text = await asyncio.gather(quick(), more(), return_exceptions=True)
    return value if isinstance(value, int) else await last(log, 0), text
"""


def test_what_ran_beside_comes_after_the_kept_steps_and_is_not_done_again(notebook):
    chain(notebook, BUG)
    notebook.cell("flow", BESIDE)
    run = notebook.start("beside", str(notebook.log))
    run.wait_for("failed", timeout=60)
    assert notebook.effects() == ["slow", "last", "last"]
    chain(notebook)
    planned = run.plan_resume("last-1").plan
    assert planned.told_by == "one-1"
    assert {step.id for step in planned.kept} == {"slow-1", *(f"one-{n}" for n in range(1, 7))}
    resumed = run.resume("last-1")
    assert resumed.result(timeout=60) == (6, "slow101")
    assert notebook.effects() == ["slow", "last", "last", "last"]


OTHERWISE = {
    "a clock": "    from temporalio import workflow as temporal\n    started = temporal.now()\n",
    "the length of its history": "    is_long()\n",
    "the clock of the loop": "    asyncio.get_running_loop().time()\n",
    "a timer": "    await sleep(timeout(seconds=0.01))\n",
    "a signal's value": "    await wait_for_signal('go')\n",
    "a large value": "    await asyncio.gather(large())\n",
    "an undo": "    await book()\n",
    "a caught failure": "    try:\n        await broken()\n    except KeyError:\n        pass\n",
}
MORE = """
from jupyter_workflows import history_is_long as is_long

@activity
def large() -> str:
    return "x" * 100_000

@activity
def give_back() -> None:
    pass

@activity(compensate=give_back)
def book() -> int:
    return 1

@activity(retry=ONCE)
def broken() -> int:
    raise KeyError("gone")
"""


@pytest.mark.parametrize("what", OTHERWISE)
def test_execution_of_more_than_plain_steps_keeps_its_history(notebook, what):
    chain(notebook, BUG)
    notebook.cell("more", MORE)
    flow = (
        f"@workflow(partial=True)\nasync def flow(log: str) -> int:\n{OTHERWISE[what]}"
        "    return await last(log, await one(1))\n"
    )
    notebook.cell("flow", flow)
    run = notebook.start("flow", str(notebook.log))
    if "signal" in what:
        run.signal("go", True)
    run.wait_for("failed", timeout=60)
    chain(notebook)
    assert run.plan_resume().plan.reset_to == 0
    assert run.resume().result(timeout=60) == 2


def test_values_of_kept_steps_are_encrypted_on_the_way_and_shown(own_home, own_notebook):
    keyrings.turn_on(own_home.keys, NAMESPACE)
    run = failed_chain(own_notebook, 120)
    resumed = run.resume()
    resumed.wait_for("failed", timeout=60)
    live = RunReader(resumed.access, resumed.id, bare=True)
    for found in (resumed.steps(), loop_thread().run(live.snapshot()).steps):
        assert sum(step.kept is not None for step in found) == 120
    assert [step.output for step in resumed.steps()][:120] == list(range(1, 121))


def test_execution_is_told_once_more_after_its_host_was_killed(own_notebook):
    run = failed_chain(own_notebook, 30)
    chain(own_notebook, "time.sleep(3)")
    resumed = run.resume()
    assert eventually(lambda: len(own_notebook.effects()) == 2)
    for host in own_notebook.session.runtime().status().hosts:
        os.kill(host.pid, signal.SIGKILL)
    assert resumed.result(timeout=60) == 30
    assert own_notebook.effects() == ["last", "last", "last", "later"]


def test_its_file_and_its_audit_tell_of_the_kept_steps(notebook, tmp_path):
    run = failed_chain(notebook, 100).resume()
    run.wait_for("failed", timeout=60)
    chain(notebook)
    done = run.resume()
    assert done.result(timeout=60) == 100
    with pytest.raises(ReplayFailed, match=r"did not ask for one-3: .* get_run\('chain-.*\.at\('one-3'\)"):
        done.at("one-3")
    assert done.at("later-1")["value"] == 100
    executions = notebook.executions(run.id)
    assert get_run(run.id, run_id=executions[-1].run_id).at("one-3")["value"] == 2

    file = tmp_path / "audit.jsonl"
    done.audit(file)
    verdict = verify_file(file, notebook.session.home.keys)
    assert (verdict.problems, verdict.holds) == ([], True)
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    told = [entry["body"].get("id") for entry in entries if entry["type"] in ("execution", "step")]
    ones = [f"one-{n}" for n in range(1, 101)]
    assert told == [None, *ones, "last-1", None, "last-1", "later-1", None, "later-1"], "each step where it ran"


def test_what_temporal_has_forgotten_leaves_nothing_and_stops_nobody(notebook):
    run = failed_chain(notebook, 5).resume()
    run.wait_for("failed", timeout=60)
    newest, before = (found.run_id for found in notebook.executions(run.id))

    def known(run_id: str) -> list[str]:
        found = loop_thread().run(ancestors(run.access.client, run.id, run_id, None))
        return [ancestor.run_id for ancestor in found]

    assert known(newest) == [before]
    assert known(str(uuid.uuid4())) == []
