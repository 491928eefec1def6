"""Payloads are encrypted before they leave the process, with AES-256-GCM, and opened after they came back.

Each payload has a key of its own, derived (HKDF-SHA256) from a key of the ring and a random salt, so that no number of
payloads wears a key out. The namespace and the key's id are authenticated with it: a ciphertext that was moved to
another namespace, or is said to be of another key, does not open.

    metadata  encoding = binary/encrypted, jw-cipher = 1, jw-key = the key's id
    data      salt (16 bytes), nonce (12 bytes), ciphertext and tag of the serialised payload
"""

from __future__ import annotations

import copy
import fnmatch
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec, SerializationContext, WithSerializationContext
from temporalio.exceptions import ApplicationError

from ..errors import EncryptionFailed, KeyDestroyed

ENCODING = b"binary/encrypted"
CIPHER = b"1"
KEY_FIELD = "jw-key"
KEY_BYTES = 32
SALT_BYTES = 16
NONCE_BYTES = 12
LEAST_BYTES = SALT_BYTES + NONCE_BYTES + 16
# The ring is looked at again, but not for every payload.
READ_AGAIN_SECONDS = 1.0


@dataclass(frozen=True)
class KeyRing:
    """The keys of a workspace: the current one encrypts, all of them open.

    Args:
        current: The id of the key that encrypts.
        keys: Key id to key, 32 bytes each.
        purposes: Pattern of run ids, such as `patient-17-*`, to the id of the key that encrypts those runs instead.
        destroyed: Id of each key that was destroyed to when: ISO 8601, UTC.
    """

    current: str
    keys: Mapping[str, bytes] = field(repr=False)
    purposes: Mapping[str, str] = field(default_factory=dict[str, str])
    destroyed: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        if self.current not in self.keys:
            raise EncryptionFailed(f"the key ring has no key {self.current!r}, which is to be the current one")
        for name, key in self.keys.items():
            if len(key) != KEY_BYTES:
                raise EncryptionFailed(f"the key {name!r} has {len(key)} bytes, and AES-256 takes {KEY_BYTES}")

    def key_of_run(self, run: str | None) -> str:
        """The id of the key that encrypts a run's values; of the first purpose that fits, else the current one."""
        for pattern, name in self.purposes.items():
            if run is not None and fnmatch.fnmatchcase(run, pattern):
                return name
        return self.current

    def opening(self, name: str) -> bytes:
        """The key of an id.

        Raises:
            KeyDestroyed: It was destroyed.
            EncryptionFailed: It is not in the ring.
        """
        if name in self.destroyed:
            when = self.destroyed[name][:10]
            raise KeyDestroyed(f"erased: the key {name[:40]!r} was destroyed on {when}", key=name)
        if name not in self.keys:
            raise EncryptionFailed(
                f"a value is encrypted with the key {name[:40]!r}, which is not in the key ring here (it has "
                f"{', '.join(sorted(self.keys))}): add that key to the ring"
            )
        return self.keys[name]


class Rings:
    """The key ring as it is now, for all who encrypt in this process.

    It is read again where what it comes from has changed, so that a process notices that keys were rotated or
    destroyed; and where a key is not known, which may have been added a moment ago.

    Args:
        read: Gives the ring as it is now.
        stamp: Gives something that changes with what the ring is read from.
    """

    def __init__(self, read: Callable[[], KeyRing], stamp: Callable[[], object]) -> None:
        self._read = read
        self._stamp = stamp
        self._seen = stamp()
        self._looked_at = self._read_at = time.monotonic()
        self._ring = read()

    def now(self) -> KeyRing:
        """The ring, at most a second old."""
        moment = time.monotonic()
        if moment - self._looked_at > READ_AGAIN_SECONDS:
            self._looked_at = moment
            seen = self._stamp()
            if seen != self._seen:
                self.again()
                self._seen = seen
        return self._ring

    def again(self) -> None:
        """Reads the ring."""
        self._ring, self._read_at = self._read(), time.monotonic()

    def opening(self, name: str) -> bytes:
        """The key of an id.

        Raises:
            KeyDestroyed: It was destroyed.
            EncryptionFailed: It is not in the ring.
        """
        known = self.now()
        is_new = name not in known.keys and name not in known.destroyed
        if is_new and time.monotonic() - self._read_at > READ_AGAIN_SECONDS:
            self.again()
        return self._ring.opening(name)


