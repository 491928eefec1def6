"""Who did what is told as Jupyter events, without a value of a workflow."""

from __future__ import annotations

import json
from typing import Any

import websocket

from jupyter_workflows.runs.access import RunAccess

from .pages import TOKEN, Page, Server, user
from .test_rest import start, waits
from .test_stream import asked as decision


def test_decisions_starts_and_stops_are_told(server: Server, access: RunAccess, page: Page):
    url = f"{server.address}/api/events/subscribe".replace("http", "ws", 1)
    listening = websocket.create_connection(url, timeout=60, header=[f"Authorization: token {TOKEN}"])

    def heard(name: str, run: str) -> dict[str, Any]:
        while True:
            event = json.loads(listening.recv())
            if event["schema_id"].endswith(f"/{name}") and event["run_id"] == run:
                return {key: value for key, value in event.items() if not key.startswith("__") and key != "schema_id"}

    run = start(server, "audit-1", "a secret contract")
    known = {"run_id": "audit-1", "execution_id": run["run_id"], "workflow": "review"}
    assert heard("run_started", "audit-1") == {**known, "starter": user()}
    waits(access, "audit-1")
    (shown,) = server.get("api/runs/audit-1").json["approvals"]
    told = decision(shown["approval"], value={"size": "a secret"}, edited=True, comment="a secret")
    assert page.ask("decide", topic="inbox", **told)["error"] is None
    event = heard("decision", "audit-1")
    assert event == {
        **known, "approval": shown["approval"]["id"], "verdict": "approve", "reviewer": user(), "edited": True,
    }  # fmt: skip
    answer = page.ask("start", topic="workflow:/review", arguments={"contract": "a secret"})
    name, execution = answer["topic"].removeprefix("run:").rsplit("/", 1)
    started = heard("run_started", name)
    assert started == {"run_id": name, "execution_id": execution, "workflow": "review", "starter": user()}
    assert page.ask("cancel", topic=answer["topic"])["error"] is None
    assert heard("run_stopped", name) == {"run_id": name, "by": user(), "how": "cancel"}
    start(server, "audit-2")
    assert server.post("api/runs/audit-2/terminate").status == 200
    assert heard("run_stopped", "audit-2") == {"run_id": "audit-2", "by": user(), "how": "terminate"}
    listening.close()
