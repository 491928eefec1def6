"""Awaiting in a workflow: activities, children, timers, signals, queries, maps, against a real server."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from .conftest import Engine, eventually


def root_cause(error: BaseException) -> ApplicationError:
    while error.__cause__ is not None:
        error = error.__cause__
    assert isinstance(error, ApplicationError)
    return error


async def failure(engine: Engine, workflow: str, *args: Any) -> ApplicationError:
    with pytest.raises(WorkflowFailureError) as caught:
        await engine.run(workflow, *args)
    return root_cause(caught.value)


async def test_awaited_functions_are_steps_and_models_travel(engine: Engine) -> None:
    await engine.serve(
        models="from pydantic import BaseModel\nclass Score(BaseModel):\n    value: float\n",
        activities=(
            "@activity\nasync def fetch(id: str) -> dict:\n    return {'id': id}\n"
            "@activity\ndef judge(document: dict, *, weight: float = 2.0) -> Score:\n"
            "    return Score(value=weight * len(document['id']))\n"
        ),
        workflows=(
            "@workflow\nasync def review(id: str) -> Score:\n"
            "    document = await fetch(id)\n    score = await judge(document, weight=3)\n"
            "    assert isinstance(score, Score)\n    return score\n"
        ),
    )
    assert await engine.run("review", "abc") == {"value": 9.0}


async def test_steps_have_stable_ids_and_their_cell(engine: Engine) -> None:
    await engine.serve(
        activities="@activity\ndef double(x: int) -> int:\n    return 2 * x\n",
        workflows="@workflow\nasync def twice(x: int) -> int:\n    return await double(await double(x))\n",
    )
    handle = await engine.start("twice", 1)
    assert await handle.result() == 4
    scheduled = [
        event
        async for event in handle.fetch_history_events()
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    ids = [event.activity_task_scheduled_event_attributes.activity_id for event in scheduled]
    assert ids == ["double-1", "double-2"]
    assert {marker.label.id for event in scheduled for marker in event.event_group_markers} == {"activities-cell"}


async def test_a_step_is_retried_as_its_policy_says(engine: Engine) -> None:
    await engine.serve(
        activities=(
            "tries = []\n"
            "@activity(retry=RetryPolicy(max_attempts=3, initial_interval=timedelta(milliseconds=20)))\n"
            "def flaky() -> int:\n    tries.append(1)\n    if len(tries) < 3:\n        raise OSError('down')\n"
            "    return len(tries)\n"
        ),
        workflows="@workflow(retry=RetryPolicy(max_attempts=1))\nasync def use() -> int:\n    return await flaky()\n",
    )
    assert await engine.run("use") == 3


async def test_a_subclass_of_a_non_retryable_error_is_not_retried(engine: Engine) -> None:
    await engine.serve(
        activities="@activity\ndef missing() -> int:\n    raise KeyError('k')\n",
        workflows=(
            "@workflow(retry=RetryPolicy(max_attempts=50, non_retryable=[LookupError]))\n"
            "async def use() -> int:\n    return await missing()\n"
        ),
    )
    error = await failure(engine, "use")
    assert (error.type, error.message) == ("KeyError", "'k'")


async def test_a_failed_step_names_cell_and_line(engine: Engine) -> None:
    await engine.serve(
        activities=(
            "def check(x):\n    raise ValueError(f'bad {x}')\n"
            "@activity(retry=RetryPolicy(max_attempts=1))\ndef judge(x: int) -> int:\n    return check(x)\n"
        ),
        workflows="@workflow\nasync def use() -> int:\n    return await judge(7)\n",
    )
    details = (await failure(engine, "use")).details[0]
    assert details["location"]["cell_number"] == 2
    assert details["location"]["source_line"] == "    raise ValueError(f'bad {x}')"


async def test_an_error_in_workflow_code_fails_the_run_with_its_line(engine: Engine) -> None:
    await engine.serve("@workflow\nasync def broken(x: int) -> float:\n    return 1 / x\n")
    error = await failure(engine, "broken", 0)
    assert error.type == "ZeroDivisionError"
    assert error.details[0]["location"]["source_line"] == "    return 1 / x"


CODED = """class CodedError(Exception):
    def __init__(self, code, *, text):
        super().__init__(f"{code}: {text}")
    def __str__(self):
        return f"{self.args[0]}!"
