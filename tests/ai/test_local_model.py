"""The model on this machine: chosen without a key, keyed itself, and gone with the worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Literal
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest
from pydantic import BaseModel, Field

from jupyter_workflows import ai
from jupyter_workflows.ai import local_model
from jupyter_workflows.ai.servers import LOCAL_PACKAGES, local_is_installed
from jupyter_workflows.errors import ModelCallFailed
from tests.authoring.conftest import Engine
from tests.conftest import eventually

pytestmark = pytest.mark.skipif(not local_is_installed(), reason=f"needs {' and '.join(LOCAL_PACKAGES)}")

ASK = "from jupyter_workflows import ai\nfrom pydantic import BaseModel\nclass City(BaseModel):\n    name: str\n"
HELD = """
import asyncio, sys, time
from jupyter_workflows.ai import local_model
print(local_model.local_model() and local_model._running.process.pid, flush=True)
time.sleep(120)
"""


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_only_callers_with_the_key_are_answered_and_closing_ends_it() -> None:
    server = local_model.local_model()
    assert server.url.startswith("http://127.0.0.1:")
    request = Request(f"{server.url}/v1/chat/completions", b"{}", {"Content-Type": "application/json"})
    with pytest.raises(HTTPError, match="401"):
        urlopen(request, timeout=10)
    running = local_model._running
    assert running is not None
    assert server.key not in " ".join(psutil.Process(running.process.pid).cmdline())
    assert server.key not in repr(server)
    local_model.close()
    assert is_gone(running.process.pid)


async def test_without_a_key_a_workflow_asks_the_model_on_this_machine(engine: Engine) -> None:
    await engine.serve(
        ASK + "@workflow\nasync def ask() -> tuple[str, str, float]:\n"
        "    answer = await ai.chat('Say hello.', max_tokens=8, temperature=0)\n"
        "    city = await ai.parse(City, 'Give the capital of France as JSON.', max_tokens=40, temperature=0)\n"
        "    return answer.model, city.value.name, answer.usage.cost"
    )
    try:
        model, city, cost = await engine.run("ask")
        assert (model, bool(city), cost) == ("smollm2-135m-instruct", True, 0.0)
        with pytest.raises(ModelCallFailed, match="can't make vectors"):
            await ai.embed(["one"])
    finally:
        local_model.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_it_ends_with_a_worker_that_is_killed() -> None:
    worker = subprocess.Popen([sys.executable, "-c", HELD], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    pid = int(worker.stdout.readline())
    assert not is_gone(pid)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    assert eventually(lambda: is_gone(pid))


class Item(BaseModel):
    name: str


class Shelf(BaseModel):
    items: list[Item] = Field(max_length=1)


async def test_an_agent_calls_tools_hands_over_and_answers_by_schemas_alone() -> None:
    asked: list[str] = []

    def look(where: Literal["left", "right"]) -> str:
        """Looks at a shelf."""
        asked.append(where)
        return "There is a cup."

    brief = {"temperature": 0, "max_tokens": 60, "server": "local"}
    clerk = ai.Agent("clerk", None, "You list what is on a shelf.", tools=[look], output=Shelf, **brief)
    guide = ai.Agent("guide", None, "You hand over to the clerk.", handoffs=[clerk], answers=False, **brief)
    limits = ai.Limits(turns=5, calls_per_tool=1)
    outcome = await guide.run("What is on the left shelf?", limits=limits)
    assert outcome.agent == "clerk"
    assert asked in (["left"], ["right"], [])
    assert outcome.finished is False or len(outcome.value.items) <= 1
    assert outcome.turns <= 5
    assert outcome.text
