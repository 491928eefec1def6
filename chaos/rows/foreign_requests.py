"""Row S2: requests that a web page, or a page whose name was rebound to loopback, can send to every open port."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

import psutil

from ..processes import processes_of
from ..stage import Stage
from ..verdicts import Outcome
from .plan import Row

NAMESPACE = "jupyter-workflows"
START = '{"workflowType":{"name":"pipeline"},"taskQueue":{"name":"stolen"},"workflowId":"%s","requestId":"%s"}'
ANSWER_SECONDS = 2.0


def play(stage: Stage, count: int, outcome: Outcome) -> None:
    """Send every shape of request to every port that a process of the home listens on; nothing may come of it."""
    kernel = stage.kernel()
    run = stage.start_gated(kernel)
    stage.start(kernel, 1)
    stage.wait_for_ends()
    before = known_runs(stage)
    ports = listening(stage)
    outcome.demand(ports, "no port is open: nothing was tested")
    tried = 0
    for port in ports:
        for shape in SHAPES:
            tried += 1
            accepted = obeyed(send(port, shape(port, run)))
            outcome.demand(not accepted, f"port {port} obeyed {shape.__name__}: {accepted!r}")
    outcome.count = tried
    outcome.lost += len(known_runs(stage) ^ before)
    outcome.demand(known_runs(stage) == before, "a foreign request started a run")
    outcome.demand(stage.told(run).updates == 0, "a foreign request decided an approval")
    outcome.demand(stage.told(run).status == "running", f"a foreign request ended a run: {stage.told(run)}")
    check_addresses(stage, outcome)
    outcome.notes.append(f"{len(ports)} ports x {len(SHAPES)} shapes")
    kernel.run(f"get_run({run!r}).terminate('over')")
    stage.conclude(outcome)


def listening(stage: Stage) -> list[int]:
    """The TCP ports on which the runtime's processes listen, kernels left out: those are Jupyter's."""
    pids = [found.pid for found in processes_of(stage.home.data) if found.role not in ("kernel", "jupyter")]
    return sorted({port for pid in pids for _, port in addresses(pid)})


def addresses(pid: int) -> list[tuple[str, int]]:
    """What a process listens on."""
    with contextlib.suppress(psutil.Error):
        connections = psutil.Process(pid).net_connections("tcp")
        return [tuple(found.laddr) for found in connections if found.status == psutil.CONN_LISTEN]
    return []


def check_addresses(stage: Stage, outcome: Outcome) -> None:
    """Nothing listens where other machines could reach it."""
    for found in processes_of(stage.home.data):
        if found.role not in ("kernel", "jupyter"):
            wide = [address for address in addresses(found.pid) if not address[0].startswith(("127.", "::1"))]
            outcome.demand(not wide, f"{found.role} listens on {wide}")


def known_runs(stage: Stage) -> set[str]:
    """Workflow ids of all runs."""
    client = stage.client()

    async def listed() -> set[str]:
        return {found.id async for found in client.list_workflows()}

    return stage.do(listed())


def send(port: int, request: bytes) -> bytes:
    """The answer to raw bytes; empty where there is none."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.sendall(request)
        answer = b""
        with contextlib.suppress(OSError):
            while chunk := connection.recv(1 << 16):
                answer += chunk
                if len(answer) > 1 << 16:
                    break
        return answer
    return b""


def obeyed(answer: bytes) -> bytes:
    """The beginning of an answer that says yes, or that lets pages of other origins read it."""
    head = answer.partition(b"\r\n\r\n")[0].lower()
    status = answer.split(b" ", 2)[1:2] if answer.startswith(b"HTTP/1") else []
    allows = b"access-control-allow-origin" in head
    return answer[:200] if allows or (status and status[0][:1] == b"2") or status == [b"101"] else b""


def _http(method: str, path: str, host: str, headers: str = "", body: str = "") -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}{length}\r\n{body}".encode()


def cross_site_form(port: int, run: str) -> bytes:
    """What a form or `fetch(..., {mode: "no-cors"})` sends: plain text, no preflight."""
    headers = "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\nContent-Type: text/plain\r\n"
    return _http(
        "POST", f"/api/v1/namespaces/{NAMESPACE}/workflows/form", f"127.0.0.1:{port}", headers, START % ("form", "1")
    )


def rebound_read(port: int, run: str) -> bytes:
    """A page whose name now resolves to loopback reads the runs."""
    return _http("GET", f"/api/v1/namespaces/{NAMESPACE}/workflows", f"evil.example:{port}")


def rebound_write(port: int, run: str) -> bytes:
    """The same page ends a run, with JSON, which it may because it is of the same origin."""
    headers = f"Origin: http://evil.example:{port}\r\nContent-Type: application/json\r\n"
    path = f"/api/v1/namespaces/{NAMESPACE}/workflows/{run}/terminate"
    return _http("POST", path, f"evil.example:{port}", headers, '{"reason":"evil"}')


def local_name(port: int, run: str) -> bytes:
    """A request under the name `localhost`, from another site."""
    headers = "Origin: http://localhost:3000\r\nContent-Type: text/plain\r\n"
    path = f"/api/v1/namespaces/{NAMESPACE}/workflows/{run}/signal/decide"
    return _http("POST", path, f"localhost:{port}", headers, "{}")


def preflight(port: int, run: str) -> bytes:
    """May a page of another origin send JSON?"""
    headers = (
        "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n"
        "Access-Control-Request-Headers: content-type\r\n"
    )
    return _http("OPTIONS", f"/api/v1/namespaces/{NAMESPACE}/workflows/x", f"127.0.0.1:{port}", headers)


def web_socket(port: int, run: str) -> bytes:
    """A WebSocket, which no same-origin rule holds back."""
    headers = (
        "Origin: https://evil.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    return _http("GET", "/", f"127.0.0.1:{port}", headers)


SHAPES: tuple[Callable[[int, str], bytes], ...] = (
    cross_site_form,
    rebound_read,
    rebound_write,
    local_name,
    preflight,
    web_socket,
)

ROW = Row("S2", "requests of foreign pages to every port the runtime opens", 60, 60, play)
