"""The stream: any topic is followed without having been opened, and a click reaches Temporal."""

from __future__ import annotations

import json
from typing import Any

from jupyter_workflows.runs.access import RunAccess

from .pages import Page, Server, user


def waiting(page: Page, snapshot: dict[str, Any]) -> dict[str, Any]:
    """The first approval of a run that waits."""
    known = snapshot
    while not (found := [shown["approval"] for shown in known["approvals"] if shown["approval"]["status"] == "open"]):
        known = page.until(lambda message: message["type"] in ("snapshot", "change"))
    return found[0]


def asked(approval: dict[str, Any], verdict: str = "approve", **more: Any) -> dict[str, Any]:
    """A decision on an approval as it was shown."""
    known = {"approval": approval["id"], "workflow_id": approval["workflow_id"], "run_id": approval["run_id"]}
    return {**known, "content_hash": approval["content_hash"], "verdict": verdict, **more}


def test_status_tells_the_server_and_its_worker_hosts(server: Server, page: Page):
    page.followed("inbox", "inbox")
    told = page.followed("status", "status")
    while told["state"] != "connected":
        told = page.until(lambda message: message["type"] == "status")
    assert told["embedded"]
    assert told["address"].startswith("127.")
    assert told["server_version"]
    assert told["reviewer"] == user()
    assert told["problems"] == []
    assert [worker["health"] for worker in told["workers"]].count("failing") == 0


def test_a_run_is_started_watched_and_decided_without_a_kernel(page: Page, access: RunAccess):
    answer = page.ask("start", topic="workflow:/review", arguments={"contract": "C-7"})
    assert answer["error"] is None
    topic = answer["topic"]
    snapshot = page.followed(topic, "snapshot")
    assert snapshot["head"]["run"]["starter"] == user()
    assert snapshot["head"]["reviewer"] == user()
    approval = waiting(page, snapshot)
    decided = page.ask("decide", topic=topic, **asked(approval, value={"size": 4}, edited=True, comment="shorter"))
    assert decided["error"] is None
    assert (decided["approval"]["approval"]["by"], decided["approval"]["approval"]["status"]) == (user(), "approved")
    end = page.until(lambda message: message.get("head") and message["head"]["run"]["status"] == "completed")
    assert json.loads(end["head"]["result"]["text"])["value"] == {"size": 4}
    numbers = [message["number"] for message, _ in page.told if message["type"] in ("snapshot", "change")]
    assert sorted(set(numbers)) == list(range(min(numbers), max(numbers) + 1)), "no number is missing"
