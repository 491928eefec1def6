"""A client's connection to the supervisor: requests, answers and notices over one socket.

The open connection is the client's lease on its worker hosts.
"""

from __future__ import annotations

import os
import socket
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress

from ..errors import RuntimeFailed
from .protocol import LineDecoder, Message, encode

ANSWER_SECONDS = 30.0
_all: weakref.WeakSet[Link] = weakref.WeakSet()


class LinkLost(RuntimeFailed):
    """The supervisor has gone."""


class NoAnswer(RuntimeFailed):
    """The supervisor is there, and did not answer in time."""


class Refused(RuntimeFailed):
    """The supervisor's answer is an error.

    Args:
        message: Its words.
        kind: What it is about; see `diagnosis.Kind`.
    """

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class Link:
    """One connection; its thread ends with it.

    Args:
        connection: A connected socket.
        on_notice: Called, on the link's thread, with messages that answer nothing.
        on_lost: Called, on the link's thread, when the other end has gone.
    """

    def __init__(
        self, connection: socket.socket, on_notice: Callable[[Message], None], on_lost: Callable[[Link], None]
    ) -> None:
        self.open = True
        self._connection = connection
        self._on_notice = on_notice
        self._on_lost = on_lost
        self._pending: dict[int, Future[Message]] = {}
        self._last_id = 0
        self._lock = threading.Lock()
        connection.settimeout(None)
        self._thread = threading.Thread(target=self._receive, name="jupyter-workflows-runtime", daemon=True)
        self._thread.start()
        _all.add(self)

    def request(self, message: Message, timeout_seconds: float = ANSWER_SECONDS) -> Message:
        """The answer to a request.

        Raises:
            Refused: The answer is an error.
            LinkLost: The supervisor has gone.
            NoAnswer: It did not answer in time.
        """
        future: Future[Message] = Future()
        with self._lock:
            self._last_id += 1
            number = self._last_id
            self._pending[number] = future
            try:
                if not self.open:
                    raise OSError
                self._connection.sendall(encode({**message, "id": number}))
            except OSError:
                self._pending.pop(number, None)
                raise LinkLost("The runtime's supervisor has gone. Try again.") from None
        try:
            answer = future.result(timeout_seconds)
        except FutureTimeout:
            self._pending.pop(number, None)
            text = f"The runtime's supervisor did not answer within {timeout_seconds:.0f} s."
            raise NoAnswer(f"{text} `jupyter workflows down` ends it; then try again.") from None
        if "error" in answer:
            raise Refused(str(answer["error"]), str(answer.get("kind", "other")))
        return answer

    def close(self) -> None:
        """Hang up; `on_lost` is not called."""
        self.open = False
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _receive(self) -> None:
        decoder = LineDecoder()
        with self._connection:
            while data := self._read():
                for message in decoder.feed(data):
                    self._take(message)
        was_open, self.open = self.open, False
        with self._lock:
            pending, self._pending = self._pending, {}
        for future in pending.values():
            future.set_exception(LinkLost("The runtime's supervisor has gone. Try again."))
        if was_open:
            self._on_lost(self)

    def _read(self) -> bytes:
        try:
            return self._connection.recv(1 << 16)
        except OSError:
            return b""

    def _take(self, message: Message) -> None:
        if "id" not in message:
            self._on_notice(message)
        elif future := self._pending.pop(message["id"], None):
            future.set_result(message)

    def _abandon(self) -> None:
        """In a forked child: the connection is the parent's, and must not outlive it."""
        self.open = False
        with suppress(OSError):
            os.close(self._connection.detach())


def _abandon_all() -> None:
    for link in list(_all):
        link._abandon()  # pyright: ignore[reportPrivateUsage]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
