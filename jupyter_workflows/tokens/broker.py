"""A worker hands its texts to the viewers of this machine: a Unix socket in a directory of the user's own.

A viewer sends `{"follow": RUN_ID}` on a line and is sent each `Token` on a line, from what was so far; the answer to
`{"sync": N}` is `{"synced": N}`, after all that was written before. A viewer that reads too slowly is sent more at a
time, or only what is still at hand: no activity ever waits for one.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from .texts import Tail
from .writing import Exchange

# A viewer is sent more at once at most so often: a burst of tokens costs one message.
FLUSH_SECONDS = 0.002
BUFFERED_BYTES = 64 * 1024
REQUEST_BYTES = 64 * 1024
SUFFIX = ".sock"


class Viewer(asyncio.Protocol):
    """One connection of a viewer.

    Args:
        exchange: The texts of this process.
        is_admitted: Whether the process at the other end of a socket may read them.
    """

    def __init__(self, exchange: Exchange, is_admitted: Callable[[socket.socket], bool]) -> None:
        self.exchange = exchange
        self.is_admitted = is_admitted
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.run_id = ""
        self.tail: Tail | None = None
        self.request = b""
        self.paused = False
        self.flushed = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Looks who it is."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=BUFFERED_BYTES)
        if not self.is_admitted(transport.get_extra_info("socket")):
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Takes requests; what is none ends the connection."""
        assert self.transport is not None
        *lines, self.request = (self.request + data).split(b"\n")
        try:
            if len(self.request) > REQUEST_BYTES:
                raise ValueError("a request of a viewer is short")
            for line in lines:
                self.take(json.loads(line))
        except (ValueError, RecursionError):
            self.transport.abort()

    def take(self, request: Any) -> None:
        """Carries out a request.

        Raises:
            ValueError: It is none.
        """
        assert self.transport is not None
        match request:
            case {"follow": str(run_id)} if self.tail is None:
                self.run_id = run_id
                self.tail = Tail(self.exchange.texts(run_id), self.wake)
            case {"sync": int(number)}:
                self.flush()
                self.transport.write(json.dumps({"synced": number}).encode() + b"\n")
            case _:
                raise ValueError("unknown request")

    def wake(self) -> None:
        """There is news; called on the thread that wrote it."""
        with suppress(RuntimeError):  # the loop has ended, and with it the connection
            self.loop.call_soon_threadsafe(self.flush_soon)

    def flush_soon(self) -> None:
        """Sends what is new, in a moment if some was sent just now."""
        wait = self.flushed + FLUSH_SECONDS - self.loop.time()
        if wait > 0:
            self.loop.call_later(wait, self.flush)
        else:
            self.flush()

    def flush(self) -> None:
        """Sends what is new, unless the viewer has not read what it was sent before."""
        if self.paused or self.tail is None or self.transport is None or self.transport.is_closing():
            return
        self.flushed = self.loop.time()
        lines = [token.model_dump_json().encode() + b"\n" for token in self.tail.news()]
        if lines:
            self.transport.write(b"".join(lines))

    def pause_writing(self) -> None:
        """The viewer is slow."""
        self.paused = True

    def resume_writing(self) -> None:
        """The viewer has caught up."""
        self.paused = False
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """The viewer has gone."""
        del exc
        if self.tail is not None:
            self.tail.close()
            self.tail = None
            self.exchange.release(self.run_id)


class Broker:
    """Serves the texts of this process.

    Args:
        exchange: The texts.
        directory: Where the socket is made; only the user may enter it.
        is_admitted: Whether the process at the other end of a socket may read them.
    """

    def __init__(self, exchange: Exchange, directory: Path, is_admitted: Callable[[socket.socket], bool]) -> None:
        self.exchange = exchange
        self.is_admitted = is_admitted
        # A name that never comes again: a viewer may remove it when nobody answers there any more.
        self.path = directory / f"{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        self.server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begins to listen; the socket has its name only when it answers."""
        hidden = self.path.with_suffix(".new")
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(str(hidden))
        hidden.chmod(0o600)
        self.server = await asyncio.get_running_loop().create_unix_server(
            lambda: Viewer(self.exchange, self.is_admitted), sock=listening
        )
        hidden.rename(self.path)

    def close(self) -> None:
        """Listens no more."""
        if self.server is not None:
            self.server.close()
        with suppress(OSError):
            self.path.unlink()
