"""Runs that hang, were cancelled, or ended wrong; approvals; two people at once; a host and a server that die."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import pytest

from jupyter_workflows.errors import ResumeRefused
from tests.conftest import eventually

STEP = """
@activity(retry={retry})
def {name}(value: int, log: str) -> int:
    effect(log, "{name}")
    {body}
    return value + 1
"""
THREE = """
@workflow
async def flow(log: str) -> int:
    value = await one(0, log)
    value = await two(value, log)
    return await three(value, log)
"""


def step(notebook: Any, name: str, body: str = "pass", retry: str = "ONCE") -> None:
    notebook.cell(f"step-{name}", STEP.format(name=name, body=body, retry=retry))


def three(notebook: Any, bug: str, retry: str = "ONCE") -> Any:
    for name in ("one", "two", "three"):
        step(notebook, name, bug if name == "two" else "pass", retry if name == "two" else "ONCE")
    notebook.cell("flow", THREE)
    return notebook.start("flow", str(notebook.log))


FOREVER = "RetryPolicy(max_attempts=1000, initial_interval=timeout(seconds=60))"


def test_retrying_step_gets_the_new_code_without_losing_the_run(notebook):
    run = three(notebook, 'raise ValueError("bug")', FOREVER)
    assert eventually(lambda: any(found.status == "retrying" for found in run.steps()))
    step(notebook, "two", retry=FOREVER)
    planned = run.plan_resume().plan
    assert planned.mode == "live"
    fixed = run.resume()
    assert fixed.result(timeout=30) == 3
    assert fixed.run_id == run.run_id
    assert notebook.effects() == ["one", "two", "two", "three"]


def test_waiting_run_goes_on_with_the_new_code_from_now_on(notebook):
    step(notebook, "one")
    step(notebook, "two", 'raise ValueError("bug")')
    waits = "@workflow\nasync def flow(log: str) -> int:\n    value = await one(0, log)\n"
    waits += "    await wait_for_signal('go')\n    return await two(value, log)\n"
    notebook.cell("flow", waits)
    run = notebook.start("flow", str(notebook.log))
    run.wait_for("one-1", timeout=30)
    step(notebook, "two")
    run.resume()
    run.signal("go")
    assert run.result(timeout=30) == 2
    assert notebook.effects() == ["one", "two"]


def test_waiting_run_whose_code_disagrees_is_refused_and_left_alone(notebook):
    step(notebook, "one")
    step(notebook, "two")
    waits = "@workflow\nasync def flow(log: str) -> int:\n    value = await one(0, log)\n"
    waits += "    await wait_for_signal('go')\n    return await two(value, log)\n"
    notebook.cell("flow", waits)
    run = notebook.start("flow", str(notebook.log))
    run.wait_for("one-1", timeout=30)
    notebook.cell("flow", waits.replace("await one(", "await two("))
    with pytest.raises(ResumeRefused, match=r"from_step='one-1'"):
        run.resume()
    run.signal("go")
    assert run.result(timeout=30) == 2


def test_finished_run_is_done_again_from_a_step(notebook):
    run = three(notebook, "value += 100")
    assert run.result(timeout=30) == 103
    with pytest.raises(ResumeRefused, match="completed, so nothing says from where: name a step"):
        run.resume()
    step(notebook, "two")
    again = run.resume(from_step="two-1")
    assert again.result(timeout=30) == 3
    assert notebook.effects() == ["one", "two", "three", "two", "three"]
    listed = [found.run_id for found in notebook.executions(run.id)]
    assert listed == [again.run_id, again.snapshot().run.resumed.run_id]


def test_cancelled_run_goes_on_from_what_it_was_doing(notebook):
    run = three(notebook, "time.sleep(60)")
    assert eventually(lambda: "two" in notebook.effects())
    run.cancel()
    run.wait_for("cancelled", timeout=60)
    step(notebook, "two")
    assert run.resume().result(timeout=30) == 3
    assert notebook.effects() == ["one", "two", "two", "three"]


def test_result_and_input_are_replaced_and_recorded_as_such(notebook):
    run = three(notebook, BUG)
    run.wait_for("failed", timeout=30)
    step(notebook, "two")
    resumed = run.resume(results={"one-1": 41})
    assert resumed.result(timeout=30) == 43
    assert notebook.effects() == ["one", "two", "two", "three"]
    first = next(found for found in resumed.steps() if found.id == "one-1")
    assert first.output == 41
    assert first.kept.replaced_by
    assert "replace" in [found.name for found in resumed.steps() if found.kind == "signal"]

    again = resumed.resume(from_step="three-1", input_override=[7, str(notebook.log)])
    assert again.result(timeout=30) == 8
    assert again.snapshot().run.resumed.replaced == ["three-1"]


BUG = 'raise ValueError("bug")'


def test_two_who_resume_at_once_get_one_new_execution(notebook):
    run = three(notebook, BUG)
    run.wait_for("failed", timeout=30)
    step(notebook, "two", "time.sleep(0.5)")
    first, second = notebook.handle(run.id), notebook.handle(run.id)
    assert first.run_id == second.run_id
    resumed: list[Any] = []
    people = [
        threading.Thread(target=lambda handle=handle: resumed.append(handle.resume())) for handle in (first, second)
    ]
    for person in people:
        person.start()
    for person in people:
        person.join(60)
    assert len({found.run_id for found in resumed}) == 1
    assert resumed[0].result(timeout=30) == 3
    assert len(notebook.executions(run.id)) == 2
    assert notebook.effects() == ["one", "two", "two", "three"]


ASKS = """
@workflow
async def flow(log: str) -> int:
    value = await one(0, log)
    if not await human_approval(f"{question} {{value}}?"):
        return -1
    return await two(value, log)
