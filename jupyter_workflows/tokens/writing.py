"""The activity's side: what a step writes goes into memory, and never waits for who reads it."""

from __future__ import annotations

import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from .checkpoint import checkpoint
from .texts import Text, Texts

# A viewer that comes a little late still sees the text that is over; its step's result tells it later.
LINGER_SECONDS = 60.0
# All ended texts of a process together.
ENDED_CHARACTERS = 4_000_000


class Exchange:
    """The texts that the steps of this process write, by run."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.runs: dict[str, Texts] = {}
        self.ended: deque[tuple[float, str, Text]] = deque()
        self.ended_characters = 0

    def texts(self, run_id: str) -> Texts:
        """The texts of a run."""
        with self.lock:
            return self.runs.setdefault(run_id, Texts())

    def begin(self, run_id: str, step: str, attempt: int) -> tuple[Texts, Text]:
        """Starts the text of an attempt."""
        with self.lock:
            texts = self.runs.setdefault(run_id, Texts())
            return texts, texts.begin(step, attempt)

    def end(self, run_id: str, text: Text) -> None:
        """Takes note that a text is over, and drops those that have been over for long."""
        now = time.monotonic()
        with self.lock:
            if texts := self.runs.get(run_id):
                texts.end(text)
            self.ended.append((now, run_id, text))
            self.ended_characters += text.length - text.begins
            while self.ended and (self.ended[0][0] < now - LINGER_SECONDS or self.ended_characters > ENDED_CHARACTERS):
                self.drop(*self.ended.popleft()[1:])

    def drop(self, run_id: str, text: Text) -> None:
        """Drops a text that is over."""
        self.ended_characters -= text.length - text.begins
        texts = self.runs.get(run_id)
        if texts and texts.by_step.get(text.step) is text:
            texts.forget(text.step)
            self.drop_empty(run_id)

    def release(self, run_id: str) -> None:
        """A viewer of a run has gone."""
        with self.lock:
            self.drop_empty(run_id)

    def drop_empty(self, run_id: str) -> None:
        """Drops a run that has neither text nor viewer."""
        texts = self.runs.get(run_id)
        if texts and not texts.by_step and not texts.tails:
            del self.runs[run_id]


exchange = Exchange()


class Writer:
    """What one attempt of a step writes.

    Args:
        run_id: Temporal's id of the execution.
        step: The step's id.
        attempt: The number of the attempt.
        earlier: What an earlier attempt had written, as far as its last heartbeat tells.
        begun: Called, on the writing thread, at the first piece.
        where: Where texts are kept.
    """

    def __init__(
        self,
        run_id: str,
        step: str,
        attempt: int,
        *,
        earlier: str = "",
        begun: Callable[[], object] = lambda: None,
        where: Exchange = exchange,
    ) -> None:
        self.run_id = run_id
        self.step = step
        self.attempt = attempt
        self.earlier = earlier
        self.begun = begun
        self.exchange = where
        self.lock = threading.Lock()
        self.open: tuple[Texts, Text] | None = None
        self.over = False

    def write(self, piece: str) -> None:
        """Adds a piece; what comes after the attempt's end is dropped."""
        if not piece or self.over:
            return
        texts, text = self.open or self.begin()
        texts.write(text, well_formed(piece))

    def begin(self) -> tuple[Texts, Text]:
        """Starts the text, once."""
        with self.lock:
            if self.open is None:
                self.open = self.exchange.begin(self.run_id, self.step, self.attempt)
                self.begun()
            return self.open

    def checkpoint(self) -> dict[str, Any] | None:
        """The text's end for a heartbeat; None where nothing was written."""
        if self.open is None:
            return None
        texts, text = self.open
        with texts.lock:
            return checkpoint(text)

    def end(self) -> None:
        """The attempt is over."""
        self.over = True
        if self.open is not None:
            self.exchange.end(self.run_id, self.open[1])


_writer: contextvars.ContextVar[Writer | None] = contextvars.ContextVar("writer", default=None)


@contextmanager
def writing(writer: Writer) -> Generator[None]:
    """Makes a writer the one of what runs within, in threads and on loops that take its context over."""
    token = _writer.set(writer)
    try:
        yield
    finally:
        writer.end()
        _writer.reset(token)


def emit(text: str) -> None:
    """Shows a piece of text on the step, live, as the next one of this attempt.

    It costs a few microseconds, makes no event in history and never waits: a viewer that is slow gets more at a
    time. Viewers that come later see what was so far. When the step is tried again, its text begins anew. Outside
    of an activity it does nothing, so the function stays usable in the notebook.

    Args:
        text: The piece, usually a token of a model; an empty one is ignored.

    Raises:
        TypeError: It is no `str`.
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"emit() takes a str, not {type(text).__name__}: give str(...) of it")
    writer = _writer.get()
    if writer is not None:
        writer.write(text)


def last_text() -> str:
    """What the attempt before this one had written, at most its last 16,000 characters.

    It is as old as the last heartbeat of that attempt: up to a second of its text may be missing. Empty on a first
    attempt and outside of an activity.
    """
    writer = _writer.get()
    return writer.earlier if writer is not None else ""


def well_formed(text: str) -> str:
    """The text without halves of surrogate pairs, which no encoding could carry."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
