"""One look for all: pages share what is followed, a slow one costs nobody anything, and each has its own rights."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
import websocket

from jupyter_workflows.runs.access import RunAccess
from jupyter_workflows.runs.handle import Run

from .conftest import on_loop
from .pages import Page, Server, user
from .test_rest import start, waits
from .test_stream import asked as decision
from .test_stream import waiting


def told(page: Page, topic: str) -> list[int]:
    """The numbers of what a page was told of a run."""
    return [message["number"] for message, _ in page.told if message.get("topic") == topic and "number" in message]


def test_two_pages_are_told_the_same_under_the_same_numbers(server: Server, access: RunAccess):
    run = start(server, "hub-two")
    topic = f"run:{run['id']}/{run['run_id']}"
    with server.page() as first, server.page() as second:
        first.followed(topic, "snapshot")
        waits(access, "hub-two")
        late = second.followed(topic, "snapshot")
        # The second sees what the first decides.
        approval = waiting(second, late)
        answer = first.ask("decide", topic=topic, **decision(approval))
        assert answer["error"] is None
        for page in (first, second):
            page.until(lambda message: (message.get("head") or {}).get("run", {}).get("status") == "completed", since=0)
            numbers = told(page, topic)
            assert (
                numbers == list(range(numbers[0], numbers[0] + len(numbers))) or len(set(numbers)) == len(numbers) - 1
            )
        ends = [[message for message, _ in page.told][-1] for page in (first, second)]
        assert ends[0] == ends[1]


def test_the_newest_run_is_followed_without_its_run_id(server: Server, page: Page):
    run = start(server, "hub newest/ü")
    snapshot = page.followed("run:hub newest/ü/", "snapshot")
    assert snapshot["head"]["run"]["run_id"] == run["run_id"]
    waiting(page, snapshot)
    details = page.ask("details", topic="run:hub newest/ü/", step="measure-1")
    assert details["details"]["step"]["name"] == "measure"
    assert page.ask("cancel", topic="run:hub newest/ü/")["error"] is None
    page.until(lambda message: (message.get("head") or {}).get("run", {}).get("status") == "cancelled", since=0)


def test_lists_hear_at_once_of_what_is_done_here(server: Server, access: RunAccess, page: Page):
    page.followed("inbox", "inbox")
    listed = page.followed("runs?workflow=review&limit=500", "runs")
    assert "hub-lists" not in [run["id"] for run in listed["runs"]]
    before = len(page.told)
    start(server, "hub-lists")
    page.until(
        lambda message: message["type"] == "runs" and "hub-lists" in [run["id"] for run in message["runs"]],
        since=before,
    )
    inbox = page.until(
        lambda message: (
            message["type"] == "inbox"
            and "hub-lists" in [shown["approval"]["workflow_id"] for shown in message["approvals"]]
        ),
        since=before,
    )
    assert inbox["reviewer"] == user()
    (approval,) = [s["approval"] for s in inbox["approvals"] if s["approval"]["workflow_id"] == "hub-lists"]
    before = len(page.told)
    assert page.ask("decide", topic="inbox", **decision(approval, "reject"))["error"] is None
    page.until(
        lambda message: (
            message["type"] == "inbox"
            and "hub-lists" not in [shown["approval"]["workflow_id"] for shown in message["approvals"]]
        ),
        since=before,
    )


def test_the_card_of_a_workflow_is_there_without_a_kernel(page: Page):
    card = page.followed("workflow:/review", "workflow")
    assert (card["workflow"]["name"], card["workflow"]["function"]) == ("review", "review")
    again = page.followed(f"workflow:{card['digest'][:16]}/review", "workflow")
    assert again["workflow"] == card["workflow"]
    assert {activity["function"] for activity in card["activities"]} >= {"measure", "publish"}


def test_nobody_decides_in_another_name(server: Server, access: RunAccess, page: Page):
    run = start(server, "hub-name")
    waits(access, "hub-name")
    (shown,) = server.get("api/runs/hub-name").json["approvals"]
    topic = f"run:{run['id']}/{run['run_id']}"
    answer = page.ask("decide", topic=topic, **decision(shown["approval"], reviewer="somebody else"))
    assert "can't decide as somebody else" in answer["error"]
    assert on_loop(Run(access, "hub-name").reader.approvals())[0].status == "open"
    assert page.ask("decide", topic=topic, **decision(shown["approval"], reviewer=user()))["error"] is None


@pytest.mark.parametrize(
    ("right", "message"),
    [
        (
            "write jupyter-workflows:approvals",
            {"type": "decide", "topic": "inbox", "approval": "x", "content_hash": "", "verdict": "approve"},
        ),
        ("write jupyter-workflows:runs", {"type": "cancel", "topic": "run:x/"}),
        (
            "execute jupyter-workflows:workflows",
            {"type": "start", "topic": "workflow:/review", "arguments": {"contract": "C"}},
        ),
        ("read jupyter-workflows:runs", {"type": "details", "topic": "run:x/", "step": "y"}),
        ("read jupyter-workflows:runs", {"type": "open", "topic": "runs", "workflow_id": "x", "run_id": ""}),
    ],
    ids=lambda value: value if isinstance(value, str) else value["type"],
)
def test_a_page_may_do_what_its_user_may(server: Server, right: str, message: dict[str, Any]):
    with server.page(headers=[f"X-Deny: {right}"]) as page:
        assert right in page.ask(**message)["error"]


@pytest.mark.parametrize(
    ("right", "topic"),
    [
        ("read jupyter-workflows:runs", "run:x/"),
        ("read jupyter-workflows:runs", "runs?limit=5"),
        ("read jupyter-workflows:runs", "dashboard?"),
        ("read jupyter-workflows:approvals", "inbox"),
        ("read jupyter-workflows:workflows", "workflow:/review"),
        ("read jupyter-workflows:runtime", "status"),
    ],
)
def test_a_page_sees_what_its_user_may(server: Server, right: str, topic: str):
    with server.page(headers=[f"X-Deny: {right}"]) as page:
        trouble = page.followed(topic, "trouble")
        assert right in trouble["message"]
        assert trouble["final"]


@pytest.mark.parametrize(
    "topic",
    [
        "", "run:", "run:/", "run:x", "nothing", "runs?colour=red", "runs?limit=0", "runs?since=yesterday",
        "runs?status=paused", "runs?&&&=", "workflow:review", "workflow:../../etc/passwd", "workflow:..%2F/review",
        "workflow:/none", "run:a\x00b/", "x" * 10_000, "run:" + "x" * 10_000 + "/",
        "dashboard?colour=red", "runs?" + "status=failed&" * 50,
    ],
)  # fmt: skip
def test_what_is_no_topic_is_refused(page: Page, topic: str):
    trouble = page.followed(topic, "trouble")
    assert trouble["final"]
    assert len(trouble["message"]) < 1_000


@pytest.mark.parametrize("id", ["no such run", "../../x", "💣", "x" * 900], ids=["plain", "path", "emoji", "long"])
def test_a_run_that_is_not_there_is_told_as_such(page: Page, id: str):
    # A server that has only just begun says first that it connects.
    trouble = page.followed(f"run:{id}/", "trouble", final=True)
    assert "knows no run" in trouble["message"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        '{"type": "follow", "topic": "run:\\ud800/"}',
        '{"type": "launch"}',
        '{"type": "follow"}',
        "[" * 100_000,
        '{"request": "x"}',
    ],
)
def test_nonsense_does_not_end_the_stream(page: Page, text: str):
    page.connection.send(text)
    assert page.followed("workflow:/review", "workflow")


def test_nonsense_with_a_number_is_answered(page: Page):
    page.connection.send(json.dumps({"type": "decide", "request": 77, "colour": "red"}))
    answer = page.until(lambda message: message["type"] == "answer" and message["request"] == 77)
    assert "no message of a view" in answer["error"]


@pytest.mark.parametrize("frame", ["x" * 1_000_001, b"binary"], ids=["large", "binary"])
def test_a_frame_that_may_not_be_ends_the_stream(page: Page, frame: str | bytes):
    opcode = websocket.ABNF.OPCODE_BINARY if isinstance(frame, bytes) else websocket.ABNF.OPCODE_TEXT
    page.connection.send(frame, opcode)
    with pytest.raises((websocket.WebSocketConnectionClosedException, OSError)):
        drain(page)


def drain(page: Page) -> None:
    """Reads until the server hangs up."""
    while page.connection.recv():
        pass
    raise websocket.WebSocketConnectionClosedException


def flood(page: Page, times: int) -> None:
    for number in range(times):
        page.send({"type": "details", "request": number, "topic": "nothing", "step": "y"})


def test_a_page_that_asks_too_much_is_told_and_then_cut_off(page: Page):
    flood(page, 1_900)
    page.until(lambda message: "asks too much" in message["error"])
    with pytest.raises((websocket.WebSocketConnectionClosedException, OSError)):
        # The end of the connection meets either of the two.
        (flood(page, 10_000), drain(page))


def test_a_page_that_does_not_read_holds_up_nobody(server: Server, access: RunAccess):
    answer = server.post("api/workflows/many/runs", {"arguments": {"count": 200}, "id": "hub-many"})
    topic = f"run:hub-many/{answer.json['run_id']}"
    with server.page(sockopt=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)]) as slow, server.page() as quick:
        for _ in range(900):
            slow.follow(topic)
        quick.followed(topic, "snapshot")
        quick.until(lambda message: (message.get("head") or {}).get("run", {}).get("status") == "completed", 120)
        for _ in range(100):
            slow.follow(topic)
        newest = told(quick, topic)[-1]
        last = slow.until(lambda message: message.get("number", 0) >= newest, 60)
        assert last["steps"] == 200
        assert sum(slow.sizes) < 10_000_000
