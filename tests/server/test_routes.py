"""Every route: who may use it, what it refuses, and the one shape in which it says so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import websocket
from openapi_spec_validator import validate
from tornado import web

from jupyter_workflows.security.rights import RIGHTS, STREAM
from jupyter_workflows.server.openapi import description
from jupyter_workflows.server.operations import OPERATIONS, Operation
from jupyter_workflows.server.routes import ROUTES

from .pages import Reply, Server

MADE_UP = {"id": "no-such-run", "step": "none-1", "approval": "none-1", "name": "none", "action": "pause"}
BODIES = {
    "decide": {"verdict": "approve"},
    "delegate": {"to": "x"},
    "ask_author": {"text": "x"},
    "answer_question": {"text": "x"},
    "export_workflow": {"path": "none"},
}
EVIL = "http://evil.example"

every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.call.__name__)
every_post = pytest.mark.parametrize(
    "operation",
    [operation for operation in OPERATIONS if operation.method == "POST"],
    ids=lambda operation: operation.call.__name__,
)


def send(server: Server, operation: Operation, **more: Any) -> Reply:
    """Sends a well-formed request about things that are not there."""
    path = re.sub(r"\{(\w+)\}", lambda name: MADE_UP[name[1]], operation.path)
    body = None if operation.method == "GET" else BODIES.get(operation.call.__name__, {})
    return server.send(operation.method, path, body, **more)


def problem(reply: Reply) -> dict[str, Any]:
    """The error in an answer, which has our shape."""
    assert reply.headers["Content-Type"].startswith("application/json")
    assert set(reply.json) == {"error"}
    error = reply.json["error"]
    assert set(error) == {"code", "message", "remedy"}
    assert re.fullmatch(r"[a-z0-9-]+|JW\d+", error["code"])
    assert error["message"]
    assert b"Traceback" not in reply.body
    return error


def layers(method: Any) -> list[str]:
    """The decorators of a method, the outermost first."""
    found: list[str] = []
    while (inner := getattr(method, "__wrapped__", None)) is not None:
        file, name = Path(method.__code__.co_filename).name, method.__code__.co_name
        found.append(
            {"web.py wrapper": "authenticated", "decorator.py wrapper": "authenticated"}.get(f"{file} {name}", name)
        )
        method = inner
    return found


def test_every_route_is_authenticated_and_authorised():
    assert [route.path for route in ROUTES if route.by_ticket] == [
        r"codec/(?P<ticket>[\w-]{43})/(?P<way>encode|decode)"
    ]
    for route in ROUTES:
        if route.by_ticket:
            continue
        methods = [name for name in web.RequestHandler.SUPPORTED_METHODS if name.lower() in vars(route.handler)]
        assert methods, route
        for name in methods:
            # `inner` is what `@authorized` makes, `checked` what `@in_role` does.
            assert layers(vars(route.handler)[name.lower()]) == ["authenticated", "inner", "checked"], (
                f"{name} of {route.path}"
            )


@every_operation
def test_a_stranger_is_refused(server: Server, operation: Operation):
    reply = send(server, operation, token=None)
    assert reply.status == 403
    assert problem(reply)["code"] == "forbidden"
    assert send(server, operation, token="another").status == 403


@every_operation
def test_a_user_without_the_right_is_refused(server: Server, operation: Operation):
    reply = send(server, operation, headers={"X-Deny": str(operation.right)})
    assert reply.status == 403
    assert operation.right.resource in problem(reply)["message"]


@every_operation
def test_the_right_is_the_only_one_that_is_needed(server: Server, operation: Operation):
    others = ", ".join(str(right) for right in RIGHTS if right != operation.right)
    assert send(server, operation, headers={"X-Deny": others}).status != 403


@every_post
def test_a_page_needs_the_xsrf_token(server: Server, operation: Operation):
    signed_in = server.browser()
    xsrf = signed_in.pop("xsrf")
    refused = send(server, operation, token=None, headers=signed_in)
    assert refused.status == 403
    assert "_xsrf" in problem(refused)["message"]
    taken = send(server, operation, token=None, headers=signed_in | {"X-XSRFToken": xsrf})
    assert taken.status != 403


@every_post
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL, "Content-Type": "text/plain"},
        {"Origin": EVIL, "Content-Type": "application/x-www-form-urlencoded"},
        {"Origin": EVIL, "Content-Type": "application/json"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Host": "evil.example", "Origin": EVIL},
    ],
    ids=["text", "form", "json", "null-origin", "host", "rebinding"],
)
def test_no_other_site_can_use_the_cookies_of_a_user(server: Server, operation: Operation, headers: dict[str, str]):
    signed_in = server.browser()
    signed_in.pop("xsrf")
    reply = send(server, operation, token=None, headers=signed_in | headers)
    assert reply.status in (403, 404)
    assert "Access-Control-Allow-Origin" not in reply.headers
    problem(reply)


@every_operation
def test_what_is_not_there_is_told_in_one_shape(server: Server, operation: Operation):
    reply = send(server, operation)
    if "{" not in operation.path:
        assert reply.status == operation.status
        return
    assert reply.status == 404
    assert problem(reply)["code"] in ("run-not-found", "workflow-not-found", "schedule-not-found")


@every_operation
def test_an_unknown_parameter_is_refused(server: Server, operation: Operation):
    path = re.sub(r"\{(\w+)\}", lambda name: MADE_UP[name[1]], operation.path)
    body = None if operation.method == "GET" else BODIES.get(operation.call.__name__, {})
    reply = server.send(operation.method, f"{path}?colour=red", body)
    assert reply.status == 400
    assert "colour" in problem(reply)["message"]


@every_post
@pytest.mark.parametrize(
    "raw",
    [b"[1, 2]", b'"text"', b"{", b"\xff\xfe", b'{"colour": "red"}', b"[" * 100_000],
    ids=["list", "text", "cut", "no-utf8", "unknown", "deep"],
)
def test_a_body_that_makes_no_sense_is_refused(server: Server, operation: Operation, raw: bytes):
    path = re.sub(r"\{(\w+)\}", lambda name: MADE_UP[name[1]], operation.path)
    reply = server.send("POST", path, raw=raw)
    assert reply.status == 400
    problem(reply)


@every_post
def test_a_large_body_is_refused_unread(server: Server, operation: Operation):
    path = re.sub(r"\{(\w+)\}", lambda name: MADE_UP[name[1]], operation.path)
    reply = server.send("POST", path, raw=b"", headers={"Content-Length": "1000001"})
    assert reply.status == 413
    problem(reply)


@pytest.mark.parametrize(
    "path", ["api", "api/", "api/nothing", "api/runs/a/b/c", "api/../api/nothing", "api/runs/", "api/%00"]
)
def test_there_is_nothing_else(server: Server, path: str):
    reply = server.get(path)
    assert reply.status == 404
    problem(reply)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(server: Server, method: str):
    assert problem(server.send(method, "api/runs"))["code"] == "method-not-allowed"


@pytest.mark.parametrize(
    "id",
    [
        "..%2F..%2Fetc%2Fpasswd",
        "%F0%9F%92%A3",
        "a'%20OR%20'1'='1",
        "x" * 10_000,
        "%ED%A0%80",
        "a%00b",
        "%22%3E%3Cscript%3E",
    ],
    ids=["path", "emoji", "quotes", "long", "surrogate", "nul", "script"],
)
@pytest.mark.parametrize(
    "rest", ["", "/steps", "/steps/x-1", "/effects", "/cancel", "/rollback", "/approvals/x/decision"]
)
def test_a_hostile_id_is_just_unknown(server: Server, id: str, rest: str):
    body = {"verdict": "approve"} if "decision" in rest else {}
    post = rest.startswith(("/cancel", "/rollback", "/approvals"))
    reply = server.post(f"api/runs/{id}{rest}", body) if post else server.get(f"api/runs/{id}{rest}")
    assert reply.status in (400, 404)
    assert len(reply.body) < 2_000
    problem(reply)


def test_the_description_is_valid_and_whole(server: Server):
    told = server.get("api/openapi.json").json
    assert told == description()
    validate(told)
    described = {(method.upper(), path.lstrip("/")) for path, methods in told["paths"].items() for method in methods}
    assert described == {(operation.method, operation.path) for operation in OPERATIONS}


def refused(server: Server, **more: Any) -> int:
    """The status with which the stream is refused."""
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        server.page(**more)
    return caught.value.status_code


def test_the_stream_is_for_those_who_may(server: Server):
    assert refused(server, token=None) == 403
    assert refused(server, token="another") == 403
    assert refused(server, headers=[f"X-Deny: {STREAM}"]) == 403


@pytest.mark.parametrize("origin", [EVIL, "null", "http://127.0.0.1.evil.example", "https://127.0.0.1:1"])
def test_the_stream_is_for_no_other_site(server: Server, origin: str):
    signed_in = server.browser()
    assert refused(server, token=None, headers=[f"Cookie: {signed_in['Cookie']}"], origin=origin) == 403
    # As everywhere in Jupyter, who has the token may come from anywhere; a browser sends no token by itself.


def test_the_stream_is_at_no_other_name(server: Server):
    assert refused(server, host="evil.example") == 403
    assert refused(server, host="evil.example", origin=EVIL) == 403
