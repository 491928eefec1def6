"""The codec: what is encrypted opens where it belongs and nowhere else."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import sys
from pathlib import Path
from types import ModuleType

import pytest
from temporalio.api.common.v1 import Payload

from jupyter_workflows.errors import EncryptionFailed
from jupyter_workflows.security import keyrings
from jupyter_workflows.security.encryption import Encryption, KeyRing
from jupyter_workflows.security.keyrings import FILE, KEYS_VARIABLE, WRAPPING_VARIABLE

PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"a secret of the house"')


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEYS_VARIABLE, raising=False)
    monkeypatch.delenv(WRAPPING_VARIABLE, raising=False)


def ring(*names: str) -> KeyRing:
    return KeyRing(names[0], {name: secrets.token_bytes(32) for name in names})


def sealed(codec: Encryption) -> Payload:
    (payload,) = asyncio.run(codec.encode([PLAIN]))
    return payload


def opened(codec: Encryption, payload: Payload) -> Payload:
    (plain,) = asyncio.run(codec.decode([payload]))
    return plain


def text() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def test_a_payload_comes_back_and_is_never_twice_the_same():
    keys = ring("k")
    codec = Encryption(lambda: keys, "bank")
    one, other = sealed(codec), sealed(codec)
    assert one.data != other.data
    assert b"secret" not in one.SerializeToString()
    assert opened(codec, one) == opened(codec, other) == PLAIN
    assert opened(codec, PLAIN) == PLAIN


@pytest.mark.parametrize("where", range(0, 60, 7))
def test_each_changed_byte_is_noticed(where: int):
    keys = ring("k")
    codec = Encryption(lambda: keys, "bank")
    payload = sealed(codec)
    data = bytearray(payload.data)
    data[where] ^= 1
    with pytest.raises(EncryptionFailed, match="does not open with the key 'k'"):
        opened(codec, Payload(metadata=payload.metadata, data=bytes(data)))


@pytest.mark.parametrize("length", [0, 10, 16, 28, 40])
def test_what_was_cut_off_is_noticed(length: int):
    keys = ring("k")
    payload = sealed(Encryption(lambda: keys, "bank"))
    with pytest.raises(EncryptionFailed, match="does not open"):
        opened(Encryption(lambda: keys, "bank"), Payload(metadata=payload.metadata, data=payload.data[:length]))


def test_a_ciphertext_that_was_moved_does_not_open():
    keys = KeyRing("k", {"k": b"1" * 32, "twin": b"1" * 32})
    payload = sealed(Encryption(lambda: keys, "bank"))
    with pytest.raises(EncryptionFailed, match="in namespace hospital"):
        opened(Encryption(lambda: keys, "hospital"), payload)
    payload.metadata["jw-key"] = b"twin"
    with pytest.raises(EncryptionFailed, match="does not open with the key 'twin'"):
        opened(Encryption(lambda: keys, "bank"), payload)


def test_another_cipher_and_another_key_are_named():
    keys = ring("k", "older")
    codec = Encryption(lambda: keys, "bank")
    stranger = sealed(Encryption(lambda: KeyRing("theirs", {"theirs": b"2" * 32}), "bank"))
    with pytest.raises(
        EncryptionFailed, match=r"the key 'theirs', which is not in the key ring here \(it has k, older\)"
    ):
        opened(codec, stranger)
    payload = sealed(codec)
    payload.metadata["jw-cipher"] = b"2"
    with pytest.raises(EncryptionFailed, match="use the newest version"):
        opened(codec, payload)


def test_a_rotated_key_is_found_by_those_who_had_read_the_ring_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("jupyter_workflows.security.encryption.READ_AGAIN_SECONDS", 0.0)
    first = keyrings.turn_on(tmp_path, "bank")
    worker = keyrings.encryption(tmp_path, "bank")
    assert worker is not None
    before = sealed(worker)
    second = keyrings.rotate(tmp_path, "bank")
    assert second.current != first.current
    kernel = keyrings.encryption(tmp_path, "bank")
    assert kernel is not None
    after = sealed(kernel)
    assert after.metadata["jw-key"].decode() == second.current
    assert opened(worker, after) == opened(kernel, before) == PLAIN


def test_encryption_is_off_until_it_is_turned_on(tmp_path: Path):
    assert keyrings.encryption(tmp_path, "bank") is None
    assert keyrings.encryption(None, "bank") is None
    first = keyrings.turn_on(tmp_path, "bank")
    assert keyrings.turn_on(tmp_path, "bank") == first
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_keys_of_the_environment_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    keyrings.turn_on(tmp_path, "bank")
    monkeypatch.setenv(KEYS_VARIABLE, f"now:{text()}, before:{text()}")
    codec = keyrings.encryption(tmp_path, "bank")
    assert codec is not None
    assert sealed(codec).metadata["jw-key"] == b"now"


def test_keys_for_single_runs_stay_over_a_rotation_and_stand_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    keyrings.turn_on(tmp_path, "bank")
    keyrings.add_purpose(tmp_path, "bank", "own", "own-*")
    keyrings.add_purpose(tmp_path, "bank", "gone", "gone-*")
    keyrings.destroy(tmp_path, "bank", "gone")
    ring = keyrings.rotate(tmp_path, "bank")
    read = keyrings.ring_of_home(tmp_path, "bank")
    assert read == ring
    assert [read.key_of_run(run) for run in ("own-1", "gone-1", "other", None)] == [
        *("own", "gone", ring.current, ring.current)
    ]
    assert set(read.destroyed) == {"gone"}
    assert "gone" not in read.keys
    monkeypatch.setenv(KEYS_VARIABLE, f"own@own-*:{text()},now:{text()}")
    given = keyrings.ring_of_environment()
    assert (given.current, given.key_of_run("own-1")) == ("now", "own")
    monkeypatch.setenv(KEYS_VARIABLE, f"own@own-*:{text()}")
    with pytest.raises(EncryptionFailed, match="keys for single runs only"):
        keyrings.ring_of_environment()


@pytest.mark.parametrize(
    "value", ["no colon", "name:short", f"name:{base64.b64encode(b'7' * 16).decode()}", ":", "n:%%%"]
)
def test_malformed_keys_are_refused_and_never_shown(value: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(KEYS_VARIABLE, value)
    with pytest.raises(EncryptionFailed, match=KEYS_VARIABLE) as refused:
        keyrings.encryption(None, "bank")
    assert value.partition(":")[2] == "" or value.partition(":")[2] not in str(refused.value)


def test_keys_in_a_file_are_wrapped_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = keyrings.turn_on(tmp_path, "bank")
    old, new = secrets.token_bytes(32), secrets.token_bytes(32)
    keyrings.rewrap(tmp_path, None, old)
    with pytest.raises(EncryptionFailed, match=f"wrapped: set {WRAPPING_VARIABLE}"):
        keyrings.encryption(tmp_path, "bank")
    keyrings.rewrap(tmp_path, old, new)
    monkeypatch.setenv(WRAPPING_VARIABLE, base64.b64encode(old).decode())
    with pytest.raises(EncryptionFailed, match="it is another key"):
        keyrings.encryption(tmp_path, "bank")
    monkeypatch.setenv(WRAPPING_VARIABLE, base64.b64encode(new).decode())
    assert keyrings.ring_of_home(tmp_path, "bank") == made
    raw = (tmp_path / FILE).read_text()
    assert base64.b64encode(made.keys[made.current]).decode() not in raw


def test_a_function_may_give_the_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    kms = ModuleType("kms_of_the_house")
    given = ring("kms-1")
    kms.keys = lambda namespace: given if namespace == "bank" else None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kms_of_the_house", kms)
    assert keyrings.turn_on(tmp_path, "bank", "kms_of_the_house:keys") == given
    assert "kms-1" not in (tmp_path / FILE).read_text()
    with pytest.raises(EncryptionFailed, match="gives NoneType, and a KeyRing is wanted"):
        keyrings.ring_of_home(tmp_path, "hospital")
    with pytest.raises(EncryptionFailed, match="rotate them there"):
        keyrings.rotate(tmp_path, "bank")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "can't be read"),
        ("[]", "is no object"),
        ('{"source": "nowhere"}', "no source 'nowhere'"),
        ('{"source": "no_such_module:keys"}', "ModuleNotFoundError"),
        ('{"source": "keyring"}', "the system's keyring"),
        ('{"source": "file", "current": "a", "keys": {}}', "no key 'a'"),
        ('{"source": "file", "current": "a", "keys": {"a": "?"}}', "no base64"),
        (json.dumps({"source": "file", "current": "a", "keys": {"a": "AAAA"}}), "3 bytes"),
    ],
)
def test_a_damaged_file_never_means_that_encryption_is_off(tmp_path: Path, content: str, reason: str):
    path = tmp_path / FILE
    path.touch(mode=0o600)
    path.write_text(content)
    with pytest.raises(EncryptionFailed, match=reason):
        keyrings.encryption(tmp_path, "bank")


def test_a_file_that_others_can_read_is_refused(tmp_path: Path):
    keyrings.turn_on(tmp_path, "bank")
    (tmp_path / FILE).chmod(0o644)
    with pytest.raises(EncryptionFailed, match="can be read by others"):
        keyrings.encryption(tmp_path, "bank")
