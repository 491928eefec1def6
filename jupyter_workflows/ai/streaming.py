"""A model's stream, shown on the step while it is read."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Generic, TypeVar, cast

from ..tokens import emit

T = TypeVar("T")


class Stream(Generic[T]):
    """A model's stream whose text is emitted as it is read: `async for chunk in ...`, or `for`; made by `stream`.

    Attributes:
        text: All that was read so far; the whole answer at the end.
    """

    def __init__(self, source: Any, text_of: Callable[[T], str]) -> None:
        self.source = source
        self.text_of = text_of
        self.pieces: list[str] = []

    @property
    def text(self) -> str:
        """All that was read so far."""
        return "".join(self.pieces)

    def take(self, chunk: T) -> T:
        """Emits the chunk's text."""
        if piece := self.text_of(chunk):
            self.pieces.append(piece)
            emit(piece)
        return chunk

    async def __aiter__(self) -> AsyncIterator[T]:
        """The chunks of an asynchronous stream; it is closed at the end, early or not."""
        source = await self.source if inspect.isawaitable(self.source) else self.source
        if not hasattr(source, "__aiter__"):
            raise TypeError(f"{type(source).__name__} is no asynchronous stream: use `for`, not `async for`")
        try:
            async for chunk in source:
                yield self.take(chunk)
        finally:
            await closed(source)

    def __iter__(self) -> Iterator[T]:
        """The chunks of a synchronous stream; it is closed at the end, early or not."""
        if not hasattr(self.source, "__iter__"):
            raise TypeError(f"{type(self.source).__name__} is no synchronous stream: use `async for`, not `for`")
        try:
            for chunk in self.source:
                yield self.take(chunk)
        finally:
            close = getattr(self.source, "close", None)
            if callable(close):
                close()


async def closed(source: Any) -> None:
    """Closes a stream, by whichever method it has."""
    for name in ("aclose", "close"):
        close = getattr(source, name, None)
        if callable(close):
            done = close()
            if inspect.isawaitable(done):
                await done
            return


def stream(source: Any, *, text: Callable[[Any], str] | None = None) -> Stream[Any]:
    """Reads a model's stream and shows its text on the step, live.

    Runs in an activity; outside of one it only reads. `answer = ai.stream(...)`, then
    `async for chunk in answer:` (`for` in a `def`); at the end `answer.text` is the whole text, to be returned as
    the step's result.

    Args:
        source: What the model's client gives: an iterator, synchronous or asynchronous, of texts or of chunks as
            OpenAI's and Mistral's clients make them; a coroutine that gives one works too.
        text: Gives the text of a chunk; needed for chunks of other kinds.

    Raises:
        TypeError: When a chunk has no text that is known to be one, or `for` and `async for` are mixed up.
    """
    return Stream(source, text or chunk_text)


def chunk_text(chunk: Any) -> str:
    """The text of a model's chunk; empty for one that carries none, such as the last with the usage.

    Raises:
        TypeError: It is of an unknown kind.
    """
    if isinstance(chunk, str):
        return chunk
    found = getattr(chunk, "data", chunk)
    choices = getattr(found, "choices", None)
    if not isinstance(choices, list):
        raise TypeError(f"no text is known of a chunk of type {type(chunk).__name__}: give stream(..., text=function)")
    first = cast("list[Any]", choices)[:1]
    return "".join(content_text(getattr(getattr(choice, "delta", None), "content", None)) for choice in first)


def content_text(content: Any) -> str:
    """The text of a delta's content: a text, parts of which some are text, or nothing."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(content_text(getattr(part, "text", None)) for part in cast("list[Any]", content))
    return ""
