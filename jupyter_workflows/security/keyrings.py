"""Where the keys that encrypt payloads come from, for everything that works in one home.

`encryption.json` in the home's directory of keys turns encryption on, for kernels, worker hosts and the Jupyter
server alike, and names the source; `JUPYTER_WORKFLOWS_ENCRYPTION_KEY` gives the keys themselves, to an exported
worker for instance, and wins.

| source | the keys |
|---|---|
| `file` | in the file itself, which only the user can read; wrapped (RFC 3394) where a wrapping key is set |
| `keyring` | in the keyring of the operating system, by the package `keyring` |
| `MODULE:FUNCTION` | what the function gives for a namespace: a `KeyRing`; for a key management service |
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import functools
import importlib
import json
import os
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from ..errors import EncryptionFailed
from .encryption import KEY_BYTES, Encryption, KeyRing

FILE = "encryption.json"
KEYS_VARIABLE = "JUPYTER_WORKFLOWS_ENCRYPTION_KEY"
WRAPPING_VARIABLE = "JUPYTER_WORKFLOWS_WRAPPING_KEY"
SERVICE = "jupyter-workflows"
EXAMPLE = f"{KEYS_VARIABLE}=name:BASE64, the current key first, more keys after commas"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def encryption(keys: Path | None, namespace: str) -> Encryption | None:
    """The codec for a namespace; None where encryption is off.

    Args:
        keys: The home's directory of keys, if there is a home.
        namespace: Temporal's namespace.

    Raises:
        EncryptionFailed: It is on, and the keys can't be had.
    """
    read = ring_reader(keys, namespace)
    return Encryption(read, namespace, functools.partial(stamp_of, keys)) if read else None


def stamp_of(keys: Path | None) -> object:
    """What changes whenever the file that turns encryption on is written."""
    try:
        found = (keys / FILE).stat() if keys else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ino) if found else None


def ring_reader(keys: Path | None, namespace: str) -> Callable[[], KeyRing] | None:
    """What reads the key ring; None where encryption is off."""
    if os.environ.get(KEYS_VARIABLE):
        return ring_of_environment
    if keys is None or not (keys / FILE).exists():
        return None
    return lambda: ring_of_home(keys, namespace)


def ring_of_environment() -> KeyRing:
    """The keys in the environment.

    Raises:
        EncryptionFailed: The variable is malformed; its value is not shown.
    """
    found: dict[str, bytes] = {}
    purposes: dict[str, str] = {}
    for part in os.environ.get(KEYS_VARIABLE, "").split(","):
        named, colon, text = part.strip().partition(":")
        name, _, pattern = named.partition("@")
        if not name or not colon:
            raise EncryptionFailed(f"{KEYS_VARIABLE} is malformed: set {EXAMPLE}")
        found[name] = key_of(text, f"the key {name!r} in {KEYS_VARIABLE}")
        if pattern:
            purposes[pattern] = name
    general = [name for name in found if name not in purposes.values()]
    if not general:
        raise EncryptionFailed(f"{KEYS_VARIABLE} has keys for single runs only: set {EXAMPLE}")
    return KeyRing(general[0], found, purposes)


def ring_of_home(keys: Path, namespace: str) -> KeyRing:
    """The keys that the home's file holds or points to.

    Raises:
        EncryptionFailed: They can't be had; names the file.
    """
    content = read_file(keys)
    source = str(content.get("source", ""))
    if source == "file":
        return unwrapped(content, keys / FILE, wrapping_key())
    if source == "keyring":
        return ring_of_text(of_keyring(namespace), f"the entry {SERVICE}/{namespace} of the system's keyring")
    return provided(source, namespace)


def read_file(keys: Path) -> dict[str, Any]:
    """The file that turns encryption on.

    Raises:
        EncryptionFailed: It is damaged, or others can read it.
    """
    path = keys / FILE
    try:
        mode = path.stat().st_mode & 0o077
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EncryptionFailed(
            f"{path} can't be read: {error}. Without it nothing that was encrypted opens: restore it from a copy"
        ) from None
    if mode:
        raise EncryptionFailed(f"{path} can be read by others: chmod 600 it, and rotate its keys if they may be known")
    if not isinstance(content, dict):
        raise EncryptionFailed(f"{path} is no object of JSON: restore it from a copy")
    return cast("dict[str, Any]", content)


def unwrapped(content: Mapping[str, Any], path: Path, wrapping: bytes | None) -> KeyRing:
    """The key ring of a file.

    Raises:
        EncryptionFailed: A key is damaged, or it is wrapped and the wrapping key is not the right one.
    """
    from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

    if content.get("wrapped") and wrapping is None:
        raise EncryptionFailed(
            f"the keys in {path} are wrapped: set {WRAPPING_VARIABLE} to the key they are wrapped with"
        )
    found: dict[str, bytes] = {}
    for name, text in content.get("keys", {}).items():
        raw = decoded(str(text), f"the key {name!r} in {path}")
        try:
            found[name] = aes_key_unwrap(wrapping, raw) if content.get("wrapped") and wrapping else raw
        except (InvalidUnwrap, ValueError):
            raise EncryptionFailed(
                f"the keys in {path} do not open with {WRAPPING_VARIABLE}: it is another key"
            ) from None
    return KeyRing(str(content.get("current")), found, *purposes_and_destroyed(content))


def purposes_and_destroyed(content: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Which runs have keys of their own, and which keys were destroyed."""
    purposes: Mapping[str, object] = content.get("purposes") or {}
    destroyed: Mapping[str, object] = content.get("destroyed") or {}
    return texts_in(purposes), texts_in(destroyed)


