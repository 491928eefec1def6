"""What is published and who may call: names, files, tokens, and that a publication keeps its code."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows import session
from jupyter_workflows.cli import main
from jupyter_workflows.errors import ApprovalRefused, CommandError, PublishRefused, WorkflowNotFound
from jupyter_workflows.local.paths import Home
from jupyter_workflows.publish.callers import directory, list_tokens, make_token, recognised, revoke
from jupyter_workflows.publish.gateway import GatewaySettings, sealing_secret
from jupyter_workflows.publish.guard import Budget, host_name
from jupyter_workflows.publish.published import checked_tool, list_published
from jupyter_workflows.publish.questions import answer_of, is_flat, requested_schema
from jupyter_workflows.schema.publishing import OpenQuestion

from ..kernels import run_cells
from .conftest import Gateway


@pytest.fixture(autouse=True)
def _no_session_stays() -> Iterator[None]:
    yield
    session.use(None)


NAMES = [
    "", " ", ".", "..", "../x", "/etc/passwd", "a/b", "a\\b", "C:x", "con", "NUL", "com1", "a" * 65, "1a", "-a", "_a",
    "a b", "a\n", "a\0b", "$(id)", "`id`", "{{x}}", "a;b", "a'b", 'a"b', "<b>", "rевiew", "revíew", "a\u202eb",
    "a.json", "workflow_run",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_hostile_names_are_no_names_to_be_called_by(name: str) -> None:
    with pytest.raises(PublishRefused, match="Give --as NAME"):
        checked_tool(name)


def test_a_publication_keeps_its_code_until_it_is_published_again(gateway: Gateway, published: Path) -> None:
    before = next(known for known in list_published(gateway.home) if known.tool == "count-letters")
    cells = (
        "%load_ext jupyter_workflows",
        "%%workflow\nasync def letters(text: str) -> int:\n    '''Another.'''\n    return -1",
        "letters.bundle()",
    )
    run_cells(cells, home=gateway.home.data, folder=published)
    started = gateway.send("POST", "/workflows/count-letters/runs", {"arguments": {"text": "abc"}}).json
    assert gateway.until(started["run"], "completed")["result"] == 3
    run_cells((*cells, "%workflow publish letters --as temporary"), home=gateway.home.data, folder=published)
    started = gateway.send("POST", "/workflows/temporary/runs", {"arguments": {"text": "abc"}}).json
    assert gateway.until(started["run"], "completed")["result"] == -1
    assert main(["unpublish", "temporary"]) == 0
    assert gateway.send("POST", "/workflows/temporary/runs", {"arguments": {"text": "abc"}}).status == 404
    assert next(known for known in list_published(gateway.home) if known.tool == "count-letters") == before


def test_tokens_are_stored_hashed_and_end_at_once(own_home: Home) -> None:
    made, text = make_token(own_home, "ada")
    path = directory(own_home) / f"{made.id}.json"
    assert text not in path.read_text()
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)] == [0o600, 0o700]
    found = recognised(own_home, text)
    assert (found and found.caller, recognised(own_home, text[:-1] + "~"), recognised(own_home, "")) == (
        "ada",
        None,
        None,
    )
    over = make_token(own_home, "bob", days=1e-9)[1]
    assert recognised(own_home, over) is None
    revoke(own_home, made.id)
    assert recognised(own_home, text) is None
    path.write_text("{}")
    assert [token.caller for token in list_tokens(own_home)] == ["bob"]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"caller": ""}, PublishRefused, "name of who calls"),
        ({"caller": "a\nb"}, PublishRefused, "name of who calls"),
        ({"caller": "a\u202eb"}, PublishRefused, "name of who calls"),
        ({"caller": "ada", "days": 0}, PublishRefused, "--days"),
        ({"caller": "ada", "days": float("nan")}, PublishRefused, "--days"),
        ({"caller": "ada", "tools": ["../x"]}, WorkflowNotFound, "no workflow is published"),
    ],
)
def test_tokens_that_make_no_sense_are_refused(
    own_home: Home, options: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        make_token(own_home, **options)
    with pytest.raises(PublishRefused, match="there is no token"):
        revoke(own_home, "../../keys/reviewer")
    assert list_tokens(own_home) == []


def test_commands_list_tokens_without_secrets(own_home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tokens", "add", "ada", "--days", "9", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert main(["tokens", "--json"]) == 0
    listed = capsys.readouterr().out
    assert made["token"] not in listed
    assert "sha256" not in listed
    assert main(["tokens", "revoke", made["id"]]) == 0
    assert main(["published", "--json"]) == 0
    assert main(["tokens", "add"]) == 2


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"host": "0.0.0.0"}, "would see the tokens"),
        ({"host": "flows.example", "behind_proxy": False}, "would see the tokens"),
        ({"certificate": "cert.pem"}, "belong together"),
        ({"certificate": "nowhere.pem", "private_key": "nowhere.key"}, "names no file"),
        ({"port": 70_000}, "--port"),
        ({"wait_seconds": 0}, "--wait"),
        ({"per_second": 0}, "--rate"),
    ],
)
def test_a_gateway_that_would_be_unsafe_is_refused(settings: Any, words: str) -> None:
    with pytest.raises(PublishRefused, match=words):
        GatewaySettings(**settings).check()
    GatewaySettings(host="0.0.0.0", behind_proxy=True).check()


def test_a_budget_fills_up_again() -> None:
    now = [0.0]
    budget = Budget(2.0, 3, clock=lambda: now[0])
    assert [budget.spend("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert budget.spend("b") == 0
    now[0] = 0.5
    assert [budget.spend("a") for _ in range(2)] == [0, 0.5]


@pytest.mark.parametrize(
    ("host", "name"),
    [("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("LocalHost.:8", "localhost"), ("a:b", "a:b"), ("", "")],
)
def test_names_of_hosts(host: str, name: str) -> None:
    assert host_name(host) == name


def question(schema: Any) -> OpenQuestion:
    known = {"id": "a-1", "message": "?", "assignees": [], "can_decide": True, "opened_at": "2026-01-01T00:00:00Z"}
    return OpenQuestion.model_validate({**known, "content_hash": "h", "form_schema": schema})


def test_forms_have_flat_fields_and_take_the_rest_as_json() -> None:
    flat = {"properties": {"risk": {"type": "integer"}, "why": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}
    assert list(requested_schema(question(flat))["properties"]) == ["decision", "comment", "form_risk", "form_why"]
    assert is_flat(question(flat))
    cyclic = {"$ref": "#/$defs/Cyclic"}
    nested = {
        "properties": {"parts": {"type": "array", "items": {"enum": [7, 8]}}, "odd": cyclic, "any": {}},
        "$defs": {"Cyclic": {"anyOf": [cyclic, {"type": "null"}]}},
    }
    fields = requested_schema(question(nested))["properties"]
    assert list(fields) == ["decision", "comment", "json_parts", "json_odd", "json_any"]
    assert fields["json_parts"]["description"] == "JSON such as [7]"
    assert not is_flat(question(nested))
    given = {"decision": "approve", "json_parts": "[7]", "json_odd": "null", "json_any": ""}
    assert getattr(answer_of(question(nested), given), "form", None) == {"parts": [7], "odd": None}
    for text in ("[7", "NaN", "[" * 100_000, 7):
        with pytest.raises(ApprovalRefused, match="the field parts takes JSON"):
            answer_of(question(nested), {**given, "json_parts": text})
    said = answer_of(question(flat), {"decision": "approve", "form_risk": 1})
    assert said
    assert (said.verdict, said.form, said.content_hash) == ("approve", {"risk": 1}, "h")
    assert answer_of(question(flat), {"decision": "maybe"}) is None
    assert answer_of(question(flat), None) is None


def test_gateways_that_start_together_seal_with_one_key(own_home: Home) -> None:
    own_home.create()
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(sealing_secret, [own_home] * 8))) == 1
    kept = sorted(path.name for path in directory(own_home).iterdir())
    assert kept == ["sealing.key"]
    assert stat.S_IMODE((directory(own_home) / "sealing.key").stat().st_mode) == 0o600
    (directory(own_home) / "sealing.key").write_bytes(b"short")
    with pytest.raises(PublishRefused, match="is no key: move it away"):
        sealing_secret(own_home)


def test_a_token_is_not_made_in_a_notebook(own_home: Home) -> None:
    from jupyter_workflows.commands.dispatch import run
    from jupyter_workflows.commands.parser import parse
    from jupyter_workflows.session import Session

    in_notebook = Session(home=own_home, namespace={"a": 1})
    with pytest.raises(CommandError, match="in a terminal"):
        run(in_notebook, parse("%workflow", ["tokens", "add", "ada"]))
