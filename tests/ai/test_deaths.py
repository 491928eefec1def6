"""A run of many model calls outlives its worker: no answer is paid twice but the one that was cut off."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from chaos.rows.secrets import files_with
from jupyter_workflows.connection import LoopThread
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home
from jupyter_workflows.runs.access import RunAccess
from jupyter_workflows.runs.handle import Run
from jupyter_workflows.testing import ModelServer
from tests.local.conftest import Runs, write_bundle

CALLS, KILLED_AT = 40, 23
WORKFLOWS = f"""
from jupyter_workflows import ai

@workflow
async def pipeline() -> list[str]:
    return [(await ai.chat(f"call {{number}}")).text for number in range(1, {CALLS + 1})]
"""


@pytest.fixture
def runs(own_home: Home, models: ModelServer) -> Iterator[Runs]:
    """Runs of the pipeline, in a host whose environment names the scripted server."""
    runtime = local_runtime.ensure(own_home)
    loop = LoopThread()
    found = Runs(runtime, write_bundle(own_home, workflows=WORKFLOWS, activities=""), loop)
    found.load()
    yield found
    loop.close()
    runtime.close()


def followed_over_a_death(runs: Runs, home: Home, handle: Any) -> dict[str, list[int]]:
    """Follows a run's tokens, kills the worker at the first of one step; the attempts of each step that were seen."""
    run = Run[Any](RunAccess.of(runs.client(), home), handle.id, handle.first_execution_run_id or "")
    seen: dict[str, list[int]] = {}
    for token in run.tokens():
        attempts = seen.setdefault(token.step, [])
        if token.attempt not in attempts:
            attempts.append(token.attempt)
            if (token.step, token.attempt) == (f"ai.chat-{KILLED_AT}", 1):
                (host,) = runs.runtime.status().hosts
                assert host.pid
                os.kill(host.pid, signal.SIGKILL)
    return seen


def test_forty_calls_with_a_killed_worker_are_each_paid_once(runs: Runs, models: ModelServer, own_home: Home) -> None:
    for number in range(1, KILLED_AT):
        models.reply(f"answer {number}")
    models.fault("stall", seconds=600, after_tokens=1)
    # Slow enough for the follower to find the next worker, which takes it a quarter of a second.
    models.reply(f"You said: call {KILLED_AT}", tokens_per_second=2)
    handle = runs.start("pipeline")
    attempts = followed_over_a_death(runs, own_home, handle)
    answers = runs.result(handle)
    assert {step: seen for step, seen in attempts.items() if seen != [1]} == {f"ai.chat-{KILLED_AT}": [1, 2]}
    assert len(attempts) == CALLS, "each step's text was seen, and only the interrupted one began anew"
    assert len(answers) == CALLS
    assert answers[:3] == ["answer 1", "answer 2", "answer 3"]
    assert answers[KILLED_AT - 1 :] == [f"You said: call {number}" for number in range(KILLED_AT, CALLS + 1)]
    asked = Counter(call.prompt for call in models.calls)
    assert {prompt: count for prompt, count in asked.items() if count > 1} == {f"call {KILLED_AT}": 2}
    assert len(asked) == CALLS
    assert files_with(own_home.data, "call 39") != [], "the search would find what is there"
    assert files_with(own_home.data, models.key) == []
