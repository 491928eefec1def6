"""RELIABILITY S2: a web page on this machine can reach every loopback port, and must not move anything through one."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from ..conftest import eventually
from .conftest import Runs

EVIL = "http://evil.example"
BODY = json.dumps({"signalName": "go", "workflowType": {"name": "greet"}, "input": [], "requestId": "1"})
SHAPES = {
    "cross-site text/plain POST": ("POST", {"Origin": EVIL, "Content-Type": "text/plain"}, BODY),
    "form POST": ("POST", {"Origin": EVIL, "Content-Type": "application/x-www-form-urlencoded"}, f"{BODY}="),
    "wrong Host": ("POST", {"Host": "evil.example", "Content-Type": "application/json"}, BODY),
    "wrong Origin": ("POST", {"Origin": EVIL, "Content-Type": "application/json"}, BODY),
    "rebinding Host": ("POST", {"Host": "evil.example:{port}", "Origin": "http://evil.example:{port}"}, BODY),
    "preflight": (
        "OPTIONS",
        {"Origin": EVIL, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"},
        "",
    ),
}
ANSWER_SECONDS = 0.3


def listening(pid: int) -> set[int]:
    """TCP ports on which a process or its descendants listen."""
    process = psutil.Process(pid)
    found = [entry for each in (process, *process.children(recursive=True)) for entry in each.net_connections("tcp")]
    assert all(entry.laddr.ip == "127.0.0.1" for entry in found if entry.status == psutil.CONN_LISTEN)
    return {entry.laddr.port for entry in found if entry.status == psutil.CONN_LISTEN}


def shaped(port: int, path: str, name: str) -> tuple[int, str, str, dict[str, str], str]:
    method, headers, body = SHAPES[name]
    return port, method, path, headers, body


def send(port: int, method: str, path: str, headers: dict[str, str], body: str) -> bytes:
    lines = {"Host": f"127.0.0.1:{port}", "Content-Length": str(len(body)), "Connection": "close"}
    lines |= {name: value.format(port=port) for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    with socket.create_connection(("127.0.0.1", port), 2) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n{body}".encode())
        return b"".join(_received(connection))


def _received(connection: socket.socket) -> Iterator[bytes]:
    try:
        while data := connection.recv(1 << 16):
            yield data
    except OSError:
        return


def paths(namespace: str, run: str) -> list[str]:
    return [
        f"/{prefix}namespaces/{namespace}/workflows/{tail}"
        for prefix in ("api/v1/", "")
        for tail in (f"{run}/signal/go", "planted-by-a-page", f"{run}/update/jupyter_workflows.decide")
    ]


def state(runs: Runs, run: str) -> tuple[list[str], list[int]]:
    """All runs of the server, and the events of one."""

    client = runs.client()

    async def read() -> tuple[list[str], list[int]]:
        known = [found.id async for found in client.list_workflows()]
        history = await client.get_workflow_handle(run).fetch_history()
        return sorted(known), [event.event_type for event in history.events]

    return runs.loop.run(read())


def test_no_request_of_a_web_page_is_accepted_by_any_port(served: Runs, tmp_path: Path):
    log = tmp_path / "log"
    handle = served.start("waiter", str(log))
    assert eventually(log.exists)
    supervisor = served.runtime.status().supervisor_pid
    assert supervisor
    ports = listening(supervisor)
    assert int(served.runtime.address.partition(":")[2]) in ports
    eventually(lambda: handle.id in state(served, handle.id)[0])
    before = state(served, handle.id)
    requests = list(itertools.product(sorted(ports), paths(served.runtime.namespace, handle.id), SHAPES))
    with ThreadPoolExecutor(12) as threads:
        answers = dict(zip(requests, threads.map(lambda request: send(*shaped(*request)), requests), strict=True))
    assert state(served, handle.id) == before
    allowed = [key for key, answer in answers.items() if b"access-control-allow" in answer.lower()]
    accepted = [key for key, answer in answers.items() if answer.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2"))]
    # The port for metrics only reads; it says 404 to these paths.
    assert (allowed, accepted) == ([], [])


def test_the_http_api_would_have_obeyed_without_the_guard(served: Runs, tmp_path: Path):
    """The same request with the secret `Host` works: so it is the guard that the test above sees, nothing else."""
    log = tmp_path / "log"
    handle = served.start("waiter", str(log))
    assert eventually(log.exists)
    status = served.runtime.status()
    command = psutil.Process(status.server_pid).cmdline()
    port = int(command[command.index("--http-port") + 1])
    guard = next(word for word in command if word.startswith("frontend.httpAllowedHosts="))
    (host,) = json.loads(guard.partition("=")[2])
    path = f"/api/v1/namespaces/{status.namespace}/workflows/{handle.id}/signal/go"
    answer = send(port, "POST", path, {"Host": host, "Content-Type": "text/plain", "Origin": EVIL}, "{}")
    assert answer.startswith(b"HTTP/1.1 200")
    assert served.result(handle) == "gone"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_metrics_change_nothing_and_name_no_run(served: Runs, method: str):
    served.run("greet", "somebody")
    command = psutil.Process(served.runtime.status().server_pid).cmdline()
    port = int(command[command.index("--metrics-port") + 1])
    answer = send(port, method, "/metrics", {"Origin": EVIL}, "")
    assert b"somebody" not in answer
    assert b"greet-" not in answer
