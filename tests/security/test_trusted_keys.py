"""Whose keys count, for whom they speak, and until when."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_workflows.errors import ApprovalRefused
from jupyter_workflows.schema import SignedStart
from jupyter_workflows.security import identity
from jupyter_workflows.security.trusted_keys import TrustedKey

from .test_identity import NOW, decision

KEY = bytes(range(32))
PUBLIC = identity.public_key(KEY)
ID = identity.key_id(PUBLIC)


def known(place: Path, *keys: dict[str, Any]) -> identity.TrustedKeys:
    """Keys as a worker elsewhere is given them, in one file."""
    file = place / "reviewers.json"
    file.write_text(json.dumps({"keys": list(keys)}))
    loaded = identity.TrustedKeys(place / "none", only=file)
    loaded.load()
    assert not (place / "none").exists(), "no key of one's own is made"
    return loaded


def jwk(**more: Any) -> dict[str, Any]:
    return TrustedKey(PUBLIC).as_jwk(ID) | more


@pytest.mark.parametrize(
    ("says", "reviewer", "groups", "reason"),
    [
        ({}, "anybody", ["risk"], None),
        ({"persons": ["Ada"]}, "ADA", [], None),
        ({"persons": ["ada"]}, "bob", [], "the key may not speak for bob: it is the key of ada"),
        ({"persons": ["ada"], "issuer": "hub"}, "bob", [], "the key of hub may not speak for bob"),
        ({"persons": ["ada"]}, "ada", ["risk"], "may not vouch that ada is in the group risk"),
        ({"persons": ["ada"], "groups": ["Risk"]}, "ada", ["risk"], None),
        ({"groups": ["staff"]}, "bob", ["risk"], "may not vouch that bob is in the group risk"),
        ({"retired_at": (NOW - timedelta(hours=1)).isoformat()}, "ada", [], "was retired at 2026-04-30 23:00:00 UTC"),
        ({"retired_at": (NOW + timedelta(hours=1)).isoformat()}, "ada", [], None),
    ],
)
def test_a_key_speaks_for_whom_its_set_says(
    tmp_path: Path, says: dict[str, Any], reviewer: str, groups: list[str], reason: str | None
):
    signed = identity.sign(decision(reviewer=reviewer, groups=groups), KEY)
    told = known(tmp_path, jwk(**says)).rejection(signed, at=NOW)
    assert told is None if reason is None else reason in (told or ""), told


def test_a_retired_key_says_still_who_started_what_was_started_before(tmp_path: Path):
    start = identity.sign(SignedStart(workflow_id="w", workflow="review", starter="ada", issued_at=NOW, nonce="n"), KEY)
    keys = known(tmp_path, jwk(retired_at=NOW.isoformat()))
    assert keys.distrust(start, NOW - timedelta(days=3)) is None
    assert "was retired" in (keys.distrust(start, NOW + timedelta(days=3)) or "")


@pytest.mark.parametrize(
    "content",
    [
        "no json", "[]", '{"keys": 3}', '{"keys": [3]}', "{}",
        json.dumps({"keys": [jwk(kid="0" * 16)]}),
        json.dumps({"keys": [jwk(x="AAAA")]}),
        json.dumps({"keys": [jwk(persons="ada")]}),
        json.dumps({"keys": [jwk(persons=[7])]}),
        json.dumps({"keys": [jwk(retired_at="yesterday")]}),
    ],
)  # fmt: skip
def test_a_set_that_makes_no_sense_is_named(tmp_path: Path, content: str):
    file = tmp_path / "reviewers.json"
    file.write_text(content)
    with pytest.raises(ApprovalRefused, match=r"reviewers\.json is no set of keys"):
        identity.TrustedKeys(tmp_path, only=file).load()


def test_keys_of_other_kinds_are_left_out(tmp_path: Path):
    assert len(known(tmp_path, {"kty": "RSA", "n": "AQAB", "e": "AQAB"}, jwk())) == 1


def test_an_act_without_groups_is_signed_as_it_always_was():
    plain = decision()
    assert "groups" not in plain.model_dump(mode="json")
    assert b"groups" not in identity.signed_bytes(plain)
    told = identity.signed_bytes(decision(groups=["risk"]))
    assert b'"groups":["risk"]' in told
    assert b"signature" not in told


def test_a_key_is_rotated(tmp_path: Path):
    home = identity.TrustedKeys(tmp_path)
    home.load()
    before = identity.sign(decision(), identity.ensure_key(tmp_path))
    seen = home.changed_at()
    new, old = identity.rotate_key(tmp_path)
    assert (before.key_id, identity.sign(decision(), identity.ensure_key(tmp_path)).key_id) == (old, new)
    assert home.changed_at() != seen
    home.load()
    assert len(home) == 2
    now = datetime.now(UTC)
    after = identity.sign(decision(issued_at=now, expires_at=now), identity.ensure_key(tmp_path))
    late = before.model_copy(update={"issued_at": now, "expires_at": now + timedelta(days=1)})
    late = identity.sign(late, KEY).model_copy(update={"key_id": old})
    assert home.rejection(after, at=now) is None
    # What was on its way when the key was rotated still counts; hours later the old key says nothing any more.
    assert home.distrust(before, now) is None
    assert "was retired" in (home.distrust(before, now + timedelta(hours=1)) or "")
    assert "was changed on its way" in (home.rejection(late, at=now) or "")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_file()}
    assert modes == {0o600}
