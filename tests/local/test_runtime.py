from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

import jupyter_workflows
from chaos.processes import processes_of
from jupyter_workflows.connection import LoopThread
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local import starting
from jupyter_workflows.local.paths import Home, read_json
from jupyter_workflows.local.runtime import Runtime
from jupyter_workflows.local.server import SEARCH_ATTRIBUTES

from ..conftest import eventually
from .conftest import Runs

# Forked, because twenty interpreters that import Temporal's SDK would take the machine for half a minute.
STARTERS = """
import os
from jupyter_workflows.local import runtime
for number in range(20):
    if os.fork() == 0:
        up = runtime.ensure()
        os.write(1, f"{up.address} {up.status().supervisor_pid}\\n".encode())
        os._exit(0)
for number in range(20):
    assert os.wait()[1] == 0
"""


def test_ensure_starts_a_server_and_is_idempotent(runtime: Runtime):
    assert local_runtime.ensure(runtime.home) is runtime
    status = runtime.status()
    assert (status.state, status.address, status.problems) == ("running", runtime.address, [])
    assert status.server_pid


def test_twenty_processes_at_once_get_one_supervisor_and_one_server(own_home: Home):
    done = subprocess.run([sys.executable, "-c", STARTERS], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 20
    assert len(set(done.stdout.splitlines())) == 1


def test_search_attributes_of_a_later_version_are_added_to_an_old_database(own_home: Home):
    with pytest.MonkeyPatch.context() as patch:
        runtime = local_runtime.ensure(own_home)
        runtime.close()
        local_runtime.down(own_home)
        note = own_home.server / "search-attributes.json"
        assert read_json(note) == SEARCH_ATTRIBUTES
        # The supervisor is a process of its own: what it is to want is put in by a copy of the package.
        later = own_home.data / "later"
        shutil.copytree(Path(jupyter_workflows.__file__).parent, later / "jupyter_workflows")
        module = later / "jupyter_workflows" / "local" / "server.py"
        module.write_text(
            module.read_text().replace('"JwBundle": "Keyword"', '"JwBundle": "Keyword", "JwLater": "Int"')
        )
        patch.setattr(starting, "BOOT", later / "jupyter_workflows" / "local" / "boot.py")
        command = psutil.Process(local_runtime.ensure(own_home).status().server_pid).cmdline()
        assert "JwLater=Int" in command
        assert read_json(note) == {**SEARCH_ATTRIBUTES, "JwLater": "Int"}


def test_closed_runs_are_kept_for_ten_years(runtime: Runtime, client_loop: LoopThread):
    async def retention() -> int:
        client = await Client.connect(runtime.address, namespace=runtime.namespace)
        asked = DescribeNamespaceRequest(namespace=runtime.namespace)
        described = await client.workflow_service.describe_namespace(asked)
        return described.config.workflow_execution_retention_ttl.seconds

    assert client_loop.run(retention()) == 10 * 365 * 24 * 3600


def test_a_start_says_what_it_does(own_home: Home):
    said: list[str] = []
    local_runtime.ensure(own_home, progress=said.append)
    assert [text.rpartition(" ")[0] for text in said] == ["Starting the Temporal server"]
    local_runtime.ensure(own_home, progress=said.append)
    assert len(said) == 1


def test_threads_of_one_kernel_share_one_connection(own_home: Home):
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: local_runtime.ensure(own_home), range(8)))
    (runtime,) = found
    # This process's connections: the one it keeps, and the one that asks.
    assert runtime.status().clients == [os.getpid()]


@pytest.mark.usefixtures("no_spare")
def test_a_runtime_whose_home_was_removed_ends(own_home: Home):
    runtime = local_runtime.ensure(own_home)
    assert len(processes_of(own_home.data)) == 2
    shutil.rmtree(own_home.data)
    runtime.close()
    assert eventually(lambda: processes_of(own_home.data) == [])


def test_down_ends_everything_within_5_seconds_and_leaves_a_whole_database(own: Runs):
    own.run("greet", "you")
    own.runtime.close()
    home = own.runtime.home
    begun = time.monotonic()
    assert local_runtime.down(home)
    assert time.monotonic() - begun < 6
    assert eventually(lambda: processes_of(home.data) == [], 1)
    assert [path.name for path in home.server.glob("temporal.db*")] == ["temporal.db"]
    with contextlib.closing(sqlite3.connect(home.database)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert not home.runtime_file.exists()
    assert not home.socket.exists()
    assert not local_runtime.down(home)
