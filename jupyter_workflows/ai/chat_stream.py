"""A streamed answer, put together: each wait has a limit, and an answer that does not end is none."""

from __future__ import annotations

import asyncio
import functools
import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from pydantic import TypeAdapter

from ..errors import ModelCallFailed
from ..schema import Usage
from ..tokens import emit
from .answers import ChatAnswer, ToolCall
from .faults import too_slow
from .prices import priced
from .requests import ChatRequest, Message
from .servers import Server

if TYPE_CHECKING:
    from mistralai.client import Mistral
    from mistralai.client.models import CompletionChunk, CompletionEvent
    from mistralai.client.utils.eventstreaming import EventStreamAsync

CHARACTERS_PER_TOKEN = 4
MAX_TOOL_CALLS = 128


class Assembly:
    """The answer so far.

    Args:
        model: The model that was asked.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self.texts: list[str] = []
        self.calls: dict[int, dict[str, str]] = {}
        self.finish_reason: str | None = None
        self.counted: Any = None
        self.pieces = 0

    def add(self, chunk: CompletionChunk) -> None:
        """Takes the next piece."""
        self.model = chunk.model or self.model
        if chunk.usage is not None:
            self.counted = chunk.usage
        for choice in chunk.choices[:1]:
            text = text_of(choice.delta.content)
            if text:
                self.pieces += 1
                self.texts.append(text)
                emit(text)
            for call in cast("list[Any]", choice.delta.tool_calls or []):
                self.add_call(call)
            if choice.finish_reason:
                self.finish_reason = str(choice.finish_reason)

    def add_call(self, call: Any) -> None:
        """Takes a tool call, or the next piece of one."""
        place = call.index if isinstance(call.index, int) else 0
        begun = self.calls.get(place)
        # Mistral sends whole calls, each with an id of its own; others send pieces without one.
        if begun and call.id not in ("", "null", None, begun["id"]):
            place, begun = max(self.calls) + 1, None
        if begun is None:
            if len(self.calls) == MAX_TOOL_CALLS:
                raise ModelCallFailed(f"{self.model} wants more than {MAX_TOOL_CALLS} tools called", kind="garbage")
            begun = self.calls[place] = {"id": call.id or f"call-{place}", "name": "", "arguments": ""}
        begun["name"] += call.function.name or ""
        given = call.function.arguments
        begun["arguments"] += given if isinstance(given, str) else json.dumps(given)

    def usage(self, request: ChatRequest, seconds: float) -> Usage:
        """What the answer took; guessed where the server did not count."""
        counted = self.counted
        if counted is not None and (counted.prompt_tokens or counted.completion_tokens):
            return Usage(
                calls=1,
                input_tokens=counted.prompt_tokens or 0,
                output_tokens=counted.completion_tokens or 0,
                seconds=seconds,
            )
        asked = sum(len(str(message.content)) for message in request.messages)
        return Usage(
            calls=1,
            input_tokens=asked // CHARACTERS_PER_TOKEN,
            output_tokens=self.pieces + len(self.calls),
            seconds=seconds,
            estimated=True,
        )

    def answer(self, request: ChatRequest, asked: str, seconds: float, server: Server) -> ChatAnswer:
        """The whole answer.

        Raises:
            ModelCallFailed: It did not come to its end, or there is nothing in it.
        """
        who = f"the model server {server.name} ({asked})"
        if self.finish_reason is None:
            raise ModelCallFailed(
                f"{who} ended its answer in the middle, after {self.pieces} pieces", kind="cut_off", retryable=True
            )
        text = "".join(self.texts)
        if self.finish_reason == "error":
            raise ModelCallFailed(f"{who} broke off its answer with an error", kind="server_error", retryable=True)
        if not text.strip() and not self.calls:
            raise ModelCallFailed(
                f"{who} gave an empty answer (it ended with {self.finish_reason!r})"
                + ("; give it more max_tokens=" if self.finish_reason == "length" else ""),
                kind="empty",
                retryable=True,
            )
        calls = [
            ToolCall(id=call["id"], name=call["name"], arguments=arguments(call["arguments"]))
            for call in self.calls.values()
        ]
        usage = priced(self.usage(request, seconds), asked, self.model, f"{server.name}/{asked}")
        return ChatAnswer(model=self.model, usage=usage, text=text, tool_calls=calls, finish_reason=self.finish_reason)


async def stream_chat(client: Mistral, server: Server, model: str, request: ChatRequest) -> ChatAnswer:
    """Asks for an answer as a stream and waits for its end.

    Raises:
        ModelCallFailed: A limit was reached, or the answer is none.
        Exception: What the client raises.
    """
    begun = time.monotonic()
    assembly = Assembly(model)
    opening = client.chat.stream_async(model=model, messages=messages(request), **options(request))
    first = request.first_token_timeout
    stream = await within(
        first, opening, too_slow("did not begin to answer", first, "first_token_timeout", server, model)
    )
    try:
        left = max(first - timedelta(seconds=time.monotonic() - begun), timedelta(milliseconds=1))
        async for chunk in timely(quickly(stream), left, request, server, model):
            assembly.add(chunk)
    finally:
        await stream.response.aclose()
    return assembly.answer(request, model, time.monotonic() - begun, server)


def quickly(stream: EventStreamAsync[CompletionEvent]) -> AsyncIterator[CompletionEvent]:
    """The events of a stream, each read by one validator.

    The client makes a pydantic model anew for each event, for half a millisecond: two processors could not follow
    fifty streams.
    """
    return type(stream)(stream.response, events().validate_json, sentinel="[DONE]", client_ref=stream.client_ref)


@functools.cache
def events() -> TypeAdapter[CompletionEvent]:
    """What reads an event."""
    from mistralai.client.models import CompletionEvent

    return TypeAdapter(CompletionEvent)


async def timely(
    stream: Any, first: timedelta, request: ChatRequest, server: Server, model: str
) -> AsyncIterator[CompletionChunk]:
    """The pieces of a stream, each within its limit.

    Raises:
        ModelCallFailed: One came too late.
    """
    silence = request.silence_timeout
    limit = first
    problem = too_slow("sent no token", request.first_token_timeout, "first_token_timeout", server, model)
    late = too_slow("fell silent: no token came", silence, "silence_timeout", server, model)
    while True:
        try:
            event = await within(limit, anext(stream), problem)
        except StopAsyncIteration:
            return
        yield event.data
        limit, problem = silence, late


async def within(limit: timedelta, waited_for: Any, problem: ModelCallFailed) -> Any:
    """What is waited for, if it comes in time.

    Raises:
        ModelCallFailed: It does not.
    """
    try:
        async with asyncio.timeout(limit.total_seconds()):
            return await waited_for
    except TimeoutError:
        raise problem from None


def messages(request: ChatRequest) -> Any:
    """The conversation as the client takes it."""
    return [sent(message) for message in request.messages]


def sent(message: Message) -> dict[str, Any]:
    """One message as the client takes it."""
    content: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        content["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    for name in ("tool_call_id", "name"):
        if message.role == "tool" and getattr(message, name) is not None:
            content[name] = getattr(message, name)
    return content


def options(request: ChatRequest) -> dict[str, Any]:
    """What else of a request is sent; nothing that was not asked for."""
    given: dict[str, Any] = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "max_tokens": request.max_tokens,
        "stop": request.stop,
        "random_seed": request.seed,
        "tools": request.tools or None,
        "tool_choice": request.tool_choice,
    }
    if request.answer_schema is not None:
        # `strict` would have servers refuse schemas with optional fields; what came is validated here anyway.
        named = {"name": "answer", "schema_definition": request.answer_schema, "strict": False}
        given["response_format"] = {"type": "json_schema", "json_schema": named}
    elif request.response_format == "json":
        given["response_format"] = {"type": "json_object"}
    return {name: value for name, value in given.items() if value is not None}


def text_of(content: Any) -> str:
    """The text of a piece, which may come in parts; what the model thinks aloud is no part of the answer."""
    if isinstance(content, str):
        return content
    parts = cast("list[Any]", content) if isinstance(content, list) else []
    return "".join(part.text for part in parts if getattr(part, "type", "") == "text")


def arguments(text: str) -> dict[str, Any] | str:
    """The arguments of a tool call; the text itself where it is no JSON object."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return text
    return cast("dict[str, Any]", found) if isinstance(found, dict) else text
