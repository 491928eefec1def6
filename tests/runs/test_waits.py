"""Waits that end early: an interrupt, a server that stays away, a namespace that never saw a run."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from jupyter_workflows.connection import loop_thread
from jupyter_workflows.errors import ConnectionFailed, ResultNotReady
from jupyter_workflows.runs import access as access_module
from jupyter_workflows.runs.access import Patience, RunAccess
from jupyter_workflows.runs.client import StartRequest, inbox, list_runs, start_run
from jupyter_workflows.runs.handle import Run

from .conftest import Engine, dev_server


def test_an_interrupt_ends_the_wait_and_leaves_the_run_alone(scenes: Engine) -> None:
    run = scenes.start("works_long", 1.0)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        run.result()
    assert run.status == "running"
    assert run.result(timeout=20) == "done"


@pytest.fixture
def bare(tmp_path: Any) -> Iterator[SimpleNamespace]:
    """A server of its own that nobody has prepared for us."""
    environment = loop_thread().run(dev_server([]), timeout=60)
    running = [True]

    def stop() -> None:
        if running:
            running.clear()
            loop_thread().run(environment.shutdown(), timeout=20)

    yield SimpleNamespace(client=environment.client, stop=stop)
    stop()


def test_a_server_that_was_not_prepared_is_prepared_by_the_first_start(bare: SimpleNamespace) -> None:
    client: Client = bare.client
    assert inbox(client) == []
    assert list_runs(client, notebook="x") == []
    run = start_run(client, StartRequest(workflow="w", task_queue="q", notebook="x"))
    assert run.status == "running"
    assert inbox(client) == []


def test_a_server_that_is_gone_is_said_so_in_bounded_time(bare: SimpleNamespace) -> None:
    client: Client = bare.client
    run = start_run(client, StartRequest(workflow="w", task_queue="q"))
    bare.stop()
    begun = time.monotonic()
    with pytest.raises(ConnectionFailed, match="does not answer"):
        run.steps()
    with pytest.raises(ResultNotReady, match=r"did not get there within 0\.5 s, and it can't be asked why"):
        run.result(timeout=0.5)
    shown = Run[Any](RunAccess(client), run.id)._repr_mimebundle_()
    assert "does not answer" in shown["text/plain"]
    assert time.monotonic() - begun < 60


async def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    away = RPCError("tcp connect error", RPCStatusCode.UNAVAILABLE, b"")
    patience = Patience()
    await patience.after(away)
    monkeypatch.setattr(access_module.time, "monotonic", lambda: patience.until + 1)
    with pytest.raises(RPCError):
        await patience.after(away)
    with pytest.raises(RPCError):
        await Patience().after(RPCError("no", RPCStatusCode.NOT_FOUND, b""))


async def test_a_wait_for_events_that_was_overtaken_is_asked_again(scenes: Engine) -> None:
    run = scenes.start("works_long", 1.0)
    reader = run.new_reader()
    await reader.describe()
    asked: list[bytes] = []

    class Service:
        async def get_workflow_execution_history(self, request: Any, **_: Any) -> str:
            asked.append(request.next_page_token)
            if len(asked) == 1:
                text = "Current and request branch tokens, or current and request versioned transitions, don't match."
                raise RPCError(text, RPCStatusCode.INVALID_ARGUMENT, b"")
            return "a page"

    reader.access = SimpleNamespace(client=SimpleNamespace(namespace="n", workflow_service=Service()))  # pyright: ignore[reportAttributeAccessIssue]
    assert await reader.history_page(reader.run_id, b"token", wait=True) == "a page"
    assert asked == [b"token", b"token"]