def texts_in(mapping: Mapping[str, object]) -> dict[str, str]:
    """A mapping of texts."""
    return {str(name): str(value) for name, value in mapping.items()}


def ring_of_text(text: str, what: str) -> KeyRing:
    """A key ring as JSON.

    Raises:
        EncryptionFailed: It is malformed.
    """
    try:
        content = json.loads(text)
        keys = {str(name): key_of(str(key), f"the key {name!r} in {what}") for name, key in content["keys"].items()}
        return KeyRing(str(content["current"]), keys, *purposes_and_destroyed(content))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise EncryptionFailed(f"{what} is malformed: rotate the keys to write it anew") from None


def of_keyring(namespace: str) -> str:
    """What the system's keyring holds for a namespace.

    Raises:
        EncryptionFailed: There is no keyring, or nothing in it.
    """
    try:
        keyring: Any = importlib.import_module("keyring")
        text = keyring.get_password(SERVICE, namespace)
    except Exception as error:  # noqa: BLE001 - each backend has exceptions of its own
        raise EncryptionFailed(
            f"the system's keyring can't be used: {error}: pip install keyring, or unlock it"
        ) from None
    if not text:
        raise EncryptionFailed(
            f"the system's keyring has no entry {SERVICE}/{namespace}: `jupyter workflows encryption on`"
        )
    return str(text)


def provided(source: str, namespace: str) -> KeyRing:
    """What a function of the user's gives.

    Raises:
        EncryptionFailed: It can't be imported or called, or gives something else.
    """
    module, colon, name = source.partition(":")
    if not colon:
        raise EncryptionFailed(f"encryption has no source {source!r}: it is file, keyring or MODULE:FUNCTION")
    try:
        found = getattr(importlib.import_module(module), name)(namespace)
    except Exception as error:
        raise EncryptionFailed(f"the keys can't be had of {source}: {type(error).__name__}: {error}") from error
    if not isinstance(found, KeyRing):
        raise EncryptionFailed(f"{source} gives {type(found).__name__}, and a KeyRing is wanted")
    return found


