"""What happens when one of the runtime's processes is killed; the first counts of the crash table are in `chaos`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from chaos.processes import processes_of
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home
from jupyter_workflows.local.starting import IDLE_VARIABLE
from jupyter_workflows.local.status import HostStatus, RuntimeStatus

from ..conftest import eventually
from .conftest import Runs

KERNEL = """
import os, sys, time
sys.path.insert(0, {root!r})
from jupyter_workflows.connection import LoopThread
from jupyter_workflows.local.runtime import ensure
from tests.local.conftest import Runs, write_bundle
runtime = ensure()
runs = Runs(runtime, write_bundle(runtime.home), LoopThread())
runs.load()
print(runs.start({workflow!r}, *{arguments!r}).id, flush=True)
time.sleep(600)
"""


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def kill(pid: int | None) -> None:
    assert pid
    os.kill(pid, signal.SIGKILL)


def only_host(status: RuntimeStatus) -> HostStatus:
    (host,) = status.hosts
    return host


def kernel(home: Home, workflow: str, *arguments: object) -> tuple[subprocess.Popen[str], str]:
    """A process that starts a run as a kernel does, and the run's id."""
    code = KERNEL.format(root=str(Path(__file__).parents[2]), workflow=workflow, arguments=arguments)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    return process, process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_a_killed_server_comes_back_on_the_same_port_and_the_run_goes_on(own: Runs, tmp_path: Path):
    log = tmp_path / "log"
    handle = own.start("waiter", str(log))
    assert eventually(lambda: lines(log) == ["one"])
    before = own.runtime.status()
    kill(before.server_pid)
    assert eventually(lambda: own.runtime.status().server_pid not in (None, before.server_pid))
    client = own.client_when_up()
    own.loop.run(client.get_workflow_handle(handle.id).signal("go"))
    assert own.result(handle) == "gone"
    after = own.runtime.status()
    assert lines(log) == ["one", "two"]
    assert (after.address, after.server_restarts) == (before.address, 1)
    assert only_host(after).pid == only_host(before).pid


def test_a_step_of_a_killed_host_runs_again_at_once_and_finished_steps_do_not(own: Runs, tmp_path: Path):
    log = tmp_path / "log"
    handle = own.start("sleeper", 1.0, str(log))
    assert eventually(lambda: lines(log) == ["before", "begun"])
    kill(only_host(own.runtime.status()).pid)
    # The step's heartbeat timeout is 30 s: without the hand-back it would take that long.
    assert eventually(lambda: lines(log) == ["before", "begun", "begun"], 20.0)
    assert own.result(handle) == 1.0
    assert lines(log) == ["before", "begun", "begun", "after"]
    assert only_host(own.runtime.status()).restarts == 1


def test_a_bundle_that_was_surely_served_is_loaded_again_after_the_host_was_killed(own: Runs):
    own.load()
    before = only_host(own.runtime.status()).pid
    kill(before)
    own.load()
    assert own.run("greet", "you") == "hello you"
    assert only_host(own.runtime.status()).pid != before


def test_a_program_that_a_step_started_ends_with_the_killed_host(own: Runs, tmp_path: Path):
    log = tmp_path / "log"
    own.start("outside", 120.0, str(log))
    assert eventually(lambda: lines(log))
    first = psutil.Process(int(lines(log)[0]))
    kill(only_host(own.runtime.status()).pid)
    assert eventually(lambda: not first.is_running())
    assert eventually(lambda: len(lines(log)) == 2)


def test_a_killed_supervisor_takes_all_with_it_and_everything_comes_back(own: Runs, tmp_path: Path):
    log = tmp_path / "log"
    handle = own.start("sleeper", 1.0, str(log))
    assert eventually(lambda: lines(log) == ["before", "begun"])
    before = own.runtime.status()
    old = [psutil.Process(pid) for pid in (before.server_pid, only_host(before).pid, before.spare_pid) if pid]
    kill(before.supervisor_pid)
    assert eventually(lambda: not any(process.is_running() for process in old), 3.0)
    # Nothing is asked for here: the kernel's connection notices by itself.
    assert own.result(own.client_when_up().get_workflow_handle(handle.id)) == 1.0
    assert lines(log) == ["before", "begun", "begun", "after"]
    after = own.runtime.status()
    assert after.address == before.address
    assert only_host(after).leases == 1


def test_all_killed_at_once_with_the_kernel_the_next_use_continues_the_run(
    own_home: Home, tmp_path: Path, request: pytest.FixtureRequest
):
    log = tmp_path / "log"
    process, run_id = kernel(own_home, "sleeper", 1.0, str(log))
    assert eventually(lambda: lines(log) == ["before", "begun"])
    before = local_runtime.status(own_home)
    for pid in (process.pid, before.supervisor_pid, before.server_pid, only_host(before).pid):
        kill(pid)
    end(process)
    runtime = local_runtime.ensure(own_home)
    runs = Runs(runtime, own_home.bundles, request.getfixturevalue("client_loop"))
    assert runs.result(runs.client().get_workflow_handle(run_id)) == 1.0
    assert lines(log) == ["before", "begun", "begun", "after"]
    assert only_host(runtime.status()).leases == 0
    runtime.close()


def test_a_run_goes_on_after_its_kernel_and_its_host_leaves_after_it(
    own_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(IDLE_VARIABLE, "0.5")
    log = tmp_path / "log"
    process, _ = kernel(own_home, "sleeper", 1.5, str(log))
    assert eventually(lambda: lines(log) == ["before", "begun"])
    host = only_host(local_runtime.status(own_home)).pid
    assert host
    end(process)
    assert eventually(lambda: only_host(local_runtime.status(own_home)).leases == 0)
    assert eventually(lambda: lines(log) == ["before", "begun", "after"])
    assert eventually(lambda: local_runtime.status(own_home).hosts == [])
    assert eventually(lambda: not psutil.pid_exists(host))
    status = local_runtime.status(own_home)
    known = {status.supervisor_pid, status.server_pid, status.spare_pid}
    assert {process.pid for process in processes_of(own_home.data)} <= known
    assert list(own_home.hosts.glob("*.json")) == []


def test_down_and_up_again_continues_open_runs_without_a_kernel(own: Runs, tmp_path: Path):
    log = tmp_path / "log"
    handle = own.start("waiter", str(log))
    assert eventually(lambda: lines(log) == ["one"])
    own.runtime.close()
    assert local_runtime.down(own.runtime.home)
    assert processes_of(own.runtime.home.data) == []
    runtime = local_runtime.ensure(own.runtime.home)
    assert eventually(lambda: [host.bundles for host in runtime.status().hosts] == [[own.bundle.name]])
    own.loop.run(own.client().get_workflow_handle(handle.id).signal("go"))
    assert own.result(handle) == "gone"
    assert lines(log) == ["one", "two"]
    runtime.close()


def test_a_connected_kernel_does_not_undo_down(own: Runs):
    assert local_runtime.down(own.runtime.home)
    assert not eventually(lambda: local_runtime.status(own.runtime.home).state != "stopped", 1.0)
    # But its next use starts it again.
    own.load()
    assert own.run("greet", "you") == "hello you"
