"""Published workflows as endpoints: idempotent starts, results, decisions, and nothing that breaks the gateway."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Gateway, serving


def test_openapi_has_a_path_for_each_workflow_with_the_schema_of_its_arguments(gateway: Gateway) -> None:
    paths = gateway.send("GET", "/openapi.json").json["paths"]
    assert {"/workflows/review/runs", "/workflows/count-letters/runs", "/runs/{id}"} <= set(paths)
    body = paths["/workflows/review/runs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["arguments"]["properties"]["contract"]["type"] == "string"


def test_a_key_gives_one_run_and_its_result(gateway: Gateway) -> None:
    key = {"Idempotency-Key": "letters-1"}
    body = {"arguments": {"text": "four"}}
    first = gateway.send("POST", "/workflows/count-letters/runs", body, headers=key)
    again = gateway.send("POST", "/workflows/count-letters/runs", body, headers=key)
    other = gateway.send("POST", "/workflows/count-letters/runs", {"arguments": {"text": "five"}}, headers=key)
    of_bob = gateway.send("POST", "/workflows/count-letters/runs", body, headers=key, token=gateway.bob)
    assert [first.status, again.status, other.status, of_bob.status] == [201, 200, 409, 201]
    assert again.json["run"] == first.json["run"] != of_bob.json["run"]
    assert gateway.until(first.json["run"], "completed")["result"] == 4
    assert gateway.send("GET", f"/runs/{first.json['run']}", token=gateway.bob).status == 404


def test_decisions_are_of_the_caller_and_only_where_its_token_says_so(gateway: Gateway) -> None:
    run = gateway.send("POST", "/workflows/review/runs", {"arguments": {"contract": "C-1"}}).json["run"]
    [asked] = gateway.until(run, "waiting")["approvals"]
    assert (asked["can_decide"], asked["message"]) == (True, "Publish C-1?")
    decision = f"/runs/{run}/approvals/{asked['id']}/decision"
    stale = gateway.send("POST", decision, {"verdict": "approve", "form": {"risk": 1}, "content_hash": "0" * 64})
    unfit = gateway.send("POST", decision, {"verdict": "approve", "form": {"risk": "high"}})
    fit = {"verdict": "approve", "form": {"risk": 1}, "content_hash": asked["content_hash"]}
    assert [stale.status, unfit.status, gateway.send("POST", decision, fit).status] == [409, 409, 200]
    assert gateway.send("POST", decision, fit).status == 409
    assert gateway.until(run, "completed")["result"]["by"] == "ada"
    run = gateway.send("POST", "/workflows/review/runs", {"arguments": {"contract": "C-2"}}, token=gateway.bob).json[
        "run"
    ]
    [asked] = gateway.until(run, "waiting", token=gateway.bob)["approvals"]
    assert asked["can_decide"] is False
    refused = gateway.send("POST", f"/runs/{run}/approvals/{asked['id']}/decision", fit, token=gateway.bob)
    assert (refused.status, refused.json["error"]["code"]) == (403, "caller-refused")
    assert gateway.send("POST", f"/runs/{run}/cancel", {}, token=gateway.bob).status == 200
    assert gateway.until(run, "cancelled", token=gateway.bob)["result"] is None


NO_KEY = {"Idempotency-Key": ""}
REFUSED = {
    "no token": ("GET", "/workflows", None, None, {}, 401),
    "not a token": ("GET", "/workflows", None, "jw_00000000_" + "a" * 43, {}, 401),
    "a path as a token": ("GET", "/workflows", None, "jw_../../../_" + "a" * 43, {}, 401),
    "another site's page": ("GET", "/health", None, "", {"Origin": "http://evil.example"}, 403),
    "no origin at all": ("GET", "/health", None, "", {"Origin": "null"}, 403),
    "a rebound name": ("GET", "/workflows", None, "", {"Host": "evil.example"}, 421),
    "a rebound name with a port": ("POST", "/mcp", b"{}", "", {"Host": "evil.example:8321"}, 421),
    "a name that begins like ours": ("GET", "/workflows", None, "", {"Host": "localhost.evil.example"}, 421),
    "MCP without a token": ("POST", "/mcp", b"{}", None, {}, 401),
    "MCP from a page": ("POST", "/mcp", b"{}", "", {"Origin": "https://evil.example"}, 403),
    "too much": ("POST", "/workflows/review/runs", b"{}", "", {"Content-Length": "1000001"}, 413),
    "no JSON": ("POST", "/workflows/review/runs", b"{", "", {}, 400),
    "NaN": ("POST", "/workflows/review/runs", b'{"arguments": {"contract": NaN}}', "", {}, 400),
    "deep nesting": ("POST", "/workflows/review/runs", b"[" * 100_000, "", {}, 400),
    "a form": ("POST", "/workflows/review/runs", b"a=b", "", {"Content-Type": "text/plain"}, 400),
    "an argument of a wrong type": ("POST", "/workflows/review/runs", {"arguments": {"contract": 1}}, "", {}, 422),
    "a missing argument": ("POST", "/workflows/review/runs", {}, "", {}, 422),
    "an unknown argument": ("POST", "/workflows/review/runs", {"arguments": {"contract": "", "x": 1}}, "", {}, 422),
    "a lone surrogate": ("POST", "/workflows/review/runs", b'{"arguments": {"contract": "\\ud800"}}', "", {}, 422),
    "an unknown workflow": ("POST", "/workflows/nothing/runs", {}, "", {}, 404),
    "a way out": ("POST", "/workflows/..%2f..%2fkeys/runs", {}, "", {}, 404),
    "another's run by its temporal id": ("GET", "/runs/jw-notebook-abc", None, "", {}, 404),
    "a run that is a path": ("GET", "/runs/%2e%2e%2fx", None, "", {}, 404),
    "an empty key": ("POST", "/workflows/review/runs", {"arguments": {"contract": ""}}, "", NO_KEY, 400),
    "a bad wait": ("GET", "/runs/review-0123456789abcdef?wait=inf", None, "", {}, 404),
    "a parameter twice": ("GET", "/runs/review-0123456789abcdef?wait=1&wait=2", None, "", {}, 400),
    "another method": ("DELETE", "/workflows", None, "", {}, 405),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_let_in_is_refused_in_one_shape(gateway: Gateway, name: str) -> None:
    method, path, body, token, headers, status = REFUSED[name]
    reply = gateway.send(method, path, body, token=token, headers=headers)
    assert reply.status == status, reply
    assert set(reply.json["error"]) == {"code", "message", "remedy"}
    assert "Traceback" not in json.dumps(reply.json)


def test_too_many_requests_of_one_token_are_put_off_and_others_are_not(gateway: Gateway) -> None:
    with serving(gateway.home, "--rate", "0.01") as address:
        calm = Gateway(address, gateway.home)
        statuses = [calm.send("GET", "/workflows").status for _ in range(102)]
        assert statuses[:100] == [200] * 100
        put_off = calm.send("GET", "/workflows")
        assert (put_off.status, int(put_off.headers["retry-after"]) >= 1) == (429, True)
        assert calm.send("GET", "/workflows", token=calm.bob).status == 200


def test_schemathesis_finds_no_server_error(gateway: Gateway, tmp_path: Path) -> None:
    run = gateway.send("POST", "/workflows/review/runs", {"arguments": {"contract": "C-3"}}).json["run"]
    gateway.until(run, "waiting")
    config = tmp_path / "schemathesis.toml"
    config.write_text(f'[parameters]\n"path.id" = "{run}"\n"path.approval" = "human_approval-1"\n')
    command = [sys.executable, "-W", "ignore", "-m", "schemathesis.cli", "--config-file", str(config), "run"]
    options = ["-H", f"Authorization: Bearer {gateway.ada}", "--max-examples", "8", "--seed", "1", "--no-color"]
    phases = ["--phases", "coverage,fuzzing", "--generation-deterministic"]
    checks = ["--checks", "not_a_server_error,response_schema_conformance,content_type_conformance,ignored_auth"]
    url = f"{gateway.address}/openapi.json"
    done = subprocess.run(
        [*command, url, *options, *phases, *checks],
        capture_output=True, text=True, timeout=170, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Tested: 7" in done.stdout, done.stdout[-2000:]


def test_a_file_of_roles_counts_for_callers(gateway: Gateway) -> None:
    file = gateway.home.data / "workspaces.toml"
    body = {"arguments": {"text": "four"}}
    try:
        file.write_text('[workspaces.here]\nnamespace = "jupyter-workflows"\nauthor = ["ada"]\nviewer = ["bob"]\n')
        file.chmod(0o644)
        assert gateway.send("POST", "/workflows/count-letters/runs", body).status == 201
        refused = gateway.send("POST", "/workflows/count-letters/runs", body, token=gateway.bob)
        assert (refused.status, refused.json["error"]["code"]) == (403, "not-permitted")
    finally:
        file.unlink()
