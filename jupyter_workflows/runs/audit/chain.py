"""The file: one record a line in canonical JSON, each with the hash of the one before, the last one signed.

    {"body": {...}, "hash": H, "number": N, "previous": H of N - 1, "sums": {...}, "type": T}

`hash` is SHA-256 over the canonical JSON of the other fields; it and the signature are what protects the file. `sums`
hold the first 8 digits of the SHA-256 of each field of the body and of the type: they only tell *where* a change is.
The last record is of type `signature`: Ed25519 (RFC 8032) over `SIGNED`, a line end and the canonical JSON of
`{"body": ..., "number": ..., "previous": ...}` with an empty `signature` in the body. Nothing in the file is of the
moment it is written at, and Ed25519 is deterministic: one run gives one file.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from ...security.canonical import canonical, digest
from ...security.identity import fingerprint, key_id, public_key

FORMAT = 1
SIGNED = b"jupyter-workflows audit 1\n"
SIGNATURE = "signature"
FIRST = "0" * 64
SUM_DIGITS = 8
FIELDS = {"body", "hash", "number", "previous", "sums", "type"}

Entry = tuple[str, dict[str, Any]]


def audit_file(entries: Iterable[Entry], *, private: bytes, signer: str) -> bytes:
    """The entries as a signed file.

    Args:
        entries: Type and body of each record, in order; plain JSON.
        private: The signer's private key.
        signer: Under which name its owner works.
    """
    lines: list[bytes] = []
    previous = FIRST
    for number, (kind, body) in enumerate(entries):
        record = sealed(number, previous, kind, body)
        lines.append(canonical(record))
        previous = record["hash"]
    last = signature_record(len(lines), previous, private=private, signer=signer)
    return b"\n".join([*lines, canonical(last), b""])


def sealed(number: int, previous: str, type: str, body: dict[str, Any]) -> dict[str, Any]:
    """A record with its sums and its hash."""
    sums = {name: sum_of(value) for name, value in body.items()} | {"type": sum_of(type)}
    record: dict[str, Any] = {"body": body, "number": number, "previous": previous, "sums": sums, "type": type}
    return record | {"hash": hash_of(record)}


def hash_of(record: dict[str, Any]) -> str:
    """The hash that a record has to have."""
    return digest(canonical({name: value for name, value in record.items() if name != "hash"}))


def sum_of(value: Any) -> str:
    """What tells whether one field was changed."""
    return digest(canonical(value))[:SUM_DIGITS]


def signature_record(number: int, previous: str, *, private: bytes, signer: str) -> dict[str, Any]:
    """The last record: who signs, and the signature over all before."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = public_key(private)
    body: dict[str, Any] = {
        "algorithm": "Ed25519",
        "fingerprint": fingerprint(public),
        "key_id": key_id(public),
        "public_key": base64.b64encode(public).decode(),
        "records": number,
        "signature": "",
        "signed_by": signer,
    }
    signature = Ed25519PrivateKey.from_private_bytes(private).sign(signed_bytes(number, previous, body))
    return sealed(number, previous, SIGNATURE, body | {"signature": base64.b64encode(signature).decode()})


def signed_bytes(number: int, previous: str, body: dict[str, Any]) -> bytes:
    """What the signature covers: by the hash before it, everything."""
    return SIGNED + canonical({"body": body | {"signature": ""}, "number": number, "previous": previous})
