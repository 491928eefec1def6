"""A run of many model calls outlives its worker: no answer is paid twice but the one that was cut off."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from chaos.rows.secrets import files_with
from jupyter_workflows.connection import LoopThread
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home
from jupyter_workflows.testing import ModelServer
from tests.conftest import eventually
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


def test_forty_calls_with_a_killed_worker_are_each_paid_once(runs: Runs, models: ModelServer, own_home: Home) -> None:
    for number in range(1, KILLED_AT):
        models.reply(f"answer {number}")
    models.fault("stall", seconds=600, after_tokens=1)
    handle = runs.start("pipeline")
    assert eventually(lambda: models.count == KILLED_AT, 60)
    (host,) = runs.runtime.status().hosts
    assert host.pid
    os.kill(host.pid, signal.SIGKILL)
    answers = runs.result(handle)
    assert len(answers) == CALLS
    assert answers[:3] == ["answer 1", "answer 2", "answer 3"]
    assert answers[KILLED_AT - 1 :] == [f"You said: call {number}" for number in range(KILLED_AT, CALLS + 1)]
    asked = Counter(call.prompt for call in models.calls)
    assert {prompt: count for prompt, count in asked.items() if count > 1} == {f"call {KILLED_AT}": 2}
    assert len(asked) == CALLS
    assert files_with(own_home.data, "call 39") != [], "the search would find what is there"
    assert files_with(own_home.data, models.key) == []
