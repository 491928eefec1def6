"""The Jupyter server's stream: from an event in Temporal to its frame, and from a click to the next step."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from benchmarks.measures import Measure, Plan
from jupyter_workflows.connection import loop_thread
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home
from jupyter_workflows.runs.access import RunAccess
from jupyter_workflows.runs.reading import RunReader
from jupyter_workflows.session import Session
from tests.kernels import run_cells
from tests.server.conftest import WORKFLOWS
from tests.server.pages import Page, jupyter_server
from tests.server.test_stream import asked, waiting

LIVE = 20


def measure(folder: Path, plan: Plan) -> list[Measure]:
    """All figures of the stream, as a page gets them; the browser's own share comes on top."""
    home = local_runtime.ensure(Home.locate(folder / "home")).home
    run_cells(WORKFLOWS, home=home.data, folder=folder)
    access = RunAccess.of(Session(home=home, settings=None).client(), home)
    with jupyter_server(home.data, folder) as server, server.page() as page:
        page.followed("inbox", "inbox")
        click(page, "warm")
        clicked = [click(page, f"C-{number}") for number in range(plan.rounds)]
        heard = events(page, access)
    return [
        Measure("Approve through the Jupyter server to the next step started", "at most 150 ms", clicked, 0.15),
        Measure(f"event in Temporal to its frame, {LIVE} runs live", "at most 100 ms", heard, 0.1),
        Measure("the same, 99th percentile", "at most 300 ms", heard, 0.3, share=0.99),
    ]


def waiting_run(page: Page, contract: str) -> tuple[str, dict[str, Any]]:
    """The topic of a run that asks, and what it asks."""
    topic = page.ask("start", topic="workflow:/review", arguments={"contract": contract})["topic"]
    return topic, waiting(page, page.followed(topic, "snapshot"))


def click(page: Page, contract: str) -> float:
    """From a decision's frame to the start of the next step, by the step's own clock."""
    topic, approval = waiting_run(page, contract)
    clicked = time.time()
    page.ask("decide", topic=topic, **asked(approval))
    end = page.until(lambda told: (told.get("head") or {}).get("run", {}).get("status") == "completed")
    return json.loads(end["head"]["result"]["text"])["at"] - clicked


def events(page: Page, access: RunAccess) -> list[float]:
    """From the time that Temporal gave an event to the arrival of the frame that tells it, while many runs are live."""
    live = [waiting_run(page, f"L-{number}") for number in range(LIVE)]
    found: list[float] = []
    for topic, approval in live:
        page.send({"type": "decide", "request": 1, "topic": topic, **asked(approval)})
        arrived = arrivals(page, topic)
        workflow_id, run_id = topic.removeprefix("run:").rsplit("/", 1)
        snapshot = loop_thread().run(RunReader(access, workflow_id, run_id).snapshot())
        decided = next(step.finished_at for step in snapshot.steps if step.kind == "approval")
        assert decided is not None
        assert snapshot.run.closed_at is not None
        found.append(arrived["approved"] - decided.timestamp())
        found.append(arrived["completed"] - snapshot.run.closed_at.timestamp())
    return found


def arrivals(page: Page, topic: str) -> dict[str, float]:
    """When a page heard that an approval of a run was decided, and that the run has ended."""
    arrived: dict[str, float] = {}
    while "completed" not in arrived:
        message, _ = page.receive()
        now = time.time()
        if message["type"] == "change" and message["topic"] == topic:
            arrived |= {shown["approval"]["status"]: now for shown in message["approvals"]}
            if message["head"] and message["head"]["run"]["status"] == "completed":
                arrived["completed"] = now
    return arrived
