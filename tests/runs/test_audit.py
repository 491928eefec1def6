"""The audit file of a run: what it tells, that two are equal, and that no change goes unnoticed."""

from __future__ import annotations

import json
import random
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_workflows.commands.audit_commands import audit
from jupyter_workflows.commands.tables import Page
from jupyter_workflows.errors import AuditFailed, CommandError
from jupyter_workflows.runs.audit.chain import audit_file
from jupyter_workflows.runs.audit.exporting import trusted_keys, verify_file
from jupyter_workflows.runs.audit.report import render_report
from jupyter_workflows.runs.audit.verifying import verify
from jupyter_workflows.security import identity

from . import audit_records
from .conftest import Engine

KEY = bytes(range(32))
OWN = {identity.fingerprint(identity.public_key(KEY)): "a key for tests"}


@pytest.fixture(scope="module")
def told(scenes: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The audit file of a run with retries, a signal, a child, and a decision with a form and an edit."""
    run = scenes.start("everything", 3, id="audited", starter="grace")
    run.signal("word", "news")
    run.wait_for("approval", timeout=20)
    run.approve(reviewer="ada", comment="ok", form={"reason": "good"}, value={"title": "News", "tags": ["a", "b"]})
    run.result(timeout=20)
    path = tmp_path_factory.mktemp("audit") / "audited.jsonl"
    run.audit(path)
    return path


def records(path: Path, type: str) -> list[dict[str, Any]]:
    lines = map(json.loads, path.read_text("ascii").splitlines())
    return [record["body"] for record in lines if record["type"] == type]


def test_file_tells_who_did_what(scenes: Engine, told: Path):
    (head,), (start,), (end,) = (records(told, kind) for kind in ("audit", "start", "end"))
    assert (head["run"], head["workflow"], head["status"]) == ("audited", "everything", "completed")
    assert (start["by"], start["arguments"], start["kind"]) == ("grace", [3], "start")
    assert (end["status"], end["result"]["by"]) == ("completed", "ada")
    steps = {step["id"]: step for step in records(told, "step")}
    assert (steps["flaky-1"]["retries"], steps["flaky-1"]["output"]) == (2, 3)
    assert steps["flaky-1"]["attempts"][1]["failure"]["message"] == "attempt 2 got no answer"
    assert [signal["input"] for signal in records(told, "signal")] == [["news"]]
    (approval,), (act,) = records(told, "approval"), records(told, "act")
    assert (approval["shown"]["message"], approval["shown_hash_fits"]) == ("Publish news?", True)
    assert (act["by"], act["act"]["verdict"], act["act"]["content_hash"]) == (
        "ada",
        "approve",
        approval["content_hash"],
    )
    assert records(told, "approval_changed")[-1]["changed"]["edits"][0]["after"] == "News"
    (code,) = records(told, "code")
    assert "async def everything" in code["files"]["workflows.py"]["source"]
    assert code["digest"] == scenes.digest


def test_file_is_signed_and_holds_and_a_second_one_is_equal(scenes: Engine, told: Path, tmp_path: Path):
    verdict = verify_file(told, scenes.home.keys)
    assert (verdict.problems, verdict.remarks) == ([], [])
    assert (verdict.holds, verdict.trusted, verdict.acts) == (True, "your own key", 2)
    from jupyter_workflows.runs.client import get_run

    written = get_run(scenes.client, "audited", home=scenes.home).audit(tmp_path / "again.jsonl")
    assert written.path.read_bytes() == told.read_bytes()
    assert written.fingerprint == verdict.fingerprint
    assert written.path.stat().st_mode & 0o777 == 0o600


def small() -> bytes:
    """A file of a few short records, which has everything that a file can have."""
    entries: list[tuple[str, dict[str, Any]]] = [
        ("audit", {"format": 1, "run": 'a "quoted" \u00fc \\ id', "values": "full"}),
        ("step", {"event": 5, "input": [{"risk": 0.5, "of": [1, None, True]}], "status": "completed"}),
        ("end", {"at": "2026-01-01T00:00:00Z", "result": {}}),
    ]
    return audit_file(entries, private=KEY, signer="ada")


SMALL = small()
LINES = SMALL.split(b"\n")


def where(data: bytes, position: int) -> int:
    """The number of the record that a byte is in; a line's end belongs to it."""
    return data.count(b"\n", 0, position)


def field_at(line: bytes, position: int) -> str:
    """The field of the body whose value a byte of a line is in; empty elsewhere."""
    for name, value in json.loads(line)["body"].items():
        text = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        begin = line.index(b'"' + name.encode() + b'":' + text) + len(name) + 3
        if begin <= position < begin + len(text):
            return name
    return ""


def test_a_whole_file_holds_and_tells_who_signed_it():
    verdict = verify(SMALL, OWN)
    assert verdict.holds
    assert (verdict.signed_by, verdict.trusted, len(verdict.records)) == ("ada", "a key for tests", 4)
    assert small() == SMALL


def test_each_changed_byte_is_noticed_and_found():
    begins = [sum(len(line) + 1 for line in LINES[:number]) for number in range(len(LINES))]
    unfound: list[tuple[int, int, Any]] = []
    for position, byte in enumerate(SMALL):
        for other in {byte ^ 1, byte ^ 0x80, 0x0A, 0x22} - {byte}:
            changed = SMALL[:position] + bytes([other]) + SMALL[position + 1 :]
            problems = verify(changed, OWN).problems
            number = where(SMALL, position)
            wanted = {number, number + 1} if SMALL[position] == 0x0A else {number}
            field = field_at(LINES[number], position - begins[number])
            first = problems[0] if problems else None
            if first is None or first.record not in wanted or (other != 0x0A and field not in ("", first.field)):
                unfound.append((position, other, first))
    assert unfound == []


def cut(data: bytes, number: int) -> bytes:
    return b"\n".join(data.split(b"\n")[:number]) + b"\n"


def without(data: bytes, number: int) -> bytes:
    lines = data.split(b"\n")
    return b"\n".join(lines[:number] + lines[number + 1 :])


def swapped(data: bytes, one: int, other: int) -> bytes:
    lines = data.split(b"\n")
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def resealed(data: bytes, change: Callable[[dict[str, Any]], object], number: int, *, chained: bool = False) -> bytes:
    """A record changed by somebody who knows how hashes are made, and has not the key."""
    from jupyter_workflows.runs.audit.chain import hash_of, sum_of
    from jupyter_workflows.security.canonical import canonical

    found = [json.loads(line) for line in data.splitlines()]
    change(found[number]["body"])
    for place in range(number, len(found) if chained else number + 1):
        record = found[place]
        record["previous"] = found[place - 1]["hash"] if place else "0" * 64
        record["sums"] = {name: sum_of(value) for name, value in (*record["body"].items(), ("type", record["type"]))}
        record["hash"] = hash_of(record)
    return b"\n".join([*map(canonical, found), b""])


def foreign() -> bytes:
    """The same, signed by somebody else."""
    lines = [json.loads(line) for line in SMALL.splitlines()[:-1]]
    return audit_file([(each["type"], each["body"]) for each in lines], private=bytes(32), signer="ada")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "record 0: the file is cut off here"),
        (SMALL[:-1], "record 3: the file is cut off, or something was added"),
        (SMALL[:-20], "record 3"),
        (cut(SMALL, 3), "record 2: the file is cut off here: no signature"),
        (cut(SMALL, 1), "record 0: the file is cut off here: no signature"),
        (without(SMALL, 1), "record 1, field number: record 2 stands here"),
        (without(SMALL, 0), "record 0, field number: record 1 stands here"),
        (swapped(SMALL, 1, 2), "record 1, field number: record 2 stands here"),
        (SMALL + LINES[2] + b"\n", "record 4, field number: record 2 stands here"),
        (SMALL + b"{}\n", "record 4: it lacks a field"),
        (SMALL.replace(b"\n", b"\r\n"), "record 0"),
        (b"\xef\xbb\xbf" + SMALL, "record 0: it is no JSON any more at byte 0"),
        (resealed(SMALL, lambda body: body.update(status="failed"), 1), "record 2, field previous"),
        (resealed(SMALL, lambda body: body.update(status="failed"), 1, chained=True), "record 3, field signature"),
        (resealed(SMALL, lambda body: body.update(signed_by="eve"), 3), "record 3, field signature"),
        (resealed(SMALL, lambda body: body.update(algorithm="none"), 3), "record 3, field records"),
        (resealed(SMALL, lambda body: body.update(key_id="0" * 16), 3), "record 3, field key_id"),
        (resealed(SMALL, lambda body: body.update(signature="AAAA"), 3), "record 3, field signature"),
    ],
)
def test_what_was_cut_added_moved_or_made_anew_is_found(data: bytes, problem: str):
    verdict = verify(data, OWN)
    assert not verdict.holds
    assert str(verdict.problems[0]).startswith(problem)


