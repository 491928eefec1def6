"""`/healthz` and `/readyz` for whoever looks after the process: plain HTTP, nothing to configure, nothing to leak."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from ..errors import CommandError
from .settings import Address

REQUEST_BYTES = 8192
REQUEST_SECONDS = 5.0
# A probe every second from each of many watchers must not become a call to Temporal each.
REMEMBERED_SECONDS = 2.0
REASONS = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


class Health:
    """What the endpoints tell.

    Attributes:
        alive: Whether the process is worth keeping; `/healthz`.
        accepts: Whether it takes work, as far as it knows itself.

    Args:
        facts: What the answers say besides the status.
        reaches_server: Whether Temporal answers; `/readyz` asks.
    """

    def __init__(self, facts: dict[str, Any], reaches_server: Callable[[], Awaitable[bool]]) -> None:
        self.alive = True
        self.accepts = False
        self._facts = facts
        self._reaches_server = reaches_server
        self._seen: tuple[float, bool] = (-REMEMBERED_SECONDS, False)
        self._server: asyncio.Server | None = None

    async def start(self, address: Address) -> Address:
        """Listens; gives where.

        Raises:
            CommandError: The address can't be used.
        """
        try:
            self._server = await asyncio.start_server(self._answer, address.host, address.port, limit=REQUEST_BYTES)
        except OSError as error:
            raise CommandError(
                f"the health endpoint can't listen at {address}: {error.strerror}: set JUPYTER_WORKFLOWS_HEALTH to "
                "another HOST:PORT, or to off"
            ) from None
        return Address(address.host, self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Listens no more."""
        if self._server is not None:
            self._server.close()

    async def is_ready(self) -> bool:
        """Whether the worker takes work and Temporal answers."""
        if not self.accepts:
            return False
        at, seen = self._seen
        if time.monotonic() - at > REMEMBERED_SECONDS:
            seen = await self._reaches_server()
            self._seen = (time.monotonic(), seen)
        return seen

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                method, _, rest = head.partition(b" ")
                status = await self._status(method, rest.partition(b" ")[0].partition(b"?")[0])
                writer.write(self._response(status, is_head=method == b"HEAD"))
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _status(self, method: bytes, path: bytes) -> int:
        if method not in (b"GET", b"HEAD"):
            return 405
        if path == b"/healthz":
            return 200 if self.alive else 503
        if path == b"/readyz":
            return 200 if await self.is_ready() else 503
        return 404

    def _response(self, status: int, *, is_head: bool) -> bytes:
        told = {"status": REASONS[status].lower(), **(self._facts if status in (200, 503) else {})}
        body = json.dumps(told).encode() + b"\n"
        head = (
            f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
        ).encode()
        return head if is_head else head + body
