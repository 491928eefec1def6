"""What completes a line, without a server and without waiting for one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_workflows import workflow
from jupyter_workflows.commands.completion import completions, words_before
from jupyter_workflows.commands.parser import build_parser
from jupyter_workflows.magics.options import activity_parser, workflow_parser
from jupyter_workflows.session import Session


@workflow
async def review(contract: str) -> None:
    """Reviews a contract."""


@pytest.fixture
def session(tmp_path: Any) -> Session:
    from jupyter_workflows.local.paths import Home

    return Session(home=Home.locate(tmp_path), settings=None, namespace={"review": review, "other": SimpleNamespace()})


def completed(session: Session, line: str, parser: Any = None) -> list[str]:
    words, token = words_before(line)
    return [item.text for item in completions(session, parser or build_parser("%workflow"), words, token)]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("s", ["status", "start", "show", "signal", "schedule", "schedules"]),
        ("--j", ["--json"]),
        ("--json r", ["runs", "reject", "resume", "rollback", "replay"]),
        ("start ", ["review", "--help", "--json", "--no-color", "--debug", "--id", "--if-exists", "--queue"]),
        ("start r", ["review"]),
        ("start review --if-exists ", ["raise", "attach", "restart"]),
        ("start review --id x --i", ["--if-exists"]),
        ("runs --status f", ["failed"]),
        ("runs --status failed --st", ["--status"]),
        ("runs --limit 3 --l", []),
        ("show no-such", []),
        ("show one --f", ["--follow"]),
        ("nonsense x", []),
        ("approve 'open quote", []),
    ],
)
def test_line_is_completed(session: Session, line: str, found: list[str]):
    assert completed(session, line) == found


@pytest.mark.parametrize(
    ("parser", "line", "found"),
    [
        (workflow_parser, "--s", ["--start"]),
        (workflow_parser, "--if-exists r", ["raise", "restart"]),
        (workflow_parser, 'name --start {"a": 1} --l', ["--lint"]),
        (activity_parser, "--r", ["--retry", "--rate-limit"]),
        (activity_parser, "--retry 3 --r", ["--rate-limit"]),
    ],
)
def test_line_of_a_cell_magic_is_completed(session: Session, parser: Any, line: str, found: list[str]):
    assert completed(session, line, parser()) == found


def test_completion_starts_no_runtime(session: Session):
    assert completed(session, "show ") == ["--help", "--json", "--no-color", "--debug", "--follow"]
    assert not session.home.data.exists() or not session.home.database.exists()