def test_another_signature_does_not_fit_and_another_key_is_not_trusted():
    theirs = foreign()
    verdict = verify(theirs, OWN)
    assert (verdict.intact, verdict.trusted, verdict.holds) == (True, "", False)
    pinned = trusted_keys(None, [verdict.fingerprint.upper()])
    assert verify(theirs, pinned).trusted == "the key that you named"
    swapped_in = b"\n".join([*LINES[:3], theirs.split(b"\n")[3], b""])
    assert verify(swapped_in, OWN).intact, "the signature's record is all that differs between the two"
    assert not verify(swapped_in, OWN).holds
    mixed = json.loads(theirs.split(b"\n")[3])["body"]["signature"]
    assert not verify(resealed(SMALL, lambda body: body.update(signature=mixed), 3), OWN).intact


JUNK: list[Any] = [
    *(
        None,
        True,
        -1,
        10**400,
        1e308,
        "",
        "x",
        "\ud800",
        [],
        [[]],
        [None],
        {},
        {"erased": []},
        {"role": 1},
        [{"role": []}],
    ),
    *({"sha256": 7, "bytes": "x"}, {"x": {"x": [{}]}}, ["x", 7], {"calls": {}, "cost": "x"}, "2026-11-26T00:00:00"),
]


@pytest.mark.parametrize("seed", range(40))
def test_any_content_that_somebody_signs_is_checked_and_reported(seed: int):
    chance = random.Random(seed)
    entries: list[tuple[str, dict[str, Any]]] = []
    for kind, body in audit_records.told("x"):
        changed = {name: chance.choice(JUNK) if chance.random() < 0.4 else value for name, value in body.items()}
        entries.append((kind, changed))
    entries.append(("keys", {"public": chance.choice(JUNK)}))
    verdict = verify(audit_file(entries, private=KEY, signer="ada"), OWN)
    assert [problem for problem in verdict.problems if problem.field not in ("act", "shown")] == []
    assert render_report(verdict.records, checked=verdict).startswith("<!doctype html>")
    assert render_report(verdict.records, checked=None).endswith("</html>\n")


