"""Handing over, asking and answering through the server: by REST and by a page, under the user's name, on record."""

from __future__ import annotations

import json
from typing import Any

import pytest
import websocket

from jupyter_workflows.runs.access import RunAccess

from .pages import TOKEN, Page, Server, user
from .test_rest import waits


def panel(server: Server, access: RunAccess, id: str) -> dict[str, Any]:
    """The open approval of a run that two people decide."""
    assert server.post("api/workflows/panel/runs", {"arguments": {"contract": "C"}, "id": id}).status == 201
    waits(access, id)
    (shown,) = server.get(f"api/runs/{id}").json["approvals"]
    return shown["approval"]


def test_a_script_asks_answers_hands_over_and_is_then_refused(server: Server, access: RunAccess):
    approval = panel(server, access, "panel-rest")
    assert (approval["assignees"], approval["quorum"], approval["starter"]) == ([user(), "bob"], 2, user())
    path = f"api/runs/panel-rest/approvals/{approval['id']}"
    asked = server.post(f"{path}/question", {"text": "Why?", "content_hash": approval["content_hash"]})
    assert asked.json["approval"]["questions"][0]["by"] == user()
    answered = server.post(f"{path}/answer", {"text": "So."}).json["approval"]["questions"][0]
    assert (answered["answer"], answered["answered_by"]) == ("So.", user())
    handed = server.post(f"{path}/delegation", {"to": "zoe", "comment": "on leave"})
    assert handed.json["approval"]["assignees"] == ["zoe", "bob"]
    late = server.post(f"{path}/decision", {"verdict": "approve"})
    assert (late.status, late.json["error"]["code"]) == (409, "approval-refused")
    assert f"{user()} handed {approval['id']} over to zoe at" in late.json["error"]["message"]
    assert server.post("api/runs/panel-rest/terminate").status == 200


@pytest.mark.parametrize(
    ("act", "body", "status", "words"),
    [
        ("delegation", {}, 400, "to"),
        ("delegation", {"to": ""}, 400, "to"),
        ("delegation", {"to": "zoe", "reviewer": "bob"}, 409, "can't decide as bob"),
        ("delegation", {"to": "zoe", "content_hash": "0"}, 409, "has changed since it was shown"),
        ("delegation", {"to": "bob"}, 409, "bob is asked already"),
        ("question", {"text": "x" * 5_000}, 400, "text"),
        ("question", {"text": "  "}, 409, "has 1 to 4,000 characters"),
        ("answer", {"text": "So."}, 409, "has no question that waits for an answer"),
        ("answer", {"text": "So.", "question": 7}, 409, "has no question 7"),
    ],
)
def test_what_may_not_be_done_is_refused(
    server: Server, access: RunAccess, act: str, body: dict[str, Any], status: int, words: str
):
    approval = panel(server, access, "panel-refused")
    reply = server.post(f"api/runs/panel-refused/approvals/{approval['id']}/{act}", body)
    assert reply.status == status
    assert words in reply.json["error"]["message"]


def test_a_page_does_the_same_and_events_tell_who(server: Server, access: RunAccess, page: Page):
    approval = panel(server, access, "panel-page")
    url = f"{server.address}/api/events/subscribe".replace("http", "ws", 1)
    listening = websocket.create_connection(url, timeout=60, header=[f"Authorization: token {TOKEN}"])

    def does(act: dict[str, Any]) -> dict[str, Any]:
        shared = {key: approval[key] for key in ("workflow_id", "run_id", "content_hash")}
        answer = page.ask("act", topic="inbox", approval=approval["id"], act=act, **shared)
        assert answer["error"] is None
        while True:
            event = json.loads(listening.recv())
            if event["schema_id"].endswith("/discussion") and event["run_id"] == "panel-page":
                assert "secret" not in json.dumps(event)
                return {key: event[key] for key in ("act", "by", "to")}

    told = [
        does({"type": "question", "text": "a secret"}),
        does({"type": "answer", "question": 1, "text": "a secret"}),
        does({"type": "delegation", "to": "zoe", "comment": "a secret"}),
    ]
    assert told == [
        {"act": "question", "by": user(), "to": None},
        {"act": "answer", "by": user(), "to": None},
        {"act": "delegation", "by": user(), "to": "zoe"},
    ]
    listening.close()
    assert server.post("api/runs/panel-page/terminate").status == 200
