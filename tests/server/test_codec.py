"""The codec endpoint: plain values in Temporal's own tools for whoever may see them, and for nobody else."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home
from jupyter_workflows.local.server import NAMESPACE
from jupyter_workflows.security import keyrings

from ..conftest import temporary_home
from ..dev_server import temporal_binary
from ..kernels import run_cells
from .pages import Reply, Server, jupyter_server

SECRET = "a-diagnosis-of-somebody"
CELLS = (
    "%load_ext jupyter_workflows",
    "%%workflow\nasync def keep(text: str) -> str:\n    return text",
    f"keep.options(id='kept').start({SECRET!r}).result(60)",
)
UI = "http://127.0.0.1:8233"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with encryption on, and a run in it."""
    with temporary_home(tmp_path_factory.mktemp("encrypted") / "home") as home:
        keyrings.turn_on(home.keys, NAMESPACE)
        run_cells(CELLS, home=home.data, folder=tmp_path_factory.mktemp("notebook"))
        yield home


@pytest.fixture(scope="module")
def server(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_WORKFLOWS_UI_ADDRESS", UI)
        with jupyter_server(home.data, tmp_path_factory.mktemp("server")) as running:
            yield running


@pytest.fixture(scope="module")
def endpoint(server: Server) -> str:
    answer = server.post("api/codec")
    assert answer.status == 200
    assert (answer.json["encrypted"], answer.json["seconds"]) == (True, 43_200)
    return str(answer.json["path"])


def ask(server: Server, path: str, payloads: Any, **headers: str) -> Reply:
    """As Temporal's tools ask: no token, no cookie."""
    named = {"Content-Type": "application/json", "X-Namespace": NAMESPACE} | headers
    return server.post(path, {"payloads": payloads}, token=None, headers=named)


def plain(text: str) -> dict[str, Any]:
    encoding = base64.b64encode(b"json/plain").decode()
    return {"metadata": {"encoding": encoding}, "data": base64.b64encode(json.dumps(text).encode()).decode()}


def show(home: Home, *more: str) -> str:
    """What the real command shows of the run."""
    address = local_runtime.status(home).address
    command = [temporal_binary(), "workflow", "show", "--workflow-id", "kept", "--namespace", NAMESPACE]
    command += ["--address", str(address), "--output", "json", *more]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_temporals_command_shows_plain_values_with_a_ticket_only(home: Home, server: Server, endpoint: str):
    in_clear = str(plain(SECRET)["data"])
    assert in_clear not in show(home)
    assert in_clear in show(home, "--codec-endpoint", server.url(endpoint))
    with pytest.raises(subprocess.CalledProcessError):
        show(home, "--codec-endpoint", server.url(f"codec/{'x' * 43}"))
    assert "decoded 1 values in Temporal's tools" in server.read_log()


def test_values_go_there_and_back_and_plain_ones_pass(server: Server, endpoint: str):
    sealed = ask(server, f"{endpoint}/encode", [plain("hush")]).json["payloads"]
    assert base64.b64decode(sealed[0]["metadata"]["encoding"]) == b"binary/encrypted"
    assert ask(server, f"{endpoint}/decode", [*sealed, plain("open")]).json["payloads"] == [
        plain("hush"),
        plain("open"),
    ]


def test_a_page_of_the_web_ui_may_ask_and_no_other(server: Server, endpoint: str):
    path = f"{endpoint}/decode"
    preflight = server.send("OPTIONS", path, token=None, headers={"Origin": UI})
    assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (204, UI)
    assert "x-namespace" in preflight.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Private-Network" not in preflight.headers
    nearer = {"Origin": UI, "Access-Control-Request-Private-Network": "true"}
    allowed = server.send("OPTIONS", path, token=None, headers=nearer)
    assert allowed.headers["Access-Control-Allow-Private-Network"] == "true"
    assert ask(server, path, [], Origin="http://localhost:8233").status == 200
    for origin in ("http://evil.example", "http://127.0.0.1:8234", "null", "https://127.0.0.1:8233"):
        refused = ask(server, path, [], Origin=origin)
        assert refused.status == 403
        assert "Access-Control-Allow-Origin" not in refused.headers
        assert server.send("OPTIONS", path, token=None, headers={"Origin": origin}).status == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b'{"payloads": 7}', 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (
            json.dumps({"payloads": [{"metadata": {"encoding": "YmluYXJ5L2VuY3J5cHRlZA=="}, "data": "AAAA"}]}).encode(),
            400,
        ),
    ],
)
def test_nonsense_is_refused_in_a_sentence(server: Server, endpoint: str, body: bytes, status: int):
    reply = server.send("POST", f"{endpoint}/decode", raw=body, token=None)
    assert reply.status == status
    assert reply.body
    assert b"Traceback" not in reply.body


def test_only_who_may_see_values_gets_a_ticket_and_only_for_this_namespace(server: Server, endpoint: str):
    assert server.post("api/codec", token=None).status == 403
    assert ask(server, f"{endpoint}/decode", [], **{"X-Namespace": "another"}).status == 403
    assert ask(server, f"codec/{'x' * 43}/decode", []).status == 403
    assert server.send("POST", f"codec/{'x' * 10}/decode", {}, token=None).status in (403, 404)


def test_nothing_on_the_disk_names_a_ticket(home: Home, server: Server, endpoint: str):
    ticket = endpoint.partition("/")[2].encode()
    roots: list[Path] = [home.data, server.folder]
    kept = [path for root in roots for path in root.rglob("*") if path.is_file() and path != server.log]
    assert not [path for path in kept if ticket in path.read_bytes()]
    assert ticket not in server.log.read_bytes()
