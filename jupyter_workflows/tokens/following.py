"""A viewer on the worker's machine: follows the texts of one run at all workers of a home."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..schema import Token
from .broker import SUFFIX

LOOK_SECONDS = 0.25
SYNC_SECONDS = 1.0
# A text as long as one is kept, each character written out as six.
LINE_BYTES = 8 * 1024 * 1024

Take = Callable[[Token], object]


class WorkerLine:
    """The connection to one worker.

    Args:
        path: Its socket.
        run_id: The run that is followed.
        take: Is given each piece, in order.
    """

    def __init__(self, path: Path, run_id: str, take: Take) -> None:
        self.path = path
        self.run_id = run_id
        self.take = take
        self.writer: asyncio.StreamWriter | None = None
        self.synced = asyncio.Event()

    async def follow(self) -> None:
        """Hands on what the worker tells, until it has gone."""
        try:
            reader, self.writer = await asyncio.open_unix_connection(str(self.path), limit=LINE_BYTES)
        except ConnectionRefusedError:
            # Its worker died: the name is used once.
            with suppress(OSError):
                self.path.unlink()
            return
        except OSError:
            return
        try:
            self.request({"follow": self.run_id})
            while line := await reader.readline():
                self.hear(line)
        except (OSError, ValueError):
            # It died in mid-sentence, or it is none of ours.
            return
        finally:
            self.writer.close()
            self.writer = None
            self.synced.set()

    def hear(self, line: bytes) -> None:
        """Takes in a line.

        Raises:
            ValueError: It is none of a worker's.
        """
        if line.startswith(b'{"synced"'):
            self.synced.set()
        else:
            self.take(Token.model_validate_json(line))

    def request(self, message: dict[str, object]) -> None:
        """Sends a request."""
        if self.writer is not None:
            self.writer.write(json.dumps(message).encode() + b"\n")

    async def sync(self) -> None:
        """Waits until all has come that was written before."""
        if self.writer is not None:
            self.synced.clear()
            self.request({"sync": 1})
            await self.synced.wait()


class LocalTokens:
    """The texts of a run, as the workers of this machine tell them; to be used on one event loop.

    A worker that starts later is found within a quarter of a second, one that died is let go.

    Args:
        directory: Where the workers of a home listen.
        run_id: Temporal's id of the execution.
        take: Is given each piece; pieces of a text come in order.
    """

    def __init__(self, directory: Path, run_id: str, take: Take) -> None:
        self.directory = directory
        self.run_id = run_id
        self.take = take
        self.lines: dict[Path, tuple[WorkerLine, asyncio.Task[None]]] = {}
        self.task = asyncio.get_running_loop().create_task(self.follow())

    async def follow(self) -> None:
        """Keeps a line to each worker."""
        try:
            while True:
                self.look()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            for _, task in self.lines.values():
                task.cancel()
            await asyncio.gather(*(task for _, task in self.lines.values()), return_exceptions=True)

    def look(self) -> None:
        """Opens lines to workers that are new."""
        self.lines = {path: line for path, line in self.lines.items() if not line[1].done()}
        for path in sockets(self.directory):
            if path not in self.lines:
                line = WorkerLine(path, self.run_id, self.take)
                self.lines[path] = line, asyncio.get_running_loop().create_task(line.follow())

    async def sync(self) -> None:
        """Waits until all has come that was written before, at most a second."""
        lines = [line for line, task in self.lines.values() if not task.done()]
        with suppress(TimeoutError):
            async with asyncio.timeout(SYNC_SECONDS):
                await asyncio.gather(*(line.sync() for line in lines))

    async def close(self) -> None:
        """Hangs up."""
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


def sockets(directory: Path) -> list[Path]:
    """The sockets of workers; none where the directory is not the user's alone."""
    try:
        found = directory.stat()
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            return []
        return sorted(Path(entry.path) for entry in os.scandir(directory) if entry.name.endswith(SUFFIX))
    except OSError:
        return []
