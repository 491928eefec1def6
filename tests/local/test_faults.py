"""What goes wrong around the runtime: files, disks and ports that are not as they should be."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_workflows.errors import RuntimeFailed, WorkerUnavailable
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home, read_json

from ..conftest import eventually, temporary_home
from .conftest import Runs, write_bundle
from .test_recovery import kill, lines

NEEDS_MOUNT = "a file system of its own can be mounted by root only"


@contextlib.contextmanager
def small_disk(path: Path, size: str = "24m") -> Iterator[Path]:
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(NEEDS_MOUNT)
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all the space that is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    return filler


@pytest.mark.usefixtures("no_spare")
def test_a_full_disk_is_named_within_5_seconds_and_space_cures_it(tmp_path: Path):
    with small_disk(tmp_path / "disk") as disk, temporary_home(disk / "home") as home:
        home.create()
        filler = fill(disk)
        begun = time.monotonic()
        with pytest.raises(RuntimeFailed, match=r"The disk that holds .*home is full.* Free some space, or set"):
            local_runtime.ensure(home)
        assert time.monotonic() - begun < 5
        filler.unlink()
        assert local_runtime.ensure(home).status().problems == []


def test_a_disk_that_fills_up_later_stops_new_starts_and_open_runs_go_on_after_it(
    tmp_path: Path, request: pytest.FixtureRequest
):
    with small_disk(tmp_path / "disk") as disk, temporary_home(disk / "home") as home:
        runtime = local_runtime.ensure(home)
        runs = Runs(runtime, write_bundle(home), request.getfixturevalue("client_loop"))
        runs.load()
        log = tmp_path / "log"
        handle = runs.start("sleeper", 1.0, str(log))
        assert eventually(lambda: lines(log) == ["before", "begun"])
        filler = fill(disk)
        with pytest.raises(RuntimeFailed, match="is full"):
            runs.load()
        assert any("is full" in problem for problem in runtime.status().problems)
        time.sleep(1.5)
        filler.unlink()
        runs.load()
        assert runs.result(handle) == 1.0
        assert lines(log)[-1] == "after"
        runtime.close()


def test_a_read_only_disk_is_named(tmp_path: Path):
    with small_disk(tmp_path / "disk") as disk:
        home = Home.locate(disk / "home").create()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(RuntimeFailed, match=r"Read-only file system.* Set JUPYTER_WORKFLOWS_HOME to a directory"):
            local_runtime.ensure(home)


STALE = [
    {
        "supervisor.lock": '{"pid": 1, "hostname": "elsewhere", "socket": "/nowhere.sock"}',
        "start.lock": "4711",
        "runtime/runtime.json": '{"address": "127.0.0.1:1", "pid": 4711',
        "server/ports.json": '{"frontend": "http", "http": -1}',
        "hosts/0123456789ab.json": '{"python": 1}',
    },
    {
        "supervisor.lock": "half a pi",
        "runtime/supervisor.sock": "no socket",
        "server/binary.json": "{{{",
        "server/ports.json": "[]",
        "server/search-attributes.json": "",
        "hosts/0123456789ab.json": "[]",
    },
]


@pytest.mark.usefixtures("no_spare")
@pytest.mark.parametrize("stale", STALE, ids=["stale", "half-written"])
def test_stale_and_half_written_files_are_taken_over(own_home: Home, stale: dict[str, str]):
    own_home.create()
    for name, content in stale.items():
        (own_home.data / name).write_text(content)
    runtime = local_runtime.ensure(own_home)
    assert runtime.status().state == "running"
    assert read_json(own_home.runtime_file)["address"] == runtime.address


@pytest.mark.usefixtures("no_spare")
def test_a_socket_that_nobody_serves_is_taken_over(own_home: Home):
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(own_home.create().socket))
    stale.close()
    assert own_home.socket.exists()
    assert local_runtime.ensure(own_home).status().state == "running"


@pytest.mark.usefixtures("no_spare")
@pytest.mark.parametrize("name", ["with space, ünï→code", "what?a=b&c per%41cent #tag quo'te\"s", "long" * 40])
def test_a_home_may_have_any_name(tmp_path: Path, name: str):
    with temporary_home(tmp_path / name) as home:
        runtime = local_runtime.ensure(home)
        assert runtime.status().state == "running"
        assert home.database.exists()
        assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.usefixtures("no_spare")
def test_a_taken_port_is_given_up_for_another_one(own_home: Home):
    first = local_runtime.ensure(own_home).address
    local_runtime.down(own_home)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", int(first.partition(":")[2])))
        taken.listen()
        runtime = local_runtime.ensure(own_home)
        assert runtime.address != first
        assert read_json(own_home.runtime_file)["address"] == runtime.address


def test_a_port_taken_while_the_server_was_dead_moves_kernels_and_hosts(own: Runs, tmp_path: Path):
    log = tmp_path / "log"
    handle = own.start("waiter", str(log))
    assert eventually(lambda: lines(log) == ["one"])
    status = own.runtime.status()
    moved: list[str] = []
    own.runtime.on_address(moved.append)
    assert status.supervisor_pid
    assert status.address
    os.kill(status.supervisor_pid, signal.SIGSTOP)
    kill(status.server_pid)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        assert eventually(lambda: _bound(taken, int(status.address.partition(":")[2])))
        taken.listen()
        os.kill(status.supervisor_pid, signal.SIGCONT)
        assert eventually(lambda: own.runtime.address != status.address)
        assert moved == [own.runtime.address]
        own.loop.run(own.client_when_up().get_workflow_handle(handle.id).signal("go"))
        assert own.result(own.client().get_workflow_handle(handle.id)) == "gone"
        assert lines(log) == ["one", "two"]


def _bound(taken: socket.socket, port: int) -> bool:
    try:
        taken.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


@pytest.mark.usefixtures("no_spare")
@pytest.mark.parametrize("damage", ["garbage", "pages"])
def test_a_damaged_database_is_named_left_alone_and_moved_aside_on_demand(own_home: Home, damage: str):
    local_runtime.ensure(own_home)
    local_runtime.down(own_home)
    content = own_home.database.read_bytes()
    content = {
        "garbage": b"not a database at all",
        "pages": content[:4096] + b"\xff" * 200_000 + content[204_096:],
    }[damage]
    own_home.database.write_bytes(content)
    with pytest.raises(RuntimeFailed) as caught:
        local_runtime.ensure(own_home)
    assert str(caught.value).startswith(f"The database {own_home.database} is damaged (")
    assert "`jupyter workflows up --recover`" in str(caught.value)
    assert own_home.database.read_bytes() == content
    runtime = local_runtime.ensure(own_home, recover=True)
    assert runtime.status().problems == []
    (aside,) = own_home.server.glob("temporal.db.damaged-*")
    assert aside.read_bytes() == content


@pytest.mark.usefixtures("no_spare")
def test_recover_leaves_a_sound_database_alone(own_home: Home):
    local_runtime.ensure(own_home)
    local_runtime.down(own_home)
    local_runtime.ensure(own_home, recover=True)
    assert list(own_home.server.glob("*.damaged-*")) == []


@pytest.mark.usefixtures("no_spare")
def test_a_first_start_that_was_cut_short_does_not_spoil_the_database(own_home: Home):
    local_runtime.ensure(own_home)
    local_runtime.down(own_home)
    # As a kill in the middle of making the schema leaves it.
    own_home.database.write_bytes(b"")
    (own_home.server / "database-unfinished").touch()
    assert local_runtime.ensure(own_home).status().state == "running"
    assert not (own_home.server / "database-unfinished").exists()


@pytest.mark.usefixtures("no_spare")
def test_a_supervisor_that_hangs_is_named_and_down_ends_it(own_home: Home, monkeypatch: pytest.MonkeyPatch):
    runtime = local_runtime.ensure(own_home)
    pid = runtime.status().supervisor_pid
    runtime.close()
    assert pid
    os.kill(pid, signal.SIGSTOP)
    named = rf"supervisor \(pid {pid}\) does not answer.*`jupyter workflows down` ends"
    with monkeypatch.context() as patch:
        patch.setattr(local_runtime, "START_SECONDS", 1.0)
        with pytest.raises(RuntimeFailed, match=named):
            local_runtime.ensure(own_home)
    begun = time.monotonic()
    assert local_runtime.down(own_home)
    assert time.monotonic() - begun < 6
    assert local_runtime.ensure(own_home).status().supervisor_pid != pid


@pytest.mark.usefixtures("no_spare")
def test_a_home_in_use_on_another_computer_is_named(own_home: Home, monkeypatch: pytest.MonkeyPatch):
    runtime = local_runtime.ensure(own_home)
    runtime.close()
    lock = json.loads(own_home.lock.read_text())
    own_home.lock.write_text(json.dumps({**lock, "hostname": "elsewhere"}))
    # Over a network file system the lock is seen, the socket does not answer.
    named = "is in use on the computer elsewhere. Set JUPYTER_WORKFLOWS_HOME to"
    with monkeypatch.context() as patch:
        patch.setattr("jupyter_workflows.local.starting.dial", lambda *_: None)
        patch.setattr("jupyter_workflows.local.runtime.reach", lambda *_: None)
        with pytest.raises(RuntimeFailed, match=named):
            local_runtime.ensure(own_home)
    own_home.lock.write_text(json.dumps(lock))


@pytest.mark.parametrize(
    ("activities", "reason"),
    [
        ("import no_such_module\n", "No module named 'no_such_module'"),
        ("def broken(:\n", "SyntaxError"),
        ("raise ValueError('at import')\n", "at import"),
        ("import os; os._exit(3)\n", "the worker host ended with exit code 3"),
    ],
    ids=["import", "syntax", "raise", "exit"],
)
def test_a_bundle_that_can_not_be_imported_is_the_only_one_to_fail(served: Runs, activities: str, reason: str):
    bad = write_bundle(served.runtime.home, activities=activities, workflows="")
    with pytest.raises(WorkerUnavailable, match=reason):
        served.runtime.load_bundle(served.spec, bad)
    assert served.run("greet", "you") == "hello you"
    assert served.bundle.name in served.host().bundles
    assert bad.name not in served.host().bundles


def test_a_bundle_that_is_gone_is_named(served: Runs):
    with pytest.raises(WorkerUnavailable, match=r"jw_0000 is no whole bundle"):
        served.runtime.load_bundle(served.spec, served.runtime.home.bundles / "jw_0000")


def test_a_python_that_is_gone_is_named(own: Runs):
    with pytest.raises(WorkerUnavailable, match="/nowhere/python can't be started: No such file or directory"):
        own.runtime.load_bundle(own.spec._replace(python="/nowhere/python"), own.bundle)
