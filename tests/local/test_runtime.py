from __future__ import annotations

import subprocess
import sys

from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home
from jupyter_workflows.local.runtime import Runtime

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
