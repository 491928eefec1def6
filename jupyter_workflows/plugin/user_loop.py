"""The event loop on which asynchronous activities run: not the worker's own.

Notebook code blocks: `time.sleep` or a long computation in an `async def` would stop the worker's heartbeats
and workflow tasks. On a loop of its own it stops other asynchronous activities only.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import Awaitable, Callable
from typing import Any

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def user_loop() -> asyncio.AbstractEventLoop:
    """The loop, started on first use."""
    global _loop
    with _lock:
        if _loop is None or _loop.is_closed():
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="activities", daemon=True).start()
        return _loop


def on_user_loop(fn: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """The function, run on the user loop; a cancellation of the caller reaches it there."""

    @functools.wraps(fn)
    async def call(*args: Any) -> Any:
        here = asyncio.get_running_loop()
        loop = user_loop()
        context = contextvars.copy_context()
        done: asyncio.Future[None] = here.create_future()
        tasks: list[asyncio.Task[Any]] = []

        async def run() -> Any:
            return await fn(*args)

        def start() -> None:
            task = loop.create_task(run(), context=context)
            tasks.append(task)
            task.add_done_callback(lambda _: here.call_soon_threadsafe(settle, done))

        loop.call_soon_threadsafe(start)
        try:
            await asyncio.shield(done)
        except asyncio.CancelledError:
            loop.call_soon_threadsafe(lambda: tasks[0].cancel())  # noqa: PLW0108 - the task may not be there yet
            await done
            if tasks[0].cancelled():
                raise
        return tasks[0].result()

    return call


def settle(future: asyncio.Future[None]) -> None:
    """Marks a future done, unless it is by now."""
    if not future.done():
        future.set_result(None)
