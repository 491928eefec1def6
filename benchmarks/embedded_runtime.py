"""How fast the embedded runtime starts and recovers: `python benchmarks/embedded_runtime.py [ROUNDS]`.

Each round has a home of its own below the system's temporary directory and leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from jupyter_workflows.connection import LoopThread
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import HOME_VARIABLE, Home
from jupyter_workflows.local.runtime import Runtime
from jupyter_workflows.local.specs import HostSpec
from tests.local.conftest import Runs, write_bundle

Times = dict[str, list[float]]


@contextlib.contextmanager
def timed(times: Times, name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    times[name].append(time.perf_counter() - started)


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.005)


def lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


def fresh(home: Home) -> Runtime:
    """As a new kernel would have it."""
    local_runtime._runtimes.clear()  # pyright: ignore[reportPrivateUsage]
    return local_runtime.ensure(home)


def starts(home: Home, loop: LoopThread, times: Times) -> None:
    with timed(times, "first start ever: server ready"):
        runtime = fresh(home)
    runs = Runs(runtime, write_bundle(home), loop)
    runs.load()
    runtime.close()
    local_runtime.down(home)

    begin = time.perf_counter()
    with timed(times, "cold: server ready"):
        runtime = fresh(home)
    runtime.load_bundle(HostSpec.of_this_process(), runs.bundle)
    times["cold: server ready and host polls"].append(time.perf_counter() - begin)
    time.sleep(5)

    with timed(times, "warm: ensure in another kernel"):
        other = fresh(home)
    spec = HostSpec.of_this_process(home.data / "other.ipynb")
    with timed(times, "warm: host of a new kernel polls"):
        other.load_bundle(spec, runs.bundle)
    with timed(times, "warm: load again"):
        other.load_bundle(spec, runs.bundle)
    with timed(times, "warm: load another bundle"):
        other.load_bundle(spec, write_bundle(home, salt="another"))
    time.sleep(5)
    third = HostSpec.of_this_process(home.data / "third.ipynb")
    with timed(times, "warm: new kernel to first result"):
        other.load_bundle(third, write_bundle(home, salt="third"))
        again = Runs(other, write_bundle(home, salt="third"), loop)
        again.run("greet", "you")
    with timed(times, "warm: second run"):
        again.run("greet", "you")
    other.close()
    runtime.close()
    local_runtime.down(home)


def recoveries(home: Home, loop: LoopThread, times: Times, kills: int) -> None:
    runtime = fresh(home)
    runs = Runs(runtime, write_bundle(home), loop)
    runs.load()
    log = home.data / "effects.log"
    for _ in range(kills):
        time.sleep(5)
        log.unlink(missing_ok=True)
        handle = runs.start("sleeper", 3.0, str(log))
        wait_for(lambda: lines(log) == 2)
        (host,) = [host for host in runtime.status().hosts if host.bundles]
        assert host.pid
        os.kill(host.pid, signal.SIGKILL)
        with timed(times, "host killed: step runs again"):
            wait_for(lambda: lines(log) == 3)
        runs.result(handle)

        log.unlink()
        handle = runs.start("waiter", str(log))
        wait_for(lambda: lines(log) == 1)
        server = runtime.status().server_pid
        assert server
        os.kill(server, signal.SIGKILL)
        with timed(times, "server killed: next step done"):
            signal_until_taken(runs, handle.id, loop)
            wait_for(lambda: lines(log) == 2)
        runs.result(handle)

        log.unlink()
        handle = runs.start("sleeper", 3.0, str(log))
        wait_for(lambda: lines(log) == 2)
        supervisor = runtime.status().supervisor_pid
        assert supervisor
        os.kill(supervisor, signal.SIGKILL)
        with timed(times, "supervisor killed: step runs again"):
            wait_for(lambda: lines(log) == 3)
        runs.result(handle)
    runtime.close()
    with timed(times, "down"):
        local_runtime.down(home)


def signal_until_taken(runs: Runs, workflow: str, loop: LoopThread) -> None:
    client = runs.client_when_up()
    loop.run(client.get_workflow_handle(workflow).signal("go", rpc_timeout=timedelta(seconds=10)))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    times: Times = defaultdict(list)
    loop = LoopThread()
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="jw-bench-") as folder:
            home = Home.locate(folder)
            os.environ[HOME_VARIABLE] = folder
            try:
                starts(home, loop, times)
                recoveries(home, loop, times, kills=3)
            finally:
                local_runtime.down(home)
    print(f"load average {os.getloadavg()[0]:.1f}, {psutil.cpu_count()} processors; seconds")
    print(f"{'':40} {'median':>8} {'worst':>8} {'n':>4}")
    for name, values in times.items():
        print(f"{name:40} {statistics.median(values):8.3f} {max(values):8.3f} {len(values):4}")


if __name__ == "__main__":
    main()
