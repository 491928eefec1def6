"""The handle of a run: results, waits, the end of runs, and what it says when something can't be."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import PauseWorkflowExecutionRequest, ResetWorkflowExecutionRequest

from jupyter_workflows.connection import loop_thread
from jupyter_workflows.errors import (
    JupyterWorkflowsError,
    PayloadError,
    ResultNotReady,
    ResumeRefused,
    RunAlreadyExists,
    RunNotFound,
    WorkflowCancelled,
    WorkflowFailed,
    WorkflowTerminated,
    WorkflowTimedOut,
)
from jupyter_workflows.runs.client import get_run
from jupyter_workflows.runs.handle import Run

from .conftest import Engine, eventually


def types_of(engine: Engine) -> Any:
    import importlib

    return importlib.import_module(f"jw_{engine.digest[:16]}.models")


def test_a_result_has_the_annotated_type(scenes: Engine) -> None:
    types = types_of(scenes)
    receipt = scenes.run("buy", types.Order(item="pen", count=4), result_type=types.Receipt)
    assert receipt == types.Receipt(order=types.Order(item="pen", count=4), price=10.0)


def test_an_attached_run_gives_plain_json(scenes: Engine) -> None:
    run = scenes.start("buy", {"item": "pen"})
    attached = get_run(scenes.client, run.id, home=scenes.home)
    assert attached.result(timeout=20) == {"order": {"item": "pen", "count": 1}, "price": 2.5}
    assert attached == run
    assert attached.run_id == run.run_id


def test_a_result_of_another_type_is_said_so(scenes: Engine) -> None:
    with pytest.raises(PayloadError, match=r"the result of run untyped-\w+ can't be read as Receipt"):
        scenes.run("untyped", 1, result_type=types_of(scenes).Receipt)


def test_no_result_is_none(scenes: Engine) -> None:
    assert scenes.run("nothing") is None


def test_a_wait_that_is_over_says_what_the_run_is_doing(scenes: Engine) -> None:
    run = scenes.start("works_long", 60.0)
    eventually(lambda: run.steps() and run.steps()[0].status == "running")
    with pytest.raises(ResultNotReady, match=r"did not get there within 0\.05 s: step long_work-1 running since \d+ s"):
        run.result(timeout=timedelta(milliseconds=50))
    with pytest.raises(TimeoutError):
        run.result(timeout=0)
    assert run.status == "running"
    (step,) = run.steps()
    assert step.heartbeat == {"page": 17, "of": 40}
    assert (step.attempt, step.attempts[0].worker) == (1, "test-worker")
    run.terminate("tidy up")


def test_a_wait_for_an_approval_names_the_approval(scenes: Engine) -> None:
    run = scenes.start("asks_three_at_once")
    run.wait_for("approval", timeout=20)
    with pytest.raises(
        ResultNotReady, match=r": it waits for approval human_approval-1 of ada since \d+ s and 2 more$"
    ):
        run.result(timeout=0.05)
    run.terminate()


@pytest.mark.parametrize("timeout", [-1, "5", float("nan")])
def test_a_wait_that_makes_no_sense_is_refused(scenes: Engine, timeout: Any) -> None:
    run = scenes.start("nothing")
    with pytest.raises(JupyterWorkflowsError, match="give seconds, a timedelta, or nothing"):
        run.result(timeout=timeout)


def test_a_retrying_step_says_why_and_when(scenes: Engine) -> None:
    run = scenes.start("waits_for_retry", 1)
    step = eventually(lambda: next((step for step in run.steps() if step.status == "retrying"), None))
    assert step.failure.message == "not yet"
    assert step.failure.location.cell_number == 2
    assert [attempt.status for attempt in step.attempts] == ["failed"]
    assert 200 < (step.due_at - step.scheduled_at).total_seconds() < 400
    with pytest.raises(ResultNotReady, match=r"step patient-1 tried again in 4 min after ValueError: not yet \(cell"):
        run.result(timeout=0)
    run.terminate()


def test_a_timed_out_step_is_named(scenes: Engine) -> None:
    with pytest.raises(WorkflowFailed) as caught:
        scenes.run("times_out")
    assert str(caught.value) == (
        "step too_slow-1 failed after 2 attempts: TimeoutError: the attempt took longer than its timeout"
    )


def test_an_exception_raised_over_a_failed_step_names_both(scenes: Engine) -> None:
    with pytest.raises(WorkflowFailed) as caught:
        scenes.run("recovers")
    message = str(caught.value)
    assert message.startswith("run recovers-")
    assert "failed: KeyError: 'the order is gone' (cell [3] line" in message
    assert "; before that, step too_slow-1 failed" in message
    assert caught.value.step == "too_slow-1"


def test_an_exception_of_the_workflow_itself_names_cell_and_line(scenes: Engine) -> None:
    with pytest.raises(WorkflowFailed) as caught:
        scenes.run("breaks", 7)
    assert "IndexError: list index out of range (cell [3] line" in str(caught.value)
    assert caught.value.location is not None
    assert caught.value.location.source_line == "    return numbers[value]"


def test_cancel_ends_the_run_and_waits_for_nothing(scenes: Engine) -> None:
    run = scenes.start("works_long", 60.0)
    eventually(lambda: run.steps() and run.steps()[0].status == "running")
    begun = time.monotonic()
    run.cancel()
    assert time.monotonic() - begun < 10
    with pytest.raises(WorkflowCancelled, match=f"run {run.id} was cancelled"):
        run.result(timeout=20)
    assert run.steps()[0].status == "cancelled"
    with pytest.raises(JupyterWorkflowsError, match=r"has ended \(cancelled\): there is nothing to cancel"):
        run.cancel()


def test_terminate_gives_its_reason(scenes: Engine) -> None:
    run = scenes.start("bounded")
    run.terminate("wrong input")
    with pytest.raises(WorkflowTerminated, match="was terminated: wrong input"):
        run.result(timeout=20)
    for verb, act in (("terminate", run.terminate), ("signal", lambda: run.signal("x"))):
        with pytest.raises(JupyterWorkflowsError, match=rf"has ended \(terminated\): there is nothing to {verb}"):
            act()


def test_the_time_of_a_run_can_be_over(scenes: Engine) -> None:
    run = scenes.start("bounded", timeout=timedelta(seconds=1))
    with pytest.raises(WorkflowTimedOut, match="the time of run bounded-"):
        run.result(timeout=20)
    assert run.status == "timed_out"


def test_signals_and_queries_reach_the_code(scenes: Engine) -> None:
    run = scenes.start("tells")
    assert eventually(lambda: run.query("progress")) == {"page": 3}
    with pytest.raises(JupyterWorkflowsError, match=r"does not answer 'pace'.*it has set: progress"):
        run.query("pace")
    run.signal("go", {"fast": True})
    assert run.result(timeout=20) == "went"
    assert [(step.id, step.kind, step.input) for step in run.steps()] == [("go-1", "signal", [{"fast": True}])]


def test_an_unknown_run_is_said_so_by_everything(scenes: Engine) -> None:
    with pytest.raises(RunNotFound, match="knows no run 'no-such-run'"):
        get_run(scenes.client, "no-such-run")
    run = Run[Any](scenes.access, "no-such-run")
    acts = [
        lambda: run.status,
        lambda: run.run_id,
        lambda: run.url,
        run.steps,
        run.result,
        run.pending_approvals,
        run.approve,
        run.reject,
        run.cancel,
        run.terminate,
        lambda: run.signal("x"),
        lambda: run.query("x"),
        lambda: run.wait_for("end"),
        lambda: next(iter(run.watch())),
    ]
    for act in acts:
        with pytest.raises(RunNotFound):
            act()
    assert "knows no run" in run._repr_mimebundle_()["text/plain"]


def test_a_run_that_continues_as_new_is_followed(scenes: Engine) -> None:
    run = scenes.start("counts_down", 3)
    first = run.run_id
    assert run.result(timeout=30) == "lift-off"
    assert run.status == "completed"
    assert run.run_id != first
    pinned = get_run(scenes.client, run.id, run_id=first)
    assert pinned.status == "continued_as_new"
    assert pinned.steps()[0].input == [3, 0]


def test_a_reset_is_followed(scenes: Engine) -> None:
    run = scenes.start("asks_twice")
    run.wait_for("approval", timeout=20)
    before = run.run_id

    async def reset() -> None:
        execution = WorkflowExecution(workflow_id=run.id, run_id=before)
        await scenes.client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace="default",
                workflow_execution=execution,
                workflow_task_finish_event_id=4,
                reason="resume",
                request_id="r",
            )
        )

    waiting: list[Any] = []
    waiter = threading.Thread(target=lambda: waiting.append(run.result(timeout=30)))
    waiter.start()
    loop_thread().run(reset())
    eventually(run.pending_approvals)
    assert run.run_id != before
    assert run.status == "running"
    run.approve()
    eventually(lambda: [approval.id for approval in run.pending_approvals()] == ["human_approval-2"])
    run.reject()
    waiter.join(timeout=30)
    assert waiting == [[True, False]]


def test_another_run_under_the_same_id_is_not_followed(scenes: Engine) -> None:
    first = scenes.start("breaks", 1, id="shared")
    assert first.result(timeout=20) == 2
    second = scenes.start("breaks", 0, id="shared", if_exists="restart")
    assert second.result(timeout=20) == 1
    assert first.result(timeout=20) == 2
    assert first.run_id != second.run_id
    assert get_run(scenes.client, "shared").run_id == second.run_id


def test_an_id_is_taken_once(scenes: Engine) -> None:
    run = scenes.start("bounded", id="order-7")
    with pytest.raises(
        RunAlreadyExists, match=r"a run with the id 'order-7' exists, running, started .* take another id"
    ):
        scenes.start("bounded", id="order-7")
    attached = scenes.start("bounded", id="order-7", if_exists="attach")
    assert attached.run_id == run.run_id
    restarted = scenes.start("bounded", id="order-7", if_exists="restart")
    assert restarted.run_id != run.run_id
    assert run.status == "terminated"
    restarted.terminate()
    with pytest.raises(RunAlreadyExists, match="'order-7' exists, terminated"):
        scenes.start("bounded", id="order-7")
    assert scenes.start("bounded", id="order-7", if_exists="attach").status == "terminated"


def test_fifty_starts_of_one_id_are_one_run(scenes: Engine) -> None:
    from jupyter_workflows.runs.client import StartRequest, starting
    from jupyter_workflows.worker import ANYBODY, task_queue

    request = StartRequest(
        workflow="bounded", task_queue=task_queue(scenes.digest, ANYBODY), id="once", if_exists="attach"
    )

    async def all_at_once() -> list[Run[Any]]:
        return await asyncio.gather(*(starting(scenes.access, request) for _ in range(50)))

    runs = loop_thread().run(all_at_once(), timeout=60)
    assert len({run.run_id for run in runs}) == 1
    runs[0].terminate()


def test_a_paused_run_is_a_running_one(scenes: Engine) -> None:
    run = scenes.start("bounded")

    async def pause() -> None:
        request = PauseWorkflowExecutionRequest(namespace="default", workflow_id=run.id, run_id=run.run_id, reason="x")
        await scenes.client.workflow_service.pause_workflow_execution(request)

    loop_thread().run(pause())
    assert run.status == "running"
    assert run.steps() is not None
    run.terminate()


def test_wait_for_takes_steps_states_and_the_end(scenes: Engine) -> None:
    run = scenes.start("everything", 1)
    assert run.wait_for("add-1", timeout=20).run.status == "running"
    run.signal("word", "news")
    assert run.wait_for("approval", timeout=20).open_approvals[0].message == "Publish news?"
    with pytest.raises(ResultNotReady, match="did not get there within"):
        run.wait_for("completed", timeout=0.1)
    run.approve(form={"reason": "fine"})
    assert run.wait_for("end", timeout=20).run.status == "completed"
    with pytest.raises(ResultNotReady, match="is completed, and 'approval' did not come to pass: it now never will"):
        run.wait_for("approval", timeout=20)


def test_everything_a_run_can_do_is_a_step(scenes: Engine) -> None:
    run = scenes.start("everything", 3)
    run.signal("word", "news")
    run.wait_for("approval", timeout=20)
    run.approve(reviewer="ada", comment="ok", form={"reason": "good"}, value={"title": "News", "tags": ["a", "b"]})
    assert run.result(timeout=20) == {
        "attempt": 3,
        "total": 5,
        "price": 5.0,
        "by": "ada",
        "value": {"title": "News", "tags": ["a", "b"]},
    }
    steps = {step.id: step for step in run.steps()}
    assert set(steps) == {"flaky-1", "add-1", "word-1", "sleep-1", "buy-1", "human_approval-1"}
    assert {step.status for step in steps.values()} == {"completed"}
    assert [attempt.status for attempt in steps["flaky-1"].attempts] == ["failed", "failed", "completed"]
    assert steps["flaky-1"].attempts[1].failure.message == "attempt 2 got no answer"
    assert steps["add-1"].input == [2, 3]
    assert steps["add-1"].location.cell_number == 2
    assert steps["sleep-1"].summary == "a pause"
    assert (steps["buy-1"].kind, steps["buy-1"].child_run) == ("child", f"{run.id}/buy-1")
    assert steps["buy-1"].output["price"] == 5.0
    approval = steps["human_approval-1"].approval
    assert (approval.by, approval.form, approval.status) == ("ada", {"reason": "good"}, "approved")
    assert [(edit.path, edit.after) for edit in approval.edits] == [("/title", "News"), ("/tags", ["a", "b"])]


def test_watch_shows_every_state_of_a_step(scenes: Engine) -> None:
    run = scenes.start("works_long", 0.5)
    seen = [[step.status for step in snapshot.steps] for snapshot in run.watch()]
    assert ["running"] in seen
    assert seen[-1] == ["completed"]


async def test_watch_and_wait_work_on_any_loop(scenes: Engine) -> None:
    run = scenes.start("counts_down", 2)
    states = [snapshot.run.status async for snapshot in run.watch()]
    assert states[-1] == "completed"
    assert await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(run_result(run))), 20) == "lift-off"


async def run_result(run: Run[Any]) -> Any:
    return await run


async def test_a_cancelled_await_leaves_the_run_alone(scenes: Engine) -> None:
    run = scenes.start("works_long", 0.6)
    waiting = asyncio.ensure_future(run_result(run))
    await asyncio.sleep(0.2)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await run == "done"


def test_the_address_of_a_run(scenes: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    run = scenes.start("nothing", id="a/b c")
    assert run.url == f"jupyter-workflows:default/a%2Fb%20c/{run.run_id}"
    monkeypatch.setenv("JUPYTER_WORKFLOWS_UI_ADDRESS", "http://127.0.0.1:8233/")
    again = get_run(scenes.client, run.id, home=scenes.home)
    assert again.url == f"http://127.0.0.1:8233/namespaces/default/workflows/a%2Fb%20c/{run.run_id}/history"


def test_resume_where_no_code_is_at_hand_says_where_it_is(scenes: Engine) -> None:
    run = scenes.start("nothing")
    with pytest.raises(ResumeRefused, match="where its code is at hand: in its notebook"):
        run.resume("add-1")


def test_large_values_and_tables_are_read_back(scenes: Engine) -> None:
    run = scenes.start("makes_big", 10_000_000)
    assert len(run.result(timeout=60)) == 10_000_000
    assert len(run.steps()[0].output) == 10_000_000
    assert run.snapshot().steps[0].output is not None
    bundle = run._repr_mimebundle_()
    assert len(bundle["text/html"]) < 20_000
    tables = scenes.start("makes_table", 100_000)
    assert tables.result(timeout=60) == 100_000
    assert tables.steps()[0].output.shape == (100_000, 1)
    assert "<script" not in tables._repr_mimebundle_()["text/html"]
