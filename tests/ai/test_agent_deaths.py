"""Two agents with a handover outlive their worker, killed at each step in turn: every tool is called once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows.connection import LoopThread
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home
from jupyter_workflows.testing import ModelServer
from tests.conftest import eventually
from tests.local.conftest import Runs, write_bundle

ACTIVITIES = """
def effect(log: str, line: str) -> str:
    hold = Path(f"{log}.{line}.hold")
    while hold.exists():
        Path(f"{log}.{line}.begun").touch()
        time.sleep(0.01)
    with open(log, "a") as file:
        file.write(line + "\\n")
    return f"done: {line}"

@activity
def look(log: str, name: str) -> str:
    return effect(log, name)

@activity
def note(log: str, text: str) -> str:
    return effect(log, text)
"""
WORKFLOWS = """
from jupyter_workflows import ai

writer = ai.Agent("writer", tools=[note])
researcher = ai.Agent("researcher", tools=[look], handoffs=[writer])

@workflow
async def memo(task: str) -> list:
    result = await researcher.run(task)
    return [result.text, result.agent, result.turns, result.usage.calls]
"""
TOOLS = ["a", "b", "memo"]
STEPS = ["researcher-1", "a", "b", "researcher-2", "writer-1", "memo", "writer-2"]
MODEL_STEPS = [step for step in STEPS if step not in TOOLS]
IDS = {"a": "look-1", "b": "look-2", "memo": "note-1"}

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def runs(own_home: Home, models: ModelServer) -> Iterator[Runs]:
    """Runs of the two agents, in a host whose environment names the scripted server."""
    runtime = local_runtime.ensure(own_home)
    loop = LoopThread()
    found = Runs(runtime, write_bundle(own_home, workflows=WORKFLOWS, activities=ACTIVITIES), loop)
    found.load()
    yield found
    loop.close()
    runtime.close()


def script(models: ModelServer, log: Path, killed_at: str) -> None:
    """What the model says, with silence in place of the answer at which the worker is killed."""
    said: dict[str, dict[str, Any]] = {
        "researcher-1": {"tool_calls": [("look", {"log": str(log), "name": name}) for name in ("a", "b")]},
        "researcher-2": {"tool_calls": [("hand_over_to_writer", {"message": "Write the memo."})]},
        "writer-1": {"tool_calls": [("note", {"log": str(log), "text": "memo"})]},
        "writer-2": {"text": "The memo is written."},
    }
    for step, reply in said.items():
        if step == killed_at:
            models.fault("stall", seconds=600)
        models.reply(**reply)


def kill_host(runs: Runs) -> None:
    """`kill -9` of the worker host, as soon as there is one."""
    assert eventually(lambda: runs.runtime.status().hosts and runs.runtime.status().hosts[0].pid, 30)
    pid = runs.runtime.status().hosts[0].pid
    assert pid
    os.kill(pid, signal.SIGKILL)


def test_every_tool_is_called_once_whichever_step_the_worker_is_killed_at(
    runs: Runs, models: ModelServer, tmp_path: Path
) -> None:
    for step in STEPS:
        log = tmp_path / f"effects-{step}"
        hold = Path(f"{log}.{step}.hold")
        if step in TOOLS:
            hold.touch()
        script(models, log, step)
        before = models.count
        handle = runs.start("memo", "Write a memo.")
        if step in TOOLS:
            assert eventually(Path(f"{log}.{step}.begun").exists, 60), step
        else:
            assert eventually(lambda: models.count == before + MODEL_STEPS.index(step) + 1, 60), step  # noqa: B023
        kill_host(runs)
        hold.unlink(missing_ok=True)
        killed = time.monotonic()
        assert runs.result(handle, 60) == ["The memo is written.", "writer", 4, 4], step
        print(f"killed at {step}: finished {time.monotonic() - killed:.1f} s later")
        assert sorted(log.read_text().split()) == TOOLS, step
        # An answer that was cut off by the death is asked for again, and no other.
        assert models.count - before == (4 if step in TOOLS else 5), step
        assert scheduled(runs, handle) == [IDS.get(one, one) for one in STEPS], step


def scheduled(runs: Runs, handle: Any) -> list[str]:
    """Ids of the steps, in the order of the history."""
    history = runs.loop.run(handle.fetch_history(), timeout=30)
    return [
        event.activity_task_scheduled_event_attributes.activity_id
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
