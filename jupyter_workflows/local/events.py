"""The supervisor's event loop: sockets, timers and ended children, in one thread.

asyncio would do, but importing it costs more than the rest of the supervisor's start together.
"""

from __future__ import annotations

import heapq
import itertools
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from .protocol import LineDecoder, Message, encode


class Timer:
    """A call that will be made later, unless cancelled."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """The call is not made any more."""
        self.callback = None


class EventLoop:
    """Calls back when a file is readable or writable, a time has come, or a signal has arrived."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._signals: dict[int, Callable[[], None]] = {}
        self._arrived: list[int] = []
        self._stopped = False
        self._wake_in, self._wake_out = socket.socketpair()
        for end in (self._wake_in, self._wake_out):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake_out.fileno(), warn_on_full_buffer=False)
        self.watch(self._wake_in, selectors.EVENT_READ, self._on_wake)

    def watch(self, file: socket.socket, events: int, callback: Callable[[int], None]) -> None:
        """Call `callback` with the events that have come whenever one of `events` comes for `file`."""
        try:
            self._selector.modify(file, events, callback)
        except KeyError:
            self._selector.register(file, events, callback)

    def forget(self, file: socket.socket) -> None:
        """End `watch`."""
        with suppress(KeyError, ValueError):
            self._selector.unregister(file)

    def on_signal(self, number: int, callback: Callable[[], None]) -> None:
        """Call `callback` from the loop when the signal arrives."""
        self._signals[number] = callback
        signal.signal(number, self._note_signal)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` once, after `seconds`."""
        timer = Timer(callback)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), timer))
        return timer

    def run(self) -> None:
        """Run until `stop`. A callback that raises is reported and costs nothing else: the children depend on us."""
        while not self._stopped:
            for key, events in self._selector.select(self._seconds_to_next_timer()):
                self._guard(lambda callback=key.data, events=events: callback(events))
            self._run_timers()

    def stop(self) -> None:
        """End `run` after the callback that is running."""
        self._stopped = True

    def _seconds_to_next_timer(self) -> float | None:
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _run_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now and not self._stopped:
            callback = heapq.heappop(self._timers)[2].callback
            if callback:
                self._guard(callback)

    def _guard(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception:  # noqa: BLE001
            sys.excepthook(*sys.exc_info())  # pyright: ignore[reportArgumentType]

    def _note_signal(self, number: int, _frame: FrameType | None) -> None:
        self._arrived.append(number)

    def _on_wake(self, _events: int) -> None:
        with suppress(BlockingIOError):
            while self._wake_in.recv(4096):
                pass
        while self._arrived:
            self._signals[self._arrived.pop(0)]()


class Peer:
    """The other end of a socket that speaks the protocol; never blocks."""

    def __init__(
        self,
        loop: EventLoop,
        connection: socket.socket,
        on_message: Callable[[Message], None],
        on_close: Callable[[], None],
    ) -> None:
        connection.setblocking(False)
        self.open = True
        self._loop = loop
        self._connection = connection
        self._decoder = LineDecoder()
        self._outgoing = b""
        self._on_message = on_message
        self._on_close = on_close
        loop.watch(connection, selectors.EVENT_READ, self._on_ready)

    def send(self, message: Message) -> None:
        """Queue a message; dropped when the other end has gone."""
        if self.open:
            self._outgoing += encode(message)
            self._flush()

    def close(self) -> None:
        """Hang up, without calling `on_close`."""
        if self.open:
            self.open = False
            self._loop.forget(self._connection)
            self._connection.close()

    def _on_ready(self, events: int) -> None:
        if events & selectors.EVENT_WRITE and self.open:
            self._flush()
        if events & selectors.EVENT_READ and self.open:
            self._receive()

    def _receive(self) -> None:
        try:
            data = self._connection.recv(1 << 16)
            messages = self._decoder.feed(data) if data else None
        except BlockingIOError:
            return
        except (OSError, ValueError):
            messages = None
        if messages is None:
            self._lost()
            return
        for message in messages:
            if self.open:
                self._on_message(message)

    def _flush(self) -> None:
        try:
            sent = self._connection.send(self._outgoing) if self._outgoing else 0
            self._outgoing = self._outgoing[sent:]
        except BlockingIOError:
            pass
        except OSError:
            # The reader learns it too, and from there the close is told in order.
            self._outgoing = b""
        waiting = selectors.EVENT_WRITE if self._outgoing else 0
        self._loop.watch(self._connection, selectors.EVENT_READ | waiting, self._on_ready)

    def _lost(self) -> None:
        self.close()
        self._on_close()
