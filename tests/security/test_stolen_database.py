"""Who steals the disk or listens to the wire: with encryption on, none of a run's values is there to be read.

The same run with encryption off shows that the search finds what is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from jupyter_workflows.connection import loop_thread
from jupyter_workflows.local import runtime as local_runtime
from jupyter_workflows.local.paths import Home
from jupyter_workflows.security import keyrings
from tests.conftest import temporary_home
from tests.dev_server import dev_server
from tests.kernels import printed, run_cells

# What is planted, by where it goes; each is found in clear where encryption is off.
MARKERS = (
    "input", "output", "large", "error", "heartbeat", "token", "message", "editable", "edited", "comment", "signal",
    "printed",
)  # fmt: skip
# A heartbeat is in the database while its step runs: it may be overwritten by then.
BRIEF = {"heartbeat", "token"}

CELLS = [
    "%load_ext jupyter_workflows",
    """
from jupyter_workflows import activity, workflow, connect, heartbeat, human_approval, wait_for_signal, RetryPolicy
from jupyter_workflows.ai import emit

def marker(secret: str, what: str) -> str:
    return f"{secret}-{what}"

@activity(retry=RetryPolicy(max_attempts=2))
async def work(secret: str) -> dict:
    import asyncio
    print(marker(secret, "printed"))
    heartbeat(marker(secret, "heartbeat"))
    emit(marker(secret, "token"))
    await asyncio.sleep(0.6)
    return {"output": marker(secret, "output")}

@activity
async def grow(secret: str) -> str:
    return marker(secret, "large") * 5000

@activity(retry=RetryPolicy(max_attempts=1))
async def fail(secret: str) -> None:
    raise ValueError(marker(secret, "error"))
""",
    """
%%workflow
async def secretive(secret: str, given: str) -> dict:
    found = await work(secret)
    large = await grow(secret)
    said = await wait_for_signal("said")
    approval = await human_approval(f"{secret}-message", editable={"value": f"{secret}-editable"})
    try:
        await fail(secret)
    except Exception as error:
        told = {"said": said, "value": approval.value, "error": str(error), "given": given}
        return {"found": found, "large": large, **told}
""",
    """
connect("{address}")
run = secretive.options(id="secretive-run").start("{secret}", given="{secret}-input")
run.signal("said", "{secret}-signal")
run.wait_for("approval", timeout=60)
(approval,) = run.pending_approvals()
assert approval.message == "{secret}-message"
run.approve(approval, comment="{secret}-comment", value={{"value": "{secret}-edited"}})
result = run.result(60)
assert result["large"] == "{secret}-large" * 5000, result
assert (result["said"], result["value"]) == ("{secret}-signal", {{"value": "{secret}-edited"}})
failed = run.steps()[-1].attempts[-1].failure.message
print(failed, "error" in result["error"], connect)
""",
]


class Wire:
    """Passes bytes on to a server, and keeps them."""

    def __init__(self, target: str) -> None:
        self.host, _, port = target.rpartition(":")
        self.port = int(port)
        self.address = ""
        self.heard: list[bytes] = []
        self.pumps: set[asyncio.Task[None]] = set()

    async def open(self) -> asyncio.Server:
        server = await asyncio.start_server(self.take, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            self.pumps.add(asyncio.create_task(self.pump(source, sink)))

    async def pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(1 << 16):
                self.heard.append(data)
                sink.write(data)
                await sink.drain()
        with suppress(OSError):
            sink.close()
            await sink.wait_closed()

    async def close(self, server: asyncio.Server) -> None:
        server.close()
        async with asyncio.timeout(20):
            await asyncio.gather(*self.pumps)


@contextmanager
def listened_to(database: Path) -> Iterator[Wire]:
    """A server with its data in a file, reached over a wire that is tapped."""
    loop = loop_thread()
    server = loop.run(dev_server(["--db-filename", str(database)]))
    wire = Wire(server.client.service_client.config.target_host)
    listening = loop.run(wire.open())
    try:
        yield wire
    finally:
        loop.run(server.shutdown())
        loop.run(wire.close(listening))


def found_in(places: list[bytes], secret: str) -> set[str]:
    return {what for what in MARKERS if any(f"{secret}-{what}".encode() in place for place in places)}


def on_disk(*roots: Path) -> list[bytes]:
    files = [path for root in roots for path in ([root] if root.is_file() else root.rglob("*"))]
    return [path.read_bytes() for path in files if path.is_file() and not path.is_socket()]


@pytest.mark.parametrize("encrypted", [True, False])
def test_no_value_of_a_run_is_in_clear(tmp_path: Path, encrypted: bool):
    secret = "hush4711"
    database = tmp_path / "temporal.db"
    with temporary_home(tmp_path / "home") as home, listened_to(database) as wire:
        if encrypted:
            keyrings.turn_on(home.keys, "default")
        cells = [cell.strip("\n") for cell in CELLS[:-1]]
        cells.append(CELLS[-1].strip("\n").format(address=wire.address, secret=secret))
        executed = run_cells(cells, home=home.data, folder=made(tmp_path))
        assert printed(executed.cells[-1]).startswith(f"{secret}-error True")
        local_runtime.down(Home.locate(home.data))
        stored = on_disk(home.data, *tmp_path.glob("temporal.db*"))
        found, heard = found_in(stored, secret) - BRIEF, found_in([b"".join(wire.heard)], secret)
    if encrypted:
        assert (found, heard) == (set(), set())
    else:
        assert found == set(MARKERS) - BRIEF
        assert heard == set(MARKERS) - {"large", "printed"}


def made(root: Path) -> Path:
    folder = root / "notebook"
    folder.mkdir()
    return folder