def turn_on(keys: Path, namespace: str, source: str = "file") -> KeyRing:
    """Turns encryption on for a home; where it is on already, its keys stay.

    Args:
        keys: The home's directory of keys.
        namespace: Temporal's namespace.
        source: Where the keys are to be: see the module.

    Raises:
        EncryptionFailed: The keys can't be made or had there.
    """
    path = keys / FILE
    if path.exists():
        return ring_of_home(keys, namespace)
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    if source == "file":
        write_ring(path, with_new_key(None), wrapping_key())
    else:
        if source == "keyring":
            store_in_keyring(namespace, with_new_key(None))
        write_whole(path, {"format": 1, "source": source})
    try:
        return ring_of_home(keys, namespace)
    except EncryptionFailed:
        path.unlink()
        raise


def rotate(keys: Path, namespace: str) -> KeyRing:
    """Makes a new key the current one; what older keys encrypted still opens.

    Raises:
        EncryptionFailed: The keys are not ours to rotate, or can't be written.
    """
    content = read_file(keys)
    return written(keys, namespace, content, with_new_key(ring_of_home(keys, namespace)))


def add_purpose(keys: Path, namespace: str, name: str, pattern: str) -> KeyRing:
    """Makes a key for the runs of one purpose or person: what is encrypted with it can be erased alone.

    Args:
        keys: The home's directory of keys.
        namespace: Temporal's namespace.
        name: The key's id.
        pattern: Of the ids of those runs, with `*` and `?`, such as `patient-17-*`; runs that begin from now on.

    Raises:
        EncryptionFailed: The name or pattern is taken or makes no sense, or the keys are not ours to write.
    """
    content, ring = read_file(keys), ring_of_home(keys, namespace)
    if not NAME.fullmatch(name):
        raise EncryptionFailed(f"a key can't be called {name[:80]!r}: take letters, digits, `.`, `_` and `-`, up to 64")
    if name in ring.keys or name in ring.destroyed:
        raise EncryptionFailed(f"there is or was a key {name!r}: take another name")
    if not pattern or set(pattern) <= set("*?") or set(pattern) & set(",:"):
        raise EncryptionFailed(f"{pattern!r} is no pattern for the runs of one purpose: such as 'patient-17-*'")
    if pattern in ring.purposes:
        raise EncryptionFailed(f"runs like {pattern} have the key {ring.purposes[pattern]!r} already")
    key = {name: secrets.token_bytes(KEY_BYTES)}
    made = dataclasses.replace(ring, keys={**ring.keys, **key}, purposes={**ring.purposes, pattern: name})
    return written(keys, namespace, content, made)


def destroy(keys: Path, namespace: str, name: str) -> KeyRing:
    """Destroys a key: what was encrypted with it can't be read any more, by anybody who has no copy of the key.

    Raises:
        EncryptionFailed: There is no such key, it is the current one, or the keys are not ours to write.
    """
    content, ring = read_file(keys), ring_of_home(keys, namespace)
    destroyable(ring, name)
    left = {each: key for each, key in ring.keys.items() if each != name}
    when = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    made = dataclasses.replace(ring, keys=left, destroyed={**ring.destroyed, name: when})
    return written(keys, namespace, content, made)


def destroyable(ring: KeyRing, name: str) -> None:
    """Refuses to destroy a key that is none, is gone, or is in use.

    Raises:
        EncryptionFailed: It is one of them.
    """
    if name in ring.destroyed:
        raise EncryptionFailed(f"the key {name!r} was destroyed at {ring.destroyed[name]} already")
    if name not in ring.keys:
        raise EncryptionFailed(f"there is no key {name[:80]!r}; there are {', '.join(sorted(ring.keys))}")
    if name == ring.current:
        raise EncryptionFailed(f"{name!r} is the current key: `encryption rotate` first, then destroy it")


def written(keys: Path, namespace: str, content: Mapping[str, Any], ring: KeyRing) -> KeyRing:
    """Writes a ring where it came from; gives it.

    Raises:
        EncryptionFailed: It is not ours to write, or can't be written.
    """
    match content.get("source"):
        case "file":
            write_ring(keys / FILE, ring, wrapping_key())
        case "keyring":
            store_in_keyring(namespace, ring)
            # Whoever has the ring sees by this file that there is a newer one.
            write_whole(keys / FILE, dict(content))
        case source:
            raise EncryptionFailed(f"the keys come from {source}: rotate them there, add and destroy them there")
    return ring


