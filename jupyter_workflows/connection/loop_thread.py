"""An event loop in a thread of its own: neither the notebook's loop nor its thread is ever used or nested."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import os
import threading
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

_T = TypeVar("_T")
_CLOSING_SECONDS = 2.0


class LoopThread:
    """A running event loop in a daemon thread.

    It belongs to the process that made it: a forked child has the object but not the thread, and is told so.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="jupyter-workflows", daemon=True)
        self._thread.start()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop itself, for `call_soon_threadsafe`."""
        return self._loop

    @property
    def is_usable(self) -> bool:
        """Whether it was made in this process and not closed."""
        return self._process == os.getpid() and self._thread.is_alive() and not self._loop.is_closed()

    def run(
        self,
        coroutine: Coroutine[Any, Any, _T],
        *,
        timeout: timedelta | float | None = None,
        cancel_on_interrupt: bool = False,
    ) -> _T:
        """Runs a coroutine on the loop and returns its result; blocks the calling thread.

        Args:
            coroutine: What to run. It goes on by itself when the wait is interrupted.
            timeout: How long to wait (a number means seconds); after that the coroutine is cancelled.
            cancel_on_interrupt: Whether Ctrl-C cancels the coroutine too, not only the wait.

        Raises:
            TimeoutError: It took longer than `timeout`.
            RuntimeError: The call comes from the loop's own thread, where it would wait for itself, or the loop is
                closed.
        """
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("LoopThread.run on its own thread would wait for itself; await the coroutine instead")
        future = self.submit(coroutine)
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        try:
            return future.result(seconds)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise
        except KeyboardInterrupt:
            if cancel_on_interrupt:
                future.cancel()
            raise

    def wrap(self, coroutine: Coroutine[Any, Any, _T]) -> asyncio.Future[_T]:
        """Runs a coroutine on the loop; the future can be awaited on the caller's own loop.

        Cancelling the future cancels the coroutine.

        Raises:
            RuntimeError: The loop is closed, or the caller has no running loop.
        """
        if asyncio.get_running_loop() is self._loop:
            return asyncio.ensure_future(coroutine)
        return asyncio.wrap_future(self.submit(coroutine))

    def close(self) -> None:
        """Cancels what still runs and ends the thread; waits for it at most 2 s."""
        if not self.is_usable or threading.current_thread() is self._thread:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSING_SECONDS)

    def submit(self, coroutine: Coroutine[Any, Any, _T]) -> concurrent.futures.Future[_T]:
        """Runs a coroutine on the loop without waiting for it; from any thread, its own too.

        Raises:
            RuntimeError: The loop is closed.
        """
        if not self.is_usable:
            coroutine.close()
            reason = "was closed" if self._process == os.getpid() else "belongs to the process this one was forked from"
            raise RuntimeError(f"this LoopThread {reason}; call loop_thread() for a new one")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            self._cancel_all()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    def _cancel_all(self) -> None:
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.wait(tasks, timeout=_CLOSING_SECONDS / 2))


_shared: LoopThread | None = None
_sharing = threading.Lock()


def loop_thread() -> LoopThread:
    """The process's one `LoopThread`; started on first use, closed at exit, a new one after a fork."""
    global _shared
    with _sharing:
        if _shared is None or not _shared.is_usable:
            _shared = LoopThread()
        return _shared


def _close_at_exit() -> None:
    if _shared is not None:
        _shared.close()


def _start_anew() -> None:
    """In a forked child: another thread of the parent may have held the lock, and the loop's thread is not there."""
    global _shared, _sharing
    _shared = None
    _sharing = threading.Lock()


atexit.register(_close_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
