"""Large values on disk: Temporal's history keeps a reference, the bytes lie in a file of the run.

    <root>/.lock                              shared while storing, exclusive while collecting garbage
    <root>/<owner>/.owner                     JSON: server, namespace and workflow id
    <root>/<owner>/<sha-256 of the content>   one serialised payload

Everything is the user's alone (0700, 0600). Files appear whole, by a rename; they are not synced to the disk, so
that power loss (not a crash) may cost the values of its last seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

from temporalio import activity
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
    StorageDriverWorkflowInfo,
)

from ..errors import PayloadError
from .refusal import refuse

try:
    import fcntl
except ImportError:  # Windows: no locks between processes; the grace period alone protects new values
    fcntl = None

DRIVER_NAME = "jupyter-workflows.files"
GRACE = timedelta(hours=1)
_UNOWNED = timedelta(days=30)
_OWNER = re.compile(r"[0-9a-f]{32}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR})
# A start is to say within 5 s that the disk is full. A step that has done its work had better wait for space:
# without it the step, paid calls included, would run again.
_PATIENCE = timedelta(seconds=3)
_PATIENCE_OF_STEPS = timedelta(minutes=2)
_PAUSE_SECONDS = 0.25

_T = TypeVar("_T")


class FileStorage(StorageDriver):
    """Keeps payloads as files, by the SHA-256 of their content, in one directory for each run.

    Cost: about 0.3 ms for a payload of 100 KB and 10 ms for one of 10 MB, in a thread.

    Args:
        root: The directory, made on first use.
        server: Address of the Temporal server whose runs store here; garbage collection asks for it.
    """

    def __init__(self, root: Path, *, server: str = "") -> None:
        self.root = Path(root)
        self.server = server

    def name(self) -> str:
        """The name that references in history carry."""
        return DRIVER_NAME

    async def store(self, context: StorageDriverStoreContext, payloads: Sequence[Payload]) -> list[StorageDriverClaim]:
        """Writes each payload, once for each run and content, and returns the references.

        Raises:
            PayloadError: The disk is full or can't be written; Temporal tries again where a worker stores.
        """
        owner = self._owner(context)
        patience = _PATIENCE_OF_STEPS if activity.in_activity() else _PATIENCE
        try:
            digests = await _patiently(lambda: self._write(owner, payloads), patience, unless=frozenset())
        except OSError as error:
            remedy = "Free some space" if error.errno in _FULL else "Make the directory writable"
            raise PayloadError(
                f"a value of {sum(map(Payload.ByteSize, payloads)):,} bytes can't be stored below {self.root}: "
                f"{error.strerror}. {remedy} and try again"
            ) from None
        directory = _directory_name(owner)
        return [StorageDriverClaim({"owner": directory, "sha256": digest}) for digest in digests]

    async def retrieve(
        self,
        context: StorageDriverRetrieveContext,  # noqa: ARG002 - the SDK's interface
        claims: Sequence[StorageDriverClaim],
    ) -> list[Payload]:
        """Reads payloads back, each checked against its hash.

        Raises:
            PayloadError: A file is gone, damaged or unreadable; final for the run that needs it.
        """
        return [await self._retrieve(claim) for claim in claims]

    def _owner(self, context: StorageDriverStoreContext) -> dict[str, str]:
        """Whose value it is. The SDK stores heartbeats for the activity; they belong to its run all the same."""
        target = context.target
        workflow_id = target.id if isinstance(target, StorageDriverWorkflowInfo) else None
        if workflow_id is None and activity.in_activity():
            workflow_id = activity.info().workflow_id
        namespace = target.namespace if target else ""
        return {"server": self.server, "namespace": namespace, "workflow_id": workflow_id or ""}

    async def _retrieve(self, claim: StorageDriverClaim) -> Payload:
        path = self._path(claim)
        try:
            data = await _patiently(path.read_bytes, _PATIENCE, unless=_GONE)
        except OSError as error:
            raise refuse(
                f"a stored value can't be read: {path}: {error.strerror}. "
                "Put the file back (with JUPYTER_WORKFLOWS_HOME or JUPYTER_WORKFLOWS_STORAGE as where the run was "
                "started), or start the run again"
            ) from None
        if hashlib.sha256(data).hexdigest() != path.name:
            raise refuse(
                f"a stored value is damaged: {path} ({len(data):,} bytes) is not what was written. "
                "Restore the file from a copy, or start the run again"
            )
        return Payload.FromString(data)

    def _path(self, claim: StorageDriverClaim) -> Path:
        owner, digest = claim.claim_data.get("owner", ""), claim.claim_data.get("sha256", "")
        if not _OWNER.fullmatch(owner) or not _DIGEST.fullmatch(digest):
            raise refuse("a reference to a stored value is damaged, or another program wrote it")
        return self.root / owner / digest

    def _write(self, owner: dict[str, str], payloads: Sequence[Payload]) -> list[str]:
        directory = self.root / _directory_name(owner)
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(self.root, shared=True):
            if not (directory / ".owner").exists():
                directory.mkdir(mode=0o700, exist_ok=True)
                _write_whole(directory / ".owner", json.dumps(owner).encode())
            else:
                os.utime(directory)  # the grace period starts anew
            return [_write_once(directory, payload.SerializeToString(deterministic=True)) for payload in payloads]


@dataclass(frozen=True)
class Garbage:
    """What a collection removed."""

    runs: int = 0
    freed_bytes: int = 0


async def collect_garbage(
    root: Path,
    exists: Callable[[str], Awaitable[bool]],
    *,
    namespace: str,
    server: str = "",
    grace: timedelta = GRACE,
) -> Garbage:
    """Removes the values of runs that Temporal no longer knows.

    Values of other namespaces and servers are left alone, and so is whatever was stored or used within `grace`: a
    value is stored before the run that it is for is started.

    Args:
        root: The directory of a `FileStorage`.
        exists: Whether the namespace still has a run, open or closed, with this workflow id.
        namespace: Whose runs `exists` answers for.
        server: The address of the server that `exists` asks; only its host counts, since ports change.
        grace: How long a value is safe after its last use.
    """
    runs, freed_bytes = 0, 0
    for directory in await asyncio.to_thread(_owners, root):
        owner = _read_owner(directory)
        if owner is None or owner.get("namespace") != namespace or not _same_host(owner.get("server", ""), server):
            continue
        workflow_id = owner.get("workflow_id", "")
        keep = grace if workflow_id else max(grace, _UNOWNED)
        if _is_recent(directory, keep) or (workflow_id and await exists(workflow_id)):
            continue
        freed = await asyncio.to_thread(_remove, root, directory, grace)
        runs += freed is not None
        freed_bytes += freed or 0
    return Garbage(runs, freed_bytes)


async def _patiently(action: Callable[[], _T], patience: timedelta, *, unless: frozenset[int]) -> _T:
    """Does file work in a thread, again and again while the disk is full or fails."""
    give_up = time.monotonic() + patience.total_seconds()
    while True:
        try:
            return await asyncio.to_thread(action)
        except OSError as error:
            if error.errno in unless or time.monotonic() > give_up:
                raise
        await asyncio.sleep(_PAUSE_SECONDS)


def _directory_name(owner: dict[str, str]) -> str:
    text = f"{owner['namespace']}\0{owner['workflow_id']}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _write_once(directory: Path, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    path = directory / digest
    if not path.exists():
        _write_whole(path, data)
    return digest


def _write_whole(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".new-{secrets.token_hex(8)}")
    try:
        temporary.touch(mode=0o600, exist_ok=False)
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _locked(root: Path, *, shared: bool) -> Generator[None]:
    path = root / ".lock"
    path.touch(mode=0o600)
    with path.open("rb") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


def _owners(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if _OWNER.fullmatch(path.name))


def _read_owner(directory: Path) -> dict[str, Any] | None:
    try:
        owner = json.loads((directory / ".owner").read_bytes())
    except (OSError, ValueError):
        return None
    return cast("dict[str, Any]", owner) if isinstance(owner, dict) else None


def _same_host(one: str, other: str) -> bool:
    return one.rpartition(":")[0] == other.rpartition(":")[0]


def _is_recent(directory: Path, grace: timedelta) -> bool:
    try:
        return time.time() - directory.stat().st_mtime < grace.total_seconds()
    except FileNotFoundError:
        return True


def _remove(root: Path, directory: Path, grace: timedelta) -> int | None:
    """Removes a directory unless it was used meanwhile; returns the bytes freed."""
    trash = root / f".trash-{secrets.token_hex(8)}"
    with _locked(root, shared=False):
        if _is_recent(directory, grace):
            return None
        directory.replace(trash)
    freed = sum(path.stat().st_size for path in trash.iterdir())
    import shutil

    shutil.rmtree(trash)
    return freed
