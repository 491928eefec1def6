"""What goes to one page: in order, at the pace of its connection, and bounded.

A page that reads slowly holds up nobody and costs a bounded amount of memory: what it has no room for is left out, and
once there is room again it gets a whole snapshot of what it missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from .frames import Frame

# Two snapshots of a run of 50,000 steps fit.
FULL_BYTES = 8_000_000
ROOM_BYTES = 1_000_000
# Answers can't be left out; a page that lets so much pile up is cut off.
OVERRUN_BYTES = 32_000_000


class Outlet:
    """The frames on their way to one page.

    `offer` and `send` are called on the loop thread, `deliver` runs on the connection's own loop.

    Args:
        write: Hands a frame to the connection; returns when it has left this process.
        refresh: Called on the loop thread with a topic that the page fell behind on, once there is room.
        overrun: Called on the connection's loop when the page takes nothing any more.
    """

    def __init__(
        self, write: Callable[[Frame], Awaitable[None]], refresh: Callable[[str], None], overrun: Callable[[], None]
    ) -> None:
        self.write = write
        self.refresh = refresh
        self.overrun = overrun
        self.connection = asyncio.get_running_loop()
        self.frames: asyncio.Queue[Frame] = asyncio.Queue()
        self.pending = 0
        self.behind: set[str] = set()
        self.closed = False

    def offer(self, topic: str, frame: Frame) -> None:
        """Sends a message about a topic, or leaves it out where the page is behind."""
        if topic in self.behind or self.pending > FULL_BYTES:
            self.behind.add(topic)
            return
        self.send(frame)

    def send(self, frame: Frame) -> None:
        """Sends what must not be left out."""
        if self.closed:
            return
        self.pending += len(frame)
        if self.pending > OVERRUN_BYTES:
            self.closed = True
            self.connection.call_soon_threadsafe(self.overrun)
            return
        self.connection.call_soon_threadsafe(self.frames.put_nowait, frame)

    async def deliver(self, ours: asyncio.AbstractEventLoop) -> None:
        """Writes frame after frame, until it is cancelled or the connection breaks.

        Args:
            ours: The loop of the loop thread.
        """
        while True:
            frame = await self.frames.get()
            await self.write(frame)
            ours.call_soon_threadsafe(self.delivered, len(frame))

    def delivered(self, size: int) -> None:
        """A frame has left; on the loop thread."""
        self.pending -= size
        if self.behind and self.pending <= ROOM_BYTES:
            behind, self.behind = self.behind, set()
            for topic in behind:
                self.refresh(topic)