def rewrap(keys: Path, old: bytes | None, new: bytes | None) -> KeyRing:
    """Wraps the keys of a home's file anew; nothing that they encrypted changes.

    Args:
        keys: The home's directory of keys.
        old: The key they are wrapped with; None where they are not.
        new: The key to wrap them with; None to keep them as they are, readable by the user alone.

    Raises:
        EncryptionFailed: The keys are elsewhere, or `old` is not the right one.
    """
    content = read_file(keys)
    if content.get("source") != "file":
        raise EncryptionFailed(
            f"the keys come from {content.get('source')}: only those in {keys / FILE} are wrapped here"
        )
    ring = unwrapped(content, keys / FILE, old)
    write_ring(keys / FILE, ring, new)
    return ring


def with_new_key(ring: KeyRing | None) -> KeyRing:
    """The ring with one more key, which is the current one."""
    name = f"{datetime.now(UTC):%Y-%m-%d}-{secrets.token_hex(3)}"
    key = {name: secrets.token_bytes(KEY_BYTES)}
    return dataclasses.replace(ring, current=name, keys={**ring.keys, **key}) if ring else KeyRing(name, key)


def write_ring(path: Path, ring: KeyRing, wrapping: bytes | None) -> None:
    """Writes a ring into a home's file.

    Raises:
        EncryptionFailed: It can't be written.
    """
    from cryptography.hazmat.primitives.keywrap import aes_key_wrap

    texts = {
        name: base64.b64encode(aes_key_wrap(wrapping, key) if wrapping else key).decode()
        for name, key in ring.keys.items()
    }
    known = {"current": ring.current, "purposes": dict(ring.purposes), "destroyed": dict(ring.destroyed)}
    write_whole(path, {"format": 1, "source": "file", **known, "wrapped": wrapping is not None, "keys": texts})


def write_whole(path: Path, content: dict[str, Any]) -> None:
    """Writes the file, readable by the user alone; readers see the old or the new one.

    Raises:
        EncryptionFailed: It can't be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise EncryptionFailed(f"{path} can't be written: {error.strerror}") from None


def store_in_keyring(namespace: str, ring: KeyRing) -> None:
    """Puts a ring into the system's keyring.

    Raises:
        EncryptionFailed: There is none, or it refuses.
    """
    keys = {name: base64.b64encode(key).decode() for name, key in ring.keys.items()}
    try:
        keyring: Any = importlib.import_module("keyring")
        known = {"current": ring.current, "purposes": dict(ring.purposes), "destroyed": dict(ring.destroyed)}
        keyring.set_password(SERVICE, namespace, json.dumps({**known, "keys": keys}))
    except Exception as error:  # noqa: BLE001 - each backend has exceptions of its own
        raise EncryptionFailed(
            f"the system's keyring can't be used: {error}: pip install keyring, or unlock it"
        ) from None


def wrapping_key(variable: str = WRAPPING_VARIABLE) -> bytes | None:
    """The key that wraps the keys of a file; None where none is set."""
    text = os.environ.get(variable)
    return key_of(text, variable) if text else None


def key_of(text: str, what: str) -> bytes:
    """A key written as base64.

    Raises:
        EncryptionFailed: It is none; its text is not shown.
    """
    raw = decoded(text, what)
    if len(raw) != KEY_BYTES:
        raise EncryptionFailed(f"{what} has {len(raw)} bytes, and AES-256 takes {KEY_BYTES}: `openssl rand -base64 32`")
    return raw


def decoded(text: str, what: str) -> bytes:
    """Bytes written as base64.

    Raises:
        EncryptionFailed: They are not.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise EncryptionFailed(f"{what} is no base64: `openssl rand -base64 32` makes a key") from None
