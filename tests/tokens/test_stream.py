"""Models' streams, as their clients give them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_workflows import ai
from jupyter_workflows.tokens import Exchange, Writer, writing


def chunk(content: Any, *, inside: bool = False) -> Any:
    """A chunk as OpenAI's client makes it; Mistral's has it inside of an event."""
    made = SimpleNamespace(choices=[SimpleNamespace(delta=SimpleNamespace(content=content))])
    return SimpleNamespace(data=made) if inside else made


PARTS = [SimpleNamespace(type="thinking", thinking=[]), SimpleNamespace(type="text", text="four")]
CHUNKS = ["one ", chunk("two "), chunk("three ", inside=True), chunk(PARTS), chunk(None), SimpleNamespace(choices=[])]


class Source:
    """An asynchronous stream that knows whether it was closed."""

    def __init__(self) -> None:
        self.closed = 0

    async def __aiter__(self) -> AsyncIterator[Any]:
        for each in CHUNKS:
            yield each

    async def aclose(self) -> None:
        self.closed += 1


async def opened(source: Source) -> Source:
    """As a client's method that has to be awaited."""
    return source


def emitted(exchange: Exchange) -> str:
    return exchange.texts("r").by_step["write-1"].since(0)


async def test_an_asynchronous_stream_is_read_emitted_and_closed():
    exchange, source = Exchange(), Source()
    with writing(Writer("r", "write-1", 1, where=exchange)):
        answer = ai.stream(opened(source))
        chunks = [each async for each in answer]
    assert chunks == CHUNKS
    assert answer.text == emitted(exchange) == "one two three four"
    assert source.closed == 1


async def test_a_stream_that_is_left_early_is_closed():
    source = Source()
    chunks = aiter(ai.stream(source))
    assert await anext(chunks) == "one "
    await chunks.aclose()  # type: ignore[attr-defined]
    assert source.closed == 1


def test_a_synchronous_stream_is_read_and_emitted():
    exchange = Exchange()
    closed: list[bool] = []

    def source() -> Iterator[Any]:
        try:
            yield from CHUNKS
        finally:
            closed.append(True)

    with writing(Writer("r", "write-1", 1, where=exchange)):
        answer = ai.stream(source())
        assert len(list(answer)) == len(CHUNKS)
    assert answer.text == emitted(exchange) == "one two three four"
    assert closed == [True]


def test_chunks_of_another_kind_need_to_be_told_of():
    with pytest.raises(TypeError, match=r"chunk of type dict: give stream\(\.\.\., text=function\)"):
        list(ai.stream([{"delta": "one"}]))
    answer = ai.stream([{"delta": "one"}], text=lambda each: each["delta"])
    list(answer)
    assert answer.text == "one"


async def test_for_and_async_for_are_told_apart():
    with pytest.raises(TypeError, match="use `async for`"):
        list(ai.stream(Source()))
    with pytest.raises(TypeError, match="use `for`"):
        [each async for each in ai.stream(["one"])]