def test_large_file_is_checked_in_seconds_and_each_change_is_found():
    entries = [("step", {"event": number, "id": f"step-{number}", "output": "x" * 200}) for number in range(10_000)]
    data = audit_file([("audit", {"format": 1}), *entries], private=KEY, signer="ada")
    began = time.monotonic()
    assert verify(data, OWN).holds
    assert time.monotonic() - began < 20
    for number in (1, 4_999, 10_000):
        lines = data.split(b"\n")
        lines[number] = lines[number].replace(b"xxx", b"xxy", 1)
        (problem,) = verify(b"\n".join(lines), OWN).problems
        assert (problem.record, problem.field) == (number, "output")


def test_command_says_what_holds_by_its_exit_status(tmp_path: Path):
    home: Any = SimpleNamespace(keys=tmp_path / "keys")
    session: Any = SimpleNamespace(home=home)
    path = tmp_path / "small.jsonl"
    fingerprint = next(iter(OWN))
    for content, keys, status, words in (
        (SMALL, [fingerprint], 0, "as it was signed"),
        (SMALL, [], 1, "a key that is not known here"),
        (SMALL.replace(b"completed", b"cancelled"), [fingerprint], 1, "it was changed in"),
    ):
        path.write_bytes(content)
        html = str(tmp_path / "report.html")
        outcome = audit(session, Namespace(target="verify", path=str(path), key=keys, html=html, values="full"))
        assert (outcome.exit_code, words in outcome.text(Page())) == (status, True)
    assert "The file is not what was signed" in (tmp_path / "report.html").read_text("utf-8")
    assert not home.keys.exists(), "no key is made by looking"
    for arguments, reason in (((None, []), "needs the file"), (("none.jsonl", []), "can't be read")):
        with pytest.raises((CommandError, AuditFailed), match=reason):
            audit(session, Namespace(target="verify", path=arguments[0], key=[], html=None, values="full"))
    with pytest.raises(AuditFailed, match="is no fingerprint"):
        trusted_keys(None, ["abc"])


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_random_changes_of_a_real_file_are_found(told: Path, data: Any):
    whole = told.read_bytes()
    position = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.integers(0, 40))
    put = data.draw(st.binary(max_size=40))
    changed = whole[:position] + put + whole[position + length :]
    if changed == whole:
        return
    found = verify(changed, OWN).problems
    assert found
    assert abs(found[0].record - where(whole, position)) <= 1