"""
RAISED = {
    "ValueError": ("ValueError('reason')", "reason"),
    "OwnError": ("OwnError('reason')", "reason"),
    "KeyError": ("KeyError('reason')", "'reason'"),
    "CodedError": ("CodedError(7, text='reason')", "7: reason!"),
    "UnicodeError": ("UnicodeDecodeError('ascii', b'x', 0, 1, 'reason')", "'ascii' codec can't decode"),
}


@pytest.mark.parametrize(("error", "raised", "message"), [(error, *of) for error, of in RAISED.items()], ids=RAISED)
async def test_except_catches_what_a_step_raised(engine: Engine, error: str, raised: str, message: str) -> None:
    await engine.serve(
        models=f"class OwnError(Exception):\n    pass\n{CODED}",
        activities=(f"@activity(retry=RetryPolicy(max_attempts=1))\ndef fails() -> int:\n    raise {raised}\n"),
        workflows=(
            "@workflow\nasync def careful() -> str:\n"
            f"    try:\n        await fails()\n    except {error} as error:\n"
            "        return f'{error.step} {error}'\n    return 'no error'\n"
        ),
    )
    assert (await engine.run("careful")).startswith(f"fails-1 {message}")


async def test_gather_and_task_groups_run_steps_at_once(engine: Engine) -> None:
    await engine.serve(
        activities="@activity\nasync def double(x: int) -> int:\n    return 2 * x\n",
        workflows=(
            "@workflow\nasync def both() -> list[int]:\n"
            "    first = await asyncio.gather(double(1), double(2))\n"
            "    async with asyncio.TaskGroup() as group:\n        task = group.create_task(double(3))\n"
            "    return [*first, task.result()]\n"
        ),
    )
    assert await engine.run("both") == [2, 4, 6]


async def test_a_child_workflow_gives_its_result(engine: Engine) -> None:
    await engine.serve(
        "@workflow\nasync def inner(x: int) -> int:\n    return x + 1\n"
        "@workflow\nasync def outer(x: int) -> int:\n    return await inner(x) * 10\n"
    )
    assert await engine.run("outer", 1) == 20


async def test_a_child_run_does_not_count_its_parents_approvals(engine: Engine) -> None:
    await engine.serve(
        "@workflow\nasync def inner() -> None:\n    await wait_for_signal('go')\n"
        "@workflow\nasync def outer() -> None:\n    await asyncio.gather(human_approval('?'), inner())\n"
    )
    handle = await engine.start("outer")
    await engine.approval(handle)
    child = engine.client.get_workflow_handle(f"{handle.id}/inner-1")
    found = (await child.describe()).typed_search_attributes
    assert [pair.value for pair in found if pair.key.name == "JwOpenApprovals"] == [0]
    await handle.terminate("test")


async def test_signals_and_queries_reach_the_workflow(engine: Engine) -> None:
    await engine.serve(
        "@workflow\nasync def listener() -> int:\n"
        "    set_query_value('state', 'waiting')\n"
        "    first = await wait_for_signal('number', type=int)\n"
        "    second = await wait_for_signal('number', type=int)\n    return first + second\n"
    )
    handle = await engine.start("listener")

    async def asked() -> Any:
        try:
            return await handle.query("state")
        except RPCError:
            return None

    assert await eventually(asked) == "waiting"
    await handle.signal("number", 1)
    await handle.signal("number", 2)
    assert await handle.result() == 3


async def test_a_signal_that_does_not_come_is_a_timeout(engine: Engine) -> None:
    await engine.serve(
        "@workflow\nasync def impatient() -> str:\n"
        "    try:\n        await wait_for_signal('go', timeout=timedelta(milliseconds=50))\n"
        "    except TimeoutError as error:\n        return str(error)\n    return ''\n"
    )
    assert "'go' did not come" in await engine.run("impatient")


async def test_continue_as_new_goes_on_with_new_arguments(engine: Engine) -> None:
    await engine.serve(
        "@workflow\nasync def countdown(n: int) -> str:\n"
        "    await sleep(timedelta(milliseconds=10))\n"
        "    if n:\n        continue_as_new(n=n - 1)\n    return 'done'\n"
    )
    assert await engine.run("countdown", 3) == "done"


async def test_parallel_map_holds_its_bound_and_keeps_the_order(engine: Engine) -> None:
    await engine.serve(
        activities=(
            "import threading, time\nlock = threading.Lock()\nnow = 0\nmost = 0\n"
            "@activity\ndef work(x: int) -> int:\n"
            "    global now, most\n    with lock:\n        now += 1\n        most = max(most, now)\n"
            "    time.sleep(0.01)\n    with lock:\n        now -= 1\n    return -x\n"
            "@activity\ndef peak(_: int) -> int:\n    return most\n"
        ),
        workflows=(
            "@workflow\nasync def many() -> list:\n"
            "    return [await parallel_map(work, range(40), max_concurrent=4), await peak(0)]\n"
        ),
    )
    results, peak = await engine.run("many")
    assert results == [-x for x in range(40)]
    assert 2 <= peak <= 4


async def test_parallel_map_gives_partial_results(engine: Engine) -> None:
    await engine.serve(
        activities=(
            "@activity(retry=RetryPolicy(max_attempts=1))\n"
            "def odd(x: int) -> int:\n    if x % 2 == 0:\n        raise ValueError(f'{x} is even')\n    return x\n"
        ),
        workflows=(
            "@workflow\nasync def some() -> list:\n"
            "    found = await parallel_map(odd, range(5), partial=True)\n"
            "    return [found.succeeded, sorted(found.failures), found.complete]\n"
        ),
    )
    assert await engine.run("some") == [[1, 3], [0, 2, 4], False]


async def test_parallel_map_over_very_many_items_uses_child_runs(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_workflows.authoring.mapping.ITEMS_PER_RUN", 10)
    await engine.serve(
        activities=(
            "@activity(retry=RetryPolicy(max_attempts=1))\n"
            "def odd(x: int) -> int:\n    if x % 2 == 0:\n        raise ValueError(f'{x} is even')\n    return x\n"
        ),
        workflows=(
            "@workflow\nasync def some(partial: bool) -> list:\n"
            "    found = await parallel_map(odd, range(25), partial=True)\n"
            "    return [found.results, sorted(found.failures)]\n"
        ),
    )
    results, failures = await engine.run("some", True)
    assert results == [x if x % 2 else None for x in range(25)]
    assert failures == list(range(0, 25, 2))


async def test_heartbeats_are_sent_by_themselves_and_read_back(engine: Engine) -> None:
    await engine.serve(
        activities=(
            "import time\n"
            "@activity(heartbeat_timeout=timedelta(seconds=1), retry=RetryPolicy(max_attempts=2,"
            " initial_interval=timedelta(milliseconds=10)))\n"
            "def long() -> list:\n"
            "    before = last_heartbeat()\n    if before is None:\n        heartbeat({'row': 17})\n"
            "        time.sleep(1.6)\n        raise OSError('lost')\n    return [before, 'went on']\n"
        ),
        workflows="@workflow\nasync def use() -> list:\n    return await long()\n",
    )
    assert await engine.run("use") == [{"row": 17}, "went on"]


async def test_blocking_code_in_an_async_activity_does_not_starve_the_worker(engine: Engine) -> None:
    await engine.serve(
        activities=(
            "import time\n"
            "@activity(heartbeat_timeout=timedelta(seconds=1), retry=RetryPolicy(max_attempts=1))\n"
            "async def blocks() -> str:\n    time.sleep(2.5)\n    return 'done'\n"
        ),
        workflows="@workflow\nasync def use() -> str:\n    return await blocks()\n",
    )
    assert await engine.run("use") == "done"


async def test_cancellation_reaches_a_running_activity(engine: Engine) -> None:
    await engine.serve(
        activities=(
            "seen = []\n"
            "@activity(heartbeat_timeout=timedelta(seconds=1))\nasync def waits() -> str:\n"
            "    heartbeat('started')\n"
            "    try:\n        await asyncio.sleep(60)\n    except asyncio.CancelledError:\n        seen.append(1)\n"
            "        raise\n    return ''\n"
            "@activity\ndef cancelled() -> int:\n    return len(seen)\n"
        ),
        workflows=(
            "@workflow\nasync def use() -> str:\n    return await waits()\n"
            "@workflow\nasync def count() -> int:\n    return await cancelled()\n"
        ),
    )
    handle = await engine.start("use")

    async def started() -> Any:
        pending = (await handle.describe()).raw_description.pending_activities
        return pending and pending[0].HasField("heartbeat_details")

    await eventually(started)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert (await handle.describe()).status == WorkflowExecutionStatus.CANCELED

    async def noticed() -> Any:
        return await engine.run("count")

    assert await eventually(noticed) == 1


async def test_a_result_of_a_wrong_type_fails_the_step_at_once(engine: Engine) -> None:
    await engine.serve(
        activities="@activity(retry=RetryPolicy(max_attempts=50))\ndef number() -> int:\n    return 'many'\n",
        workflows="@workflow\nasync def use() -> int:\n    return await number()\n",
    )
    error = await failure(engine, "use")
    assert error.type == "PayloadError"
    assert "the result of activity number" in error.message


async def test_a_forgotten_await_inside_an_activity_is_named(engine: Engine) -> None:
    await engine.serve(
        activities=(
            "async def inner() -> int:\n    return 1\n"
            "@activity(retry=RetryPolicy(max_attempts=50))\ndef outer():\n    return inner()\n"
        ),
        workflows="@workflow\nasync def use():\n    return await outer()\n",
    )
    assert "without `await`" in (await failure(engine, "use")).message


async def test_the_clock_is_guarded_in_workflow_code(engine: Engine) -> None:
    await engine.serve(
        "from datetime import datetime\n@workflow\nasync def clock() -> str:\n    return str(datetime.now())\n"
    )
    assert "datetime.datetime.now" in (await failure(engine, "clock")).message


async def test_runs_share_no_state_of_workflow_code(engine: Engine) -> None:
    await engine.serve(
        "seen = []\n@workflow\nasync def remember(x: int) -> int:\n    seen.append(x)\n    return len(seen)\n"
    )
    assert await asyncio.gather(*(engine.run("remember", x) for x in range(3))) == [1, 1, 1]


async def test_a_rate_limit_holds_over_runs(engine: Engine) -> None:
    await engine.serve(
        activities=(
            "import time\n@activity(rate_limit=RateLimit(calls=2, per=timedelta(seconds=1)))\n"
            "def call() -> float:\n    return time.time()\n"
        ),
        workflows="@workflow\nasync def use() -> float:\n    return await call()\n",
    )
    times = sorted(await asyncio.gather(*(engine.run("use") for _ in range(6))))
    windows = [later - earlier for earlier, later in zip(times, times[2:], strict=False)]
    assert min(windows) >= 0.6  # the machine may wake a call late, and the one behind it in time


async def test_a_workflow_times_out_as_a_whole(engine: Engine) -> None:
    await engine.serve("@workflow\nasync def forever() -> None:\n    await sleep(timedelta(days=30))\n")
    with pytest.raises(WorkflowFailureError) as caught:
        await engine.run("forever", execution_timeout=timedelta(milliseconds=300))
    assert "timed out" in str(caught.value.cause).lower()
