"""Writing the audit file of a run, and reading one back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...connection import loop_thread
from ...errors import AuditFailed
from ...security.identity import PRIVATE_KEY, TRUSTED, ensure_key, fingerprint, local_user, public_key, public_keys
from ..reading import RunReader
from .chain import audit_file
from .collecting import collected
from .evidence import ValueMode
from .verdict import Verdict
from .verifying import verify

MOST_BYTES = 512 * 1024 * 1024
UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class AuditFile:
    """An audit file that was written.

    Attributes:
        path: The file.
        run: The run's workflow id.
        records: How many records it has, the signature included.
        size_bytes: Its size.
        fingerprint: SHA-256 of the public key that signed it: what others pin to trust it.
        report: The report in HTML, where one was written.
    """

    path: Path
    run: str
    records: int
    size_bytes: int
    fingerprint: str
    report: Path | None = None
    data: bytes = field(repr=False, default=b"")


async def audit_bytes(reader: RunReader, mode: ValueMode = "full") -> bytes:
    """The audit file of a run; to be awaited on the loop thread.

    Args:
        reader: Reads the run.
        mode: Whether values stand in it in full, or their hashes.

    Raises:
        AuditFailed: There is no key to sign with.
        EncryptionFailed: A key that values are encrypted with is missing.
        RunNotFound: There is no such run.
    """
    keys = reader.access.keys
    if keys is None:
        raise AuditFailed("there is no key here to sign with: write the file in the notebook or by the command line")
    if mode not in ("full", "hashes"):
        raise AuditFailed(f'values={mode!r} is neither "full" nor "hashes"')
    entries = await collected(reader, mode)
    return audit_file(entries, private=ensure_key(keys), signer=local_user())


def write_audit(
    reader: RunReader, path: str | Path, *, mode: ValueMode = "full", report: str | Path | None = None
) -> AuditFile:
    """Writes the audit file of a run, and a report of it where one is wanted.

    Raises:
        AuditFailed: It can't be written.
        EncryptionFailed: A key that values are encrypted with is missing.
        RunNotFound: There is no such run.
    """
    data = loop_thread().run(audit_bytes(reader, mode))
    target = Path(path).expanduser()
    written = None
    verdict = verify(data, {})
    save(target, data)
    if report is not None:
        from .report import render_report

        written = Path(report).expanduser()
        save(written, render_report(verdict.records, checked=None).encode())
    count = len(verdict.records)
    return AuditFile(target, reader.workflow_id, count, len(data), verdict.fingerprint, written, data)


def file_name(run: str) -> str:
    """A name for the audit file of a run."""
    return f"{UNFIT.sub('-', run).strip('-.')[:120] or 'run'}.audit.jsonl"


def save(path: Path, data: bytes) -> None:
    """Writes a file whole, readable by the user alone.

    Raises:
        AuditFailed: It can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(data)
    except OSError as error:
        raise AuditFailed(f"{path} can't be written: {error.strerror or error}") from None


def read_audit(path: str | Path) -> bytes:
    """The content of an audit file.

    Raises:
        AuditFailed: It can't be read, or is far too long.
    """
    target = Path(path).expanduser()
    try:
        if target.stat().st_size > MOST_BYTES:
            raise AuditFailed(f"{target} has more than {MOST_BYTES // 1024 // 1024} MB: that is no audit file")
        return target.read_bytes()
    except OSError as error:
        raise AuditFailed(f"{target} can't be read: {error.strerror or error}") from None


def trusted_keys(keys: Path | None, pinned: Iterable[str] = ()) -> Mapping[str, str]:
    """The keys that are trusted here: fingerprint to why, in words.

    Args:
        keys: The home's directory of keys.
        pinned: Fingerprints that somebody names: SHA-256 of a public key, 64 digits in hex.

    Raises:
        AuditFailed: A fingerprint is none.
    """
    found: dict[str, str] = {}
    if keys is not None:
        for public in public_keys(keys / TRUSTED).values():
            found[fingerprint(public)] = "a key that this home trusts"
        found |= own_key(keys)
    for text in pinned:
        digits = text.replace(":", "").strip().lower()
        if len(digits) != 64 or set(digits) - set("0123456789abcdef"):
            raise AuditFailed(
                f"{text[:80]!r} is no fingerprint of a key: it has 64 digits in hex, as whoever signed tells it"
            )
        found[digits] = "the key that you named"
    return found


def own_key(keys: Path) -> dict[str, str]:
    """The user's own key, where there is one."""
    try:
        private = (keys / PRIVATE_KEY).read_bytes()
        return {fingerprint(public_key(private)): "your own key"}
    except (OSError, ValueError):
        return {}


def verify_file(path: str | Path, keys: Path | None, pinned: Iterable[str] = ()) -> Verdict:
    """Checks an audit file; needs no server.

    Raises:
        AuditFailed: It can't be read, or a fingerprint is none.
    """
    return verify(read_audit(path), trusted_keys(keys, pinned))
