"""The embedded runtime behind a Jupyter server: started when a page needs it, seen to go and come back."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import HOME_VARIABLE, Home
from jupyter_workflows.local.starting import SPARE_VARIABLE

from ..conftest import eventually, temporary_home
from .pages import Page, Server, jupyter_server


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Home]]:
    """A Jupyter server with a home of its own, in which nothing runs yet."""
    folder = tmp_path_factory.mktemp("own")
    with (
        pytest.MonkeyPatch.context() as patch,
        temporary_home(folder / "home") as home,
    ):
        patch.delenv(HOME_VARIABLE, raising=False)
        with jupyter_server(home.data, folder, environment={SPARE_VARIABLE: "0"}) as server:
            yield server, home


def state(page: Page, wanted: str) -> dict[str, object]:
    """Waits until the connection is in a state."""
    told = page.followed("status", "status")
    while told["state"] != wanted:
        told = page.until(lambda message: message["type"] == "status")
    return told


def test_a_runtime_from_start_to_end(own: tuple[Server, Home]):
    server, home = own
    with server.page() as page:
        told = state(page, "stopped")
        assert told["embedded"]
        assert server.get("api/status").json["state"] == "stopped"
        assert local_runtime.status(home).state == "stopped", "looking starts nothing"

        page.followed("inbox", "inbox")
        state(page, "connected")
        states = [message["state"] for message, _ in page.told if message["type"] == "status"]
        assert states.index("starting") < states.index("connected")

        pid = local_runtime.status(home).supervisor_pid
        assert pid
        os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: local_runtime.status(home).supervisor_pid not in (None, pid), 60)
        page.followed("runs", "runs")
        state(page, "connected")

        local_runtime.down(home)
        told = state(page, "stopped")
        trouble = page.followed("inbox", "trouble")
        assert "was ended" in trouble["message"]
        assert not trouble["final"]
        assert local_runtime.status(home).state == "stopped", "a page that merely looks does not start it again"

        assert server.post("api/runtime/start").json["state"] == "connected"
        page.followed("inbox", "inbox")


def test_a_server_that_may_not_start_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    options = ["--WorkflowsServer.allow_start=False", f"--WorkflowsServer.home={tmp_path / 'elsewhere'}"]
    with jupyter_server(tmp_path / "home", tmp_path, options=options) as server, server.page() as page:
        trouble = page.followed("inbox", "trouble")
        while "jupyter workflows up" not in trouble["message"]:
            trouble = page.followed("inbox", "trouble")
        told = page.followed("status", "status")
        assert (told["can_start"], told["home"]) == (False, str(tmp_path / "elsewhere"))
        refused = server.post("api/runtime/start")
        assert (refused.status, refused.json["error"]["code"]) == (503, "runtime-failed")
        assert not (tmp_path / "elsewhere").exists()