"""


def asking(notebook: Any, bug: str = "pass") -> Any:
    step(notebook, "one")
    step(notebook, "two", bug)
    notebook.cell("flow", ASKS.format(question="Publish"))
    run = notebook.start("flow", str(notebook.log))
    run.wait_for("approval", timeout=30)
    return run


def test_open_approval_is_kept_and_can_be_decided_after(notebook):
    run = asking(notebook, BUG)
    (before,) = run.pending_approvals()
    step(notebook, "two")
    run.resume()
    (after,) = run.pending_approvals()
    assert (after.id, after.content_hash) == (before.id, before.content_hash)
    run.approve()
    assert run.result(timeout=30) == 2


def test_decision_before_the_failed_step_is_kept(notebook):
    run = asking(notebook, BUG)
    run.approve(comment="fine")
    run.wait_for("failed", timeout=30)
    step(notebook, "two")
    resumed = run.resume()
    assert resumed.result(timeout=30) == 2
    (approval,) = [found.approval for found in resumed.steps() if found.approval]
    assert (approval.status, approval.comment) == ("approved", "fine")


def test_decision_after_the_point_counts_where_the_same_is_asked(notebook):
    run = asking(notebook, BUG)
    run.approve(comment="fine")
    run.wait_for("failed", timeout=30)
    step(notebook, "one", "effect(log, 'anew')")
    step(notebook, "two")
    assert [found.approval for found in run.plan_resume(from_step="one-1").plan.acts] == ["human_approval-1"]
    resumed = run.resume(from_step="one-1")
    assert resumed.result(timeout=30) == 2
    (approval,) = [found.approval for found in resumed.steps() if found.approval]
    assert (approval.status, approval.comment) == ("approved", "fine")


def test_people_are_asked_again_where_something_else_is_asked(notebook):
    run = asking(notebook, BUG)
    run.approve()
    run.wait_for("failed", timeout=30)
    step(notebook, "one", "value += 10")
    step(notebook, "two")
    resumed = run.resume(from_step="one-1")
    resumed.wait_for("approval", timeout=30)
    (approval,) = resumed.pending_approvals()
    assert approval.message == "Publish 11?"
    resumed.approve()
    assert resumed.result(timeout=30) == 12


def test_changed_question_is_asked_again_before_what_was_approved_runs_again(notebook):
    run = asking(notebook, BUG)
    run.approve()
    run.wait_for("failed", timeout=30)
    step(notebook, "two")
    notebook.cell("flow", ASKS.format(question="Really publish"))
    resumed = run.resume()
    resumed.wait_for("approval", timeout=30)
    assert [found.message for found in resumed.pending_approvals()] == ["Really publish 1?"]
    resumed.approve()
    assert resumed.result(timeout=30) == 2


def test_changed_question_of_a_decision_long_made_is_found_and_the_approval_offered(notebook):
    step(notebook, "three", BUG)
    longer = ASKS.replace(
        "return await two(value, log)", "value = await two(value, log)\n    return await three(value, log)"
    )
    step(notebook, "one")
    step(notebook, "two")
    notebook.cell("flow", longer.format(question="Publish"))
    run = notebook.start("flow", str(notebook.log))
    run.wait_for("approval", timeout=30)
    run.approve()
    run.wait_for("failed", timeout=30)
    step(notebook, "three")
    notebook.cell("flow", longer.format(question="Really publish"))
    with pytest.raises(ResumeRefused, match="disagrees with what the run did") as caught:
        run.resume()
    assert caught.value.step == "two-1"
    resumed = run.resume(from_step=caught.value.step)
    resumed.wait_for("approval", timeout=30)
    assert notebook.effects() == ["one", "two", "three"]
    resumed.approve()
    assert resumed.result(timeout=30) == 3


def test_resumed_run_goes_on_after_its_host_and_the_whole_runtime_were_killed(own_notebook):
    notebook = own_notebook
    run = asking(notebook, BUG)
    step(notebook, "two")
    notebook.cell("flow", ASKS.format(question="Publish"))
    run.resume()
    runtime = notebook.session.runtime()
    status = runtime.status()
    os.kill(status.server_pid, signal.SIGKILL)
    for host in status.hosts:
        if host.pid:
            os.kill(host.pid, signal.SIGKILL)
    os.kill(status.supervisor_pid, signal.SIGKILL)
    assert eventually(lambda: status.supervisor_pid != runtime.status().supervisor_pid and runtime.is_connected, 60)
    handle = notebook.handle(run.id)
    assert eventually(handle.pending_approvals, 60)
    handle.approve()
    assert handle.result(timeout=60) == 2
    assert notebook.effects() == ["one", "two"]