def unchanging() -> object:
    """The stamp of a ring that is read again only where a key is not known."""
    return None


class _Unknown(EncryptionFailed, ApplicationError):
    """An `EncryptionFailed` that Temporal's worker takes as final, because no key will ever help.

    Any other makes Temporal retry the workflow task: a key that is missing or wrong now may be there later.
    """

    def __str__(self) -> str:
        return self.message


# People and history know one name.
_Unknown.__name__ = _Unknown.__qualname__ = EncryptionFailed.__name__


def unknown(message: str) -> EncryptionFailed:
    """The `EncryptionFailed` to raise where no key will ever help; in a worker it ends the run or step."""
    return _Unknown(message, type=EncryptionFailed.__name__, non_retryable=True)


class Encryption(PayloadCodec, WithSerializationContext):
    """Encrypts and opens the payloads of one namespace.

    Cost: about 15 us a payload, and 1 ms a megabyte.

    Args:
        read: Gives the key ring as it is now.
        namespace: Temporal's namespace.
        stamp: Gives something that changes with what the ring is read from.
    """

    def __init__(self, read: Callable[[], KeyRing], namespace: str, stamp: Callable[[], object] = unchanging) -> None:
        self._rings = Rings(read, stamp)
        self._namespace = namespace
        self._run: str | None = None

    def with_context(self, context: SerializationContext) -> Encryption:
        """What encrypts the values of one run: with the key for its purpose, where there is one."""
        run = getattr(context, "workflow_id", None)
        if run == self._run or not self._rings.now().purposes:
            return self
        bound = copy.copy(self)
        bound._run = run
        return bound

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypts each payload with a key of its own."""
        return [self.encrypted(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Opens what is encrypted; what is not passes.

        Raises:
            EncryptionFailed: A key is missing, or a payload was changed or moved.
        """
        return [self.opened(payload) for payload in payloads]

    def encrypted(self, payload: Payload) -> Payload:
        """One payload, encrypted with the key of its run, else the current one.

        Raises:
            KeyDestroyed: The key for such runs was destroyed.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        ring = self._rings.now()
        name = ring.key_of_run(self._run)
        salt, nonce = os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES)
        key = derived(ring.opening(name), salt)
        sealed = AESGCM(key).encrypt(nonce, payload.SerializeToString(), self._bound_to(name))
        metadata = {"encoding": ENCODING, "jw-cipher": CIPHER, KEY_FIELD: name.encode()}
        return Payload(metadata=metadata, data=salt + nonce + sealed)

    def opened(self, payload: Payload) -> Payload:
        """One payload as it was before.

        Raises:
            KeyDestroyed: It is erased.
            EncryptionFailed: Its key is missing, or it was changed or moved; final where it is no value of ours.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if payload.metadata.get("encoding") != ENCODING:
            return payload
        if payload.metadata.get("jw-cipher") != CIPHER:
            raise unknown("a value is encrypted in a way this version does not know: use the newest version")
        if len(payload.data) < LEAST_BYTES:
            raise unknown("an encrypted value does not open: it was cut off")
        name = payload.metadata.get(KEY_FIELD, b"").decode("utf-8", "replace")
        key = self._rings.opening(name)
        salt, rest = payload.data[:SALT_BYTES], payload.data[SALT_BYTES:]
        nonce, sealed = rest[:NONCE_BYTES], rest[NONCE_BYTES:]
        try:
            plain = AESGCM(derived(key, salt)).decrypt(nonce, sealed, self._bound_to(name))
        except (InvalidTag, ValueError):
            raise EncryptionFailed(
                f"a value does not open with the key {name[:40]!r} in namespace {self._namespace}: the key is another "
                "one of that name, or the value was changed or comes from elsewhere"
            ) from None
        return Payload.FromString(plain)

    def _bound_to(self, name: str) -> bytes:
        return b"\0".join([b"jupyter-workflows 1", self._namespace.encode(), name.encode()])


def key_of_payload(payload: Payload) -> str:
    """The id of the key a payload is encrypted with; empty for one that is not."""
    encrypted = payload.metadata.get("encoding") == ENCODING
    return payload.metadata.get(KEY_FIELD, b"").decode("utf-8", "replace") if encrypted else ""


def derived(key: bytes, salt: bytes) -> bytes:
    """The key of one payload."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), KEY_BYTES, salt, b"jupyter-workflows payload").derive(key)
