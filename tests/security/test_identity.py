"""Keys and signatures of reviewers."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_workflows.errors import ApprovalRefused
from jupyter_workflows.schema import Decision
from jupyter_workflows.security import identity

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def decision(**changes: object) -> Decision:
    fields = {
        "workflow_id": "w",
        "run_id": "r",
        "approval": "human_approval-1",
        "content_hash": "c",
        "verdict": "approve",
        "reviewer": "ada",
        "issued_at": NOW,
        "expires_at": NOW + timedelta(minutes=5),
        "nonce": "n",
    }
    return Decision.model_validate({**fields, **changes})


def trusted(keys: Path) -> identity.TrustedKeys:
    loaded = identity.TrustedKeys(keys)
    loaded.load()
    return loaded


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_key_is_the_users_alone_and_stays(tmp_path: Path) -> None:
    os.umask(0o022)
    keys = tmp_path / "keys"
    key = identity.ensure_key(keys)
    assert identity.ensure_key(keys) == key
    assert mode(keys) == 0o700
    assert {mode(path) for path in keys.rglob("*") if path.is_file()} == {0o600}
    assert not [path for path in keys.rglob(".*") if path.is_file()], "no draft is left behind"


def test_many_processes_at_once_make_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = set(pool.map(lambda _: identity.ensure_key(tmp_path / "keys"), range(64)))
    assert len(made) == 1


def test_a_damaged_key_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "reviewer.key").write_bytes(b"short")
    with pytest.raises(ApprovalRefused, match=r"reviewer\.key is no reviewer key \(it has 5 bytes\): move it away"):
        identity.ensure_key(tmp_path)


def test_a_signed_decision_is_trusted(tmp_path: Path) -> None:
    signed = identity.sign(decision(), identity.ensure_key(tmp_path))
    assert trusted(tmp_path).rejection(signed, at=NOW) is None


def test_a_home_does_not_trust_the_keys_of_another(tmp_path: Path) -> None:
    mine, other = trusted(tmp_path / "mine"), trusted(tmp_path / "other")
    signed = identity.sign(decision(), identity.ensure_key(tmp_path / "mine"))
    assert mine.rejection(signed, at=NOW) is None
    assert "not signed by a reviewer" in (other.rejection(signed, at=NOW) or "")


@pytest.mark.parametrize("field", ["workflow_id", "run_id", "approval", "content_hash", "reviewer", "nonce", "comment"])
def test_a_change_of_any_field_breaks_the_signature(tmp_path: Path, field: str) -> None:
    signed = identity.sign(decision(), identity.ensure_key(tmp_path))
    changed = signed.model_copy(update={field: "changed"})
    assert "changed on its way" in (trusted(tmp_path).rejection(changed, at=NOW) or "")


@settings(deadline=None)
@given(comment=st.text(), value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_any_content_can_be_signed_and_verified(comment: str, value: object) -> None:
    key = bytes(range(32))
    signed = identity.sign(decision(comment=comment, value=value, edited=True), key)
    again = Decision.model_validate_json(signed.model_dump_json())
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = Ed25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()
    assert identity.verifies(again, public)


def test_a_trusted_key_under_a_wrong_name_is_ignored(tmp_path: Path) -> None:
    trusted(tmp_path)
    (path,) = (tmp_path / "trusted").glob("*.pub")
    path.rename(path.with_name("0" * 16 + ".pub"))
    (tmp_path / "trusted" / "junk.pub").write_bytes(b"\xff")
    key = (tmp_path / "reviewer.key").read_bytes()
    (tmp_path / "reviewer.key").write_bytes(bytes(range(32)))
    assert trusted(tmp_path).rejection(identity.sign(decision(), key), at=NOW) is not None
