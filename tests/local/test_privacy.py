"""RELIABILITY S9: what the runtime keeps is the user's alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home
from jupyter_workflows.local.specs import HostSpec

from ..conftest import eventually, temporary_home
from .conftest import Runs


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def loose(home: Home) -> dict[str, str]:
    """What another user could read, write or enter."""
    return {
        str(path.relative_to(home.data)): oct(stat.S_IMODE(path.lstat().st_mode))
        for path in [home.data, *home.data.rglob("*")]
        if path.lstat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    }


def test_all_is_private(open_umask: None, own: Runs, tmp_path: Path):
    log = tmp_path / "log"
    own.start("waiter", str(log))
    assert eventually(log.exists)
    home = own.runtime.home
    names = {path.name for path in home.data.rglob("*")}
    assert {"temporal.db", "temporal.db-wal", "server.log", "supervisor.sock", "runtime.json", "__pycache__"} <= names
    assert loose(home) == {}
    own.runtime.close()
    local_runtime.down(home)
    assert not Path(f"{home.database}-wal").exists()
    assert loose(home) == {}


def test_a_long_homes_socket_is_private_too(tmp_path: Path):
    with temporary_home(tmp_path / ("long" * 40)) as home:
        local_runtime.ensure(home)
        assert stat.S_IMODE(home.socket.stat().st_mode) == 0o600
        assert stat.S_IMODE(home.socket.parent.stat().st_mode) == 0o700
    assert not home.socket.exists()


def test_steps_write_files_with_the_kernels_umask(open_umask: None, own: Runs, tmp_path: Path):
    log = tmp_path / "log"
    own.start("waiter", str(log))
    assert eventually(log.exists)
    assert stat.S_IMODE(log.stat().st_mode) == 0o666


def test_the_kernels_environment_reaches_no_file(own: Runs, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("A_KEY", "sk-1234567890-planted")
    own.load()
    own.run("look", "PATH")
    home = own.runtime.home
    found = [path for path in home.data.rglob("*") if path.is_file() and b"1234567890-planted" in path.read_bytes()]
    assert found == []
    assert "1234567890" not in repr(HostSpec.of_this_process())


def test_the_server_does_not_get_the_kernels_environment(own: Runs):
    server = own.runtime.status().server_pid
    names = {entry.split(b"=")[0] for entry in Path(f"/proc/{server}/environ").read_bytes().split(b"\0") if entry}
    assert names <= {b"HOME", b"PATH", b"TMPDIR"}
