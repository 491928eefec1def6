"""Large values in files: written once and privately, checked when read, removed when no run needs them."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.contrib.aws.s3driver import S3StorageDriverClient
from temporalio.converter import (
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
    StorageDriverWorkflowInfo,
)
from temporalio.exceptions import ApplicationError

from jupyter_workflows.errors import PayloadError
from jupyter_workflows.payloads import FileStorage, Garbage, collect_garbage, select_storage
from jupyter_workflows.payloads import storage as storage_module
from jupyter_workflows.payloads.s3 import S3Storage

SERVER = "127.0.0.1:7233"
READING = StorageDriverRetrieveContext()
HOUR = timedelta(hours=1)


def context(workflow_id: str, namespace: str = "jw") -> StorageDriverStoreContext:
    return StorageDriverStoreContext(target=StorageDriverWorkflowInfo(namespace=namespace, id=workflow_id))


def payload(text: str) -> Payload:
    return Payload(metadata={"encoding": b"binary/plain"}, data=text.encode())


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.name.startswith("."))


def age(root: Path, by: timedelta) -> None:
    then = time.time() - by.total_seconds()
    for path in root.iterdir():
        os.utime(path, (then, then))


@pytest.fixture
def storage(tmp_path: Path) -> FileStorage:
    return FileStorage(tmp_path / "home" / "blobs", server=SERVER)


async def test_value_is_stored_once_for_a_run_and_read_back(storage: FileStorage):
    one, two, one_again = await storage.store(context("w"), [payload("1"), payload("2"), payload("1")])
    assert one == one_again
    assert len(files(storage.root)) == 2
    assert await storage.retrieve(READING, [two, one]) == [payload("2"), payload("1")]


async def test_files_and_directories_are_the_users_alone(storage: FileStorage):
    await storage.store(context("w"), [payload("1")])
    for path in (storage.root, *storage.root.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


async def test_missing_file_is_named_with_the_remedy(storage: FileStorage):
    claims = await storage.store(context("w"), [payload("1")])
    (path,) = files(storage.root)
    path.unlink()
    with pytest.raises(PayloadError) as caught:
        await storage.retrieve(READING, claims)
    assert str(caught.value) == (
        f"a stored value can't be read: {path}: No such file or directory. Put the file back (with "
        "JUPYTER_WORKFLOWS_HOME or JUPYTER_WORKFLOWS_STORAGE as where the run was started), or start the run again"
    )


@pytest.mark.parametrize("content", [b"", b"other", b"\x0a"])
async def test_damaged_file_is_named_with_the_remedy(storage: FileStorage, content: bytes):
    claims = await storage.store(context("w"), [payload("1")])
    (path,) = files(storage.root)
    path.write_bytes(content)
    with pytest.raises(PayloadError) as caught:
        await storage.retrieve(READING, claims)
    assert str(caught.value) == (
        f"a stored value is damaged: {path} ({len(content)} bytes) is not what was written. "
        "Restore the file from a copy, or start the run again"
    )


@pytest.mark.parametrize(
    "claim",
    [
        {},
        {"owner": "..", "sha256": "0" * 64},
        {"owner": "0" * 32, "sha256": "../../etc/passwd"},
        {"owner": "/etc", "sha256": "passwd"},
        {"owner": "0" * 32, "sha256": "0" * 64 + "\n"},
    ],
)
async def test_reference_can_not_leave_the_directory(storage: FileStorage, claim: dict[str, str]):
    with pytest.raises(PayloadError, match="a reference to a stored value is damaged, or another program wrote it"):
        await storage.retrieve(READING, [StorageDriverClaim(claim)])


async def test_symbolic_link_in_place_of_a_value_is_not_believed(storage: FileStorage, tmp_path: Path):
    claims = await storage.store(context("w"), [payload("1")])
    (path,) = files(storage.root)
    secret = tmp_path / "secret"
    secret.write_text("secret", encoding="utf-8")
    path.unlink()
    path.symlink_to(secret)
    with pytest.raises(PayloadError, match="damaged"):
        await storage.retrieve(READING, claims)


async def test_full_disk_is_waited_for_and_then_told(storage: FileStorage, monkeypatch: pytest.MonkeyPatch):
    # A mock, because a disk can't be filled here without being root.
    failures = [OSError(errno.ENOSPC, "No space left on device")] * 2
    write_bytes = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if failures:
            raise failures.pop()
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    claims = await storage.store(context("w"), [payload("1")])
    assert await storage.retrieve(READING, claims) == [payload("1")]

    monkeypatch.setattr(storage_module, "_PATIENCE", timedelta(seconds=0.3))
    failures.extend([OSError(errno.ENOSPC, "No space left on device")] * 100)
    with pytest.raises(PayloadError) as caught:
        await storage.store(context("w"), [payload("2")])
    assert str(caught.value) == (
        f"a value of {payload('2').ByteSize()} bytes can't be stored below {storage.root}: "
        "No space left on device. Free some space and try again"
    )
    assert not list(storage.root.rglob(".new-*"))


async def test_garbage_is_what_temporal_no_longer_knows(storage: FileStorage):
    await storage.store(context("gone"), [payload("1"), payload("22")])
    (kept,) = await storage.store(context("known"), [payload("1")])
    await storage.store(context("elsewhere", namespace="other"), [payload("1")])
    await FileStorage(storage.root, server="temporal.example.com:7233").store(context("far"), [payload("1")])
    age(storage.root, 2 * HOUR)
    asked: list[str] = []

    async def exists(workflow_id: str) -> bool:
        asked.append(workflow_id)
        return workflow_id == "known"

    collected = await collect_garbage(storage.root, exists, namespace="jw", server="127.0.0.1:999")
    assert sorted(asked) == ["gone", "known"]
    assert collected.runs == 1
    assert collected.freed_bytes > 40
    assert len(files(storage.root)) == 3
    assert await storage.retrieve(READING, [kept]) == [payload("1")]


async def test_value_is_kept_for_a_run_that_is_about_to_start(storage: FileStorage):
    async def exists(workflow_id: str) -> bool:
        return False

    claims = await storage.store(context("w"), [payload("1")])
    age(storage.root, 2 * HOUR)
    await storage.store(context("w"), [payload("1")])  # the same value again: only its directory is touched
    assert await collect_garbage(storage.root, exists, namespace="jw", server=SERVER) == Garbage()
    assert await storage.retrieve(READING, claims) == [payload("1")]


async def test_collecting_without_a_directory_or_with_strangers_in_it_does_nothing(tmp_path: Path):
    async def exists(workflow_id: str) -> bool:
        return False

    root = tmp_path / "blobs"
    assert await collect_garbage(root, exists, namespace="jw", server=SERVER) == Garbage()
    (root / ("a" * 32)).mkdir(parents=True)
    (root / ("b" * 32)).mkdir()
    (root / ("b" * 32) / ".owner").write_text("not json", encoding="utf-8")
    (root / "notes").mkdir()
    age(root, 2 * HOUR)
    assert await collect_garbage(root, exists, namespace="jw", server=SERVER) == Garbage()
    assert len(list(root.iterdir())) == 3


def test_setting_selects_files_or_a_bucket(tmp_path: Path):
    (files_only,) = select_storage(tmp_path, environment={})
    assert isinstance(files_only, FileStorage)
    assert files_only.root == tmp_path
    (shared,) = select_storage(tmp_path, environment={"JUPYTER_WORKFLOWS_STORAGE": "file:///mnt/with%20space"})
    assert isinstance(shared, FileStorage)
    assert shared.root == Path("/mnt/with space")


@pytest.mark.parametrize("setting", ["s3://", "/tmp/x", "http://bucket", "file://host/x", "gs://b", "file:relative"])
def test_setting_that_makes_no_sense_is_refused(tmp_path: Path, setting: str):
    with pytest.raises(PayloadError) as caught:
        select_storage(tmp_path, environment={"JUPYTER_WORKFLOWS_STORAGE": setting})
    assert str(caught.value) == (
        f"JUPYTER_WORKFLOWS_STORAGE is {setting!r}, which is no storage. "
        "Set it to file:///directory or s3://bucket/prefix, or unset it"
    )


def test_bucket_without_its_library_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "aioboto3", None)
    with pytest.raises(PayloadError, match=r'aioboto3 is not installed. pip install "jupyter-workflows\[s3\]"'):
        select_storage(tmp_path, environment={"JUPYTER_WORKFLOWS_STORAGE": "s3://bucket/prefix"})


async def test_bucket_keeps_values_below_the_prefix_and_checks_them():
    bucket = Bucket()
    storage = S3Storage("docs", "team/a", client=bucket)
    (claim,) = await storage.store(context("w"), [payload("1")])
    (key,) = bucket.objects
    assert key.startswith("docs/team/a/v0/ns/jw/")
    assert await storage.retrieve(READING, [claim]) == [payload("1")]
    bucket.objects[key] = b"other"
    with pytest.raises(PayloadError, match=r"a value in s3://docs is gone or damaged: .*integrity check failed"):
        await storage.retrieve(READING, [claim])
    bucket.objects.clear()
    with pytest.raises(PayloadError, match=r"a value in s3://docs is gone or damaged: .*NoSuchKey") as gone:
        await storage.retrieve(READING, [claim])
    assert isinstance(gone.value, ApplicationError)  # final for the run
    bucket.is_down = True
    with pytest.raises(PayloadError, match="Check the bucket, region and credentials in the AWS settings") as down:
        await storage.store(context("w"), [payload("2")])
    assert not isinstance(down.value, ApplicationError)  # worth another try


class Bucket(S3StorageDriverClient):
    """A bucket in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.is_down = False

    async def put_object(self, *, bucket: str, key: str, data: bytes) -> None:
        if self.is_down:
            raise ConnectionError("no route")
        self.objects[f"{bucket}/{key}"] = data

    async def object_exists(self, *, bucket: str, key: str) -> bool:
        return f"{bucket}/{key}" in self.objects

    async def get_object(self, *, bucket: str, key: str) -> bytes:
        try:
            return self.objects[f"{bucket}/{key}"]
        except KeyError:
            raise RuntimeError("An error occurred (NoSuchKey)") from None
