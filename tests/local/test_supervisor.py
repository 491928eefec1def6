from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import timeit
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import jupyter_workflows
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.children import Backoff, LogStream, trim_log
from jupyter_workflows.local.http_api import HttpApi
from jupyter_workflows.local.paths import make_private_directory, write_private
from jupyter_workflows.local.protocol import PROTOCOL, LineDecoder, encode
from jupyter_workflows.local.runtime import Runtime
from jupyter_workflows.worker import task_queue

from ..conftest import eventually
from .conftest import Runs, write_bundle

IMPORTED = """
import sys, types
package = types.ModuleType("jupyter_workflows")
package.__path__ = [{package!r}]
sys.modules["jupyter_workflows"] = package
import jupyter_workflows.local.supervisor
print(*sorted(sys.modules))
"""


def test_the_supervisor_imports_little():
    code = IMPORTED.format(package=str(Path(jupyter_workflows.__file__).parent))
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    slow = {"asyncio", "dataclasses", "email", "http", "inspect", "logging", "pydantic", "sqlite3", "ssl", "temporalio"}
    assert imported & slow == set()
    assert len([name for name in imported if name.startswith("jupyter_workflows.")]) <= 14


def test_an_idle_runtime_takes_almost_no_processor_time(runtime: Runtime):
    status = runtime.status()
    idle = [psutil.Process(pid) for pid in (status.supervisor_pid, status.spare_pid) if pid]
    before = [process.cpu_times() for process in idle]
    time.sleep(2)
    used = [
        now.user + now.system - then.user - then.system
        for now, then in zip((process.cpu_times() for process in idle), before, strict=True)
    ]
    # The clock has ticks of 10 ms. A spare that is still importing is not idle.
    assert used[0] < 0.035


@pytest.mark.parametrize(
    "request_text",
    [
        b"not json\n",
        b"[]\n",
        b"null\n",
        b'{"op": "nonsense", "id": 1}\n',
        b'{"op": "load", "id": 1}\n',
        b'{"op": "load", "id": 1, "spec": 7, "bundle": 7}\n',
        b'{"op": "hello", "id": 1}\n',
        b'{"id": {}}\n',
        b"\xff\xfe\n",
        b"\n\n\n",
        b"",
    ],
)
def test_a_malformed_request_hurts_nobody_else(runtime: Runtime, request_text: bytes):
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(runtime.home.socket))
        stranger.settimeout(5)
        stranger.sendall(request_text)
        stranger.shutdown(socket.SHUT_WR)
        while stranger.recv(4096):
            pass
    assert runtime.status().state == "running"


def test_another_protocol_is_refused_with_the_remedy(runtime: Runtime):
    with socket.socket(socket.AF_UNIX) as other:
        other.connect(str(runtime.home.socket))
        other.sendall(encode({"op": "hello", "id": 1, "protocol": PROTOCOL + 1}))
        (answer,) = LineDecoder().feed(other.recv(4096))
    assert answer["ok"] is False
    assert "Run `jupyter workflows down` once, then try again." in answer["error"]


KERNEL_WITH_A_CHILD = """
import os, time
from jupyter_workflows.local.runtime import ensure
runtime = ensure()
assert os.getpid() in runtime.status().clients
child = os.fork()
if child == 0:
    time.sleep(60)
print(child, flush=True)
os._exit(0)
"""


def test_a_forked_child_does_not_hold_its_dead_kernels_lease(runtime: Runtime):
    with subprocess.Popen([sys.executable, "-c", KERNEL_WITH_A_CHILD], stdout=subprocess.PIPE, text=True) as kernel:
        assert kernel.stdout
        child = int(kernel.stdout.readline())
        try:
            kernel.wait(10)
            assert eventually(lambda: kernel.pid not in runtime.status().clients)
        finally:
            os.kill(child, signal.SIGKILL)


def test_status_of_a_stopped_runtime_starts_nothing(tmp_path: Path):
    home = local_runtime.Home.locate(tmp_path / "home")
    assert local_runtime.status(home).state == "stopped"
    assert not local_runtime.down(home)
    assert not home.data.exists()


def test_logs_are_bounded_and_keep_their_end(tmp_path: Path):
    log = tmp_path / "server.log"
    with log.open("ab", buffering=0) as writer:
        for number in range(2000):
            writer.write(b"line %d\n" % number)
        trim_log(log, 10_000)
        writer.write(b"after\n")
    assert log.read_bytes() == b"after\n"
    older = (tmp_path / "server.log.1").read_bytes()
    assert len(older) == 5000
    assert older.endswith(b"line 1999\n")


def test_a_log_that_takes_no_more_is_no_error():
    full = os.open("/dev/full", os.O_WRONLY)
    assert LogStream(full).write(b"text") == 4
    os.close(full)


def test_a_child_that_keeps_dying_is_started_ever_more_rarely():
    backoff = Backoff(longest_seconds=1.0, healthy_seconds=10.0)
    assert [backoff.next_seconds(0.1) for _ in range(7)] == [0.0, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]
    assert backoff.next_seconds(60) == 0.0


def test_a_scheduled_run_without_a_host_is_found_cheaply_among_many(own: Runs):
    client = own.client()

    async def start_many() -> None:
        for _ in range(15):
            some = [client.start_workflow("x", id=f"x-{uuid.uuid4()}", task_queue="elsewhere") for _ in range(50)]
            await asyncio.gather(*some)

    own.loop.run(start_many(), timeout=120)
    bundle = write_bundle(own.runtime.home, salt="scheduled")
    queue = task_queue(bundle.name.removeprefix("jw_"), own.spec.key)
    namespace, api = own.runtime.namespace, http_api(own.runtime)
    assert eventually(lambda: own.loop.run(client.count_workflows("ExecutionStatus='Running'")).count == 750, 60)
    one = seconds(lambda: api.queue_with_open_runs(namespace, [queue, *(f"jw-{n}-none" for n in range(99))]))
    assert one < seconds(lambda: api.open_queues(namespace)) / 5
    assert api.queue_with_open_runs(namespace, [queue]) is None
    make_private_directory(own.runtime.home.schedules)
    for number, name in enumerate([queue, f"{queue}-more", "jw-' OR 1=1", "jw-0123456789abcdef-gone", ""]):
        write_private(own.runtime.home.schedules / f"{number}.json", {"queue": name})
    handle = own.loop.run(client.start_workflow("greet", "you", id="scheduled", task_queue=queue))
    assert own.result(handle, 60) == "hello you"


def http_api(runtime: Runtime) -> HttpApi:
    """What the supervisor asks the server over."""
    command = psutil.Process(runtime.status().server_pid).cmdline()
    guard = next(word for word in command if word.startswith("frontend.httpAllowedHosts="))
    return HttpApi(int(command[command.index("--http-port") + 1]), json.loads(guard.partition("=")[2])[0])


def seconds(ask: Callable[[], object]) -> float:
    """The least of several times."""
    return min(timeit.repeat(ask, number=1, repeat=5))
