"""Payloads are encrypted before they leave the process, with AES-256-GCM, and opened after they came back.

Each payload has a key of its own, derived (HKDF-SHA256) from a key of the ring and a random salt, so that no number of
payloads wears a key out. The namespace and the key's id are authenticated with it: a ciphertext that was moved to
another namespace, or is said to be of another key, does not open.

    metadata  encoding = binary/encrypted, jw-cipher = 1, jw-key = the key's id
    data      salt (16 bytes), nonce (12 bytes), ciphertext and tag of the serialised payload
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from ..errors import EncryptionFailed

ENCODING = b"binary/encrypted"
CIPHER = b"1"
KEY_BYTES = 32
SALT_BYTES = 16
NONCE_BYTES = 12
# A key that is not known may have been added a moment ago: the ring is read again, but not for every payload.
READ_AGAIN_SECONDS = 1.0


@dataclass(frozen=True)
class KeyRing:
    """The keys of a workspace: the current one encrypts, all of them open.

    Args:
        current: The id of the key that encrypts.
        keys: Key id to key, 32 bytes each.
    """

    current: str
    keys: Mapping[str, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        if self.current not in self.keys:
            raise EncryptionFailed(f"the key ring has no key {self.current!r}, which is to be the current one")
        for name, key in self.keys.items():
            if len(key) != KEY_BYTES:
                raise EncryptionFailed(f"the key {name!r} has {len(key)} bytes, and AES-256 takes {KEY_BYTES}")


class Encryption(PayloadCodec):
    """Encrypts and opens the payloads of one namespace.

    Cost: about 15 us a payload, and 1 ms a megabyte.

    Args:
        read: Gives the key ring as it is now.
        namespace: Temporal's namespace.
    """

    def __init__(self, read: Callable[[], KeyRing], namespace: str) -> None:
        self._read = read
        self._namespace = namespace
        self._ring = read()
        self._read_at = time.monotonic()

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
        """One payload, encrypted with the current key."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        name = self._ring.current
        salt, nonce = os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES)
        key = derived(self._ring.keys[name], salt)
        sealed = AESGCM(key).encrypt(nonce, payload.SerializeToString(), self._bound_to(name))
        metadata = {"encoding": ENCODING, "jw-cipher": CIPHER, "jw-key": name.encode()}
        return Payload(metadata=metadata, data=salt + nonce + sealed)

    def opened(self, payload: Payload) -> Payload:
        """One payload as it was before.

        Raises:
            EncryptionFailed: Its key is missing, or it was changed or moved.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if payload.metadata.get("encoding") != ENCODING:
            return payload
        if payload.metadata.get("jw-cipher") != CIPHER:
            raise EncryptionFailed("a value is encrypted in a way this version does not know: use the newest version")
        name = payload.metadata.get("jw-key", b"").decode("utf-8", "replace")
        key = self._key(name)
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

    def _key(self, name: str) -> bytes:
        if name not in self._ring.keys and time.monotonic() - self._read_at > READ_AGAIN_SECONDS:
            self._ring, self._read_at = self._read(), time.monotonic()
        if name not in self._ring.keys:
            raise EncryptionFailed(
                f"a value is encrypted with the key {name[:40]!r}, which is not in the key ring here (it has "
                f"{', '.join(sorted(self._ring.keys))}): add that key to the ring"
            )
        return self._ring.keys[name]


def derived(key: bytes, salt: bytes) -> bytes:
    """The key of one payload."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), KEY_BYTES, salt, b"jupyter-workflows payload").derive(key)
