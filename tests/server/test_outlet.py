"""A page that reads slowly costs a bounded amount of memory, and gets the whole of what it missed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from jupyter_workflows.server import outlet
from jupyter_workflows.server.frames import Frame
from jupyter_workflows.server.outlet import Outlet

FRAME = b"x" * 100_000


@dataclass
class Connection:
    """A connection that takes frames only while it is open."""

    written: list[Frame] = field(default_factory=list[Frame])
    refreshed: list[str] = field(default_factory=list[str])
    cut_off: asyncio.Event = field(default_factory=asyncio.Event)
    is_open: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, frame: Frame) -> None:
        await self.is_open.wait()
        self.written.append(frame)


async def settled(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a turn of the loop, no sleep
            await asyncio.sleep(0)


async def test_a_slow_page_is_told_the_whole_once_it_has_room():
    connection = Connection()
    made = Outlet(connection.write, connection.refreshed.append, connection.cut_off.set)
    delivering = asyncio.ensure_future(made.deliver(asyncio.get_running_loop()))
    for _ in range(1_000):
        made.offer("run:a/", FRAME)
    made.offer("run:b/", FRAME)
    assert made.pending <= outlet.FULL_BYTES + len(FRAME)
    assert made.behind == {"run:a/", "run:b/"}
    connection.is_open.set()
    await settled(lambda: made.pending == 0)
    assert sorted(connection.refreshed) == ["run:a/", "run:b/"]
    assert sum(map(len, connection.written)) <= outlet.FULL_BYTES + len(FRAME)
    made.offer("run:a/", b"again")
    await settled(lambda: connection.written[-1] == b"again")
    delivering.cancel()


async def test_a_page_that_takes_nothing_is_cut_off():
    connection = Connection()
    made = Outlet(connection.write, connection.refreshed.append, connection.cut_off.set)
    for _ in range(outlet.OVERRUN_BYTES // len(FRAME) + 1):
        made.send(FRAME)
    await asyncio.wait_for(connection.cut_off.wait(), 10)
    waiting = made.frames.qsize()
    made.send(FRAME)
    assert made.frames.qsize() == waiting
