"""A TCP proxy that breaks what passes through it: cuts, silence, a trickle, answers that never come."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, Literal

Fault = Literal["cut", "silence", "dead", "trickle", "mute"]
"""What happens to connections.

- `cut`: all are closed, and new ones are refused.
- `silence`: nothing passes on any, new ones included; none is closed.
- `dead`: the server sees those that are open closed, and clients are never told; new ones work.
- `trickle`: 1 kB/s passes in each direction.
- `mute`: what clients send passes, the answers are thrown away; at the end the connections are closed.
"""

PIECE = 65_536
TRICKLE_BYTES = 1024


class Proxy:
    """Forwards connections to a server; faults are thrown from any thread.

    Args:
        host: The server.
        port: Its port.
    """

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.fault: Fault | None = None
        self.port = 0
        self.passed_bytes = 0
        self._pairs: set[Pair] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None

    def start(self) -> None:
        """Listens, on a port of its own choice."""
        self._thread.start()
        self._do(self._listen())

    def throw(self, fault: Fault | None) -> None:
        """Begins a fault; None ends the one that goes on."""
        self._do(self._turn_to(fault))

    def close(self) -> None:
        """Ends it, and all connections."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _turn_to(self, fault: Fault | None) -> None:
        before, self.fault = self.fault, fault
        if fault == "cut":
            assert self._server is not None
            self._server.close()
            self._close_all()
        elif before == "cut":
            await self._listen()
        if before == "mute":
            self._close_all()
        for pair in self._pairs if fault == "dead" else ():
            pair.die()

    def _close_all(self) -> None:
        for pair in list(self._pairs):
            pair.close()

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        self._close_all()
        tasks = [task for pair in self._pairs for task in pair.tasks]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection(*self.target)
        except OSError:
            writer.close()
            return
        pair = Pair(self, writer, there[1])
        self._pairs.add(pair)
        pair.tasks = [
            asyncio.ensure_future(pair.pump(reader, there[1], answers=False)),
            asyncio.ensure_future(pair.pump(there[0], writer, answers=True)),
        ]
        await asyncio.gather(*pair.tasks, return_exceptions=True)
        pair.close()
        self._pairs.discard(pair)


class Pair:
    """One connection, with its other half."""

    def __init__(self, proxy: Proxy, here: asyncio.StreamWriter, there: asyncio.StreamWriter) -> None:
        self.proxy = proxy
        self.writers = (here, there)
        self.tasks: list[asyncio.Future[None]] = []
        self.dead = False
        self.closed = False

    def close(self) -> None:
        """Closes both halves at once, whatever waits to be sent."""
        self.closed = True
        for writer in self.writers:
            with contextlib.suppress(Exception):
                writer.transport.abort()

    def die(self) -> None:
        """Closes the server's half; the client's stays open, and nothing is ever heard there again."""
        self.dead = True
        self.writers[1].transport.abort()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        """Passes on what comes, as the fault of the moment lets it."""
        while data := await self.heard(reader):
            while self.proxy.fault == "silence" and not self.closed:  # noqa: ASYNC110 - a fault is no event
                await asyncio.sleep(0.01)
            if answers and self.proxy.fault == "mute":
                continue
            while data and self.proxy.fault == "trickle":
                writer.write(data[: TRICKLE_BYTES // 10])
                data = data[TRICKLE_BYTES // 10 :]
                await asyncio.sleep(0.1)
            self.proxy.passed_bytes += len(data)
            writer.write(data)
            await writer.drain()
        self.close()

    async def heard(self, reader: asyncio.StreamReader) -> bytes:
        """What comes next; nothing at the end, which of a dead connection is that of its client."""
        with contextlib.suppress(OSError):
            if data := await reader.read(PIECE):
                return data if not self.dead else await self.heard(reader)
        while self.dead and not self.closed and not self.writers[0].transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        return b""
