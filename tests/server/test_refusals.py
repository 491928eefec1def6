"""Each refusal is one line of the Jupyter server's log: who, what, where and why, whatever the request holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..conftest import eventually
from .pages import TOKEN
from .test_roles import Jupyter, Shared, shared

__all__ = ["shared"]

START = "jupyter-workflows refused "
HOSTILE = "x\r\n[W 2026-01-01 ServerApp] jupyter-workflows refused {}\x1b[2J\u202e"


class Log:
    """What a server has logged since this was made."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.before = len(shared.server.read_log())

    def text(self) -> str:
        return self.shared.server.read_log()[self.before :]

    def refusals(self) -> list[dict[str, Any]]:
        return [json.loads(line.partition(START)[2]) for line in self.text().splitlines() if START in line]

    def only(self) -> dict[str, Any]:
        assert eventually(lambda: len(self.refusals()) > 0)
        (told,) = self.refusals()
        assert set(told) == {"who", "from", "what", "workspace", "why"}
        assert told["from"] == "127.0.0.1"
        return told


@pytest.fixture
def log(shared: Shared) -> Iterator[Log]:
    found = Log(shared)
    yield found
    text = found.text()
    assert TOKEN not in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_role_that_does_not_give_it(shared: Shared, log: Log):
    assert shared.send("viewer", "POST", "api/runs/C-17/cancel?token=of-somebody", {"reason": "a secret"}).status == 403
    told = log.only()
    assert (told["who"], told["what"], told["workspace"]) == ("viewer", "POST api/runs/C-17/cancel", "here")
    assert told["why"].startswith("viewer is viewer in workspace here and has no right to write jupyter-workflows:runs")
    assert "a secret" not in log.text()


def test_a_message_of_a_page(shared: Shared, log: Log):
    page = shared.page("viewer")
    assert "no right" in page.ask("cancel", topic="run:C-17/none")["error"]
    assert (log.only()["who"], log.only()["what"]) == ("viewer", "cancel run:C-17/none")
    page.close()


def test_a_decision_in_the_name_of_somebody_else(shared: Shared, log: Log):
    body = {"verdict": "approve", "reviewer": "admin", "comment": "a secret"}
    assert shared.send("reviewer", "POST", "api/runs/C-17/approvals/a-1/decision", body).status == 409
    told = log.only()
    assert told["who"] == "reviewer"
    assert "you are reviewer here and can't decide as admin" in told["why"]
    page = shared.page("reviewer")
    answer = page.ask(
        "decide", topic="run:C-17/none", approval="a-1", content_hash="0", verdict="approve", reviewer="admin"
    )
    assert "can't decide as admin" in answer["error"]
    assert eventually(lambda: len(log.refusals()) == 2)
    assert log.refusals()[1]["what"] == "approve run:C-17/none a-1"
    assert "a secret" not in log.text()
    page.close()


def test_another_workspace(shared: Shared, log: Log, tmp_path: Path):
    ticket = shared.send("author", "POST", "api/codec").json["path"]
    answer = shared.server.send(
        "POST", f"{ticket}/decode", {"payloads": []}, token=None, headers={"X-Namespace": "payroll"}
    )
    assert answer.status == 403
    told = log.only()
    assert (told["who"], told["what"]) == ("author", "POST codec/[ticket]/decode")
    assert "not for 'payroll'" in told["why"]
    assert ticket.removeprefix("codec/") not in log.text()


def test_a_namespace_that_is_no_workspace(shared: Shared, log: Log):
    text = shared.file.read_text()
    shared.file.write_text(text.replace("namespace = ", 'namespace = "elsewhere" #'))
    try:
        assert shared.send("admin", "GET", "api/runs").status == 403
    finally:
        shared.file.write_text(text)
    assert (log.only()["workspace"], log.only()["who"]) == ("jupyter-workflows", "admin")
    assert "is no workspace: an admin has to name it" in log.only()["why"]


def test_hostile_text_stays_in_its_line(shared: Shared, log: Log):
    assert shared.send(HOSTILE, "POST", "api/runs/C-17/cancel").status == 403
    assert log.only()["who"] == "", "nobody can sign in under such a name: Jupyter's own log would show it as it is"
    page = shared.page("viewer")
    page.ask("cancel", topic=f"run:{HOSTILE}/none")
    assert eventually(lambda: len(log.refusals()) == 2)
    assert log.refusals()[1]["what"].startswith("cancel run:x [W 2026-01-01 ServerApp] jupyter-workflows refused")
    page.close()
    assert shared.send("x" * 5_000, "POST", f"api/runs/{'y' * 900}/cancel").status == 403
    assert eventually(lambda: len(log.refusals()) == 3)
    assert max(map(len, log.refusals()[2].values())) <= 500


def test_a_token_that_does_not_count(shared: Shared, log: Log):
    headers = {"Authorization": "Bearer a.b.c"}
    assert shared.server.send("GET", "api/runs", token=None, headers=headers).status == 403
    told = log.only()
    assert (told["who"], told["what"]) == ("", "GET api/runs")
    assert "nobody is signed in: " in log.text()


def test_kernels_and_files_of_a_shared_server(shared: Shared, log: Log):
    jupyter = Jupyter(shared.server.address, shared.server.process, shared.server.log, shared.server.folder)
    assert jupyter.send("POST", "api/kernels", {}, token=None, headers=shared.signed_in("viewer")).status == 403
    told = log.only()
    assert (told["who"], told["what"].endswith("/api/kernels")) == ("viewer", True)
    assert "no author or admin here, but viewer: no right to write kernels" in told["why"]
