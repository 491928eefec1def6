"""What a page asks of the Jupyter server is the root of the run that comes of it, or part of the asker's trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_workflows.local.paths import Home
from jupyter_workflows.telemetry.names import RUN

from ..conftest import eventually
from ..server.pages import jupyter_server
from .conftest import kernel
from .receiver import HttpReceiver

WORKFLOW = """%%workflow
async def ask(text: str) -> bool:
    return bool(await human_approval(text))
"""
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_runs_and_decisions_are_below_the_requests_that_made_them(own_home: Home, tmp_path: Path):
    with (
        HttpReceiver() as receiver,
        kernel(own_home, tmp_path, receiver.environment) as notebook,
        jupyter_server(own_home.data, tmp_path, environment=receiver.environment) as server,
    ):
        notebook.run(WORKFLOW)
        notebook.run("ask.start('warm').cancel()")
        started = server.post("api/workflows/ask/runs", {"arguments": {"text": "Well?"}, "id": "asked"})
        assert started.status == 201, started.body
        (shown,) = eventually_given(lambda: server.get("api/runs/asked").json["approvals"])
        decided = server.post(
            f"api/runs/asked/approvals/{shown['approval']['id']}/decision",
            {"verdict": "approve"},
            headers={"traceparent": f"00-{TRACE}-{SPAN}-01"},
        )
        assert decided.status == 200, decided.body
        (run,) = eventually_given(lambda: [run for run in receiver.named("run ask") if run.attributes[RUN] == "asked"])
        (request,) = eventually_given(lambda: receiver.named("POST /jupyter-workflows/api/workflows/{name}/runs"))
        assert (run.parent, run.trace, request.parent) == (request.id, request.trace, "")
        (update,) = eventually_given(lambda: receiver.named("update jupyter_workflows.decide"))
        (decision,) = eventually_given(lambda: [span for span in receiver.spans if span.parent == SPAN])
        assert decision.name == "POST /jupyter-workflows/api/runs/{id}/approvals/{approval}/decision"
        assert (update.parent, update.trace, update.links) == (decision.id, TRACE, [run.id])


def eventually_given(look: Callable[[], list[Any]]) -> list[Any]:
    assert eventually(look, 60)
    return look()
