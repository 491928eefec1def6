"""What a model is asked, as it travels from a workflow to the worker that asks: never a key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from ..errors import AuthoringError
from .answers import ToolCall

Role = Literal["system", "user", "assistant", "tool"]
FIRST_TOKEN = timedelta(minutes=2)
SILENCE = timedelta(seconds=30)
TIMEOUT = timedelta(minutes=10)


class Message(BaseModel):
    """One message of a conversation."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    role: Role = "user"
    content: str | list[dict[str, Any]] = Field(default="", description="A text, or parts such as images")
    tool_calls: list[ToolCall] = Field(default=[], description="What the assistant wanted called")
    tool_call_id: str | None = Field(default=None, description="Of a tool's answer: which call it answers")
    name: str | None = Field(default=None, description="Of a tool's answer: the tool")


class Pace(BaseModel):
    """A rate limit as it travels."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    calls: int
    per: timedelta
    name: str


class Request(BaseModel):
    """What all requests share."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    model: str | None = None
    server: str | None = None
    timeout: timedelta = TIMEOUT
    rate_limit: Pace | None = None


class ChatRequest(Request):
    """A conversation to go on with."""

    messages: list[Message]
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: list[str] | None = None
    seed: int | None = None
    tools: list[dict[str, Any]] = []
    tool_choice: Any = None
    answer_schema: dict[str, Any] | None = Field(default=None, description="JSON Schema the answer has to obey")
    response_format: Literal["text", "json"] = "text"
    first_token_timeout: timedelta = FIRST_TOKEN
    silence_timeout: timedelta = SILENCE


class EmbedRequest(Request):
    """Texts to make vectors of."""

    texts: list[str]


class OcrRequest(Request):
    """A document to read."""

    document: str | bytes = Field(description="A URL, a path where the worker runs, or the content")
    pages: list[int] | None = None


def conversation(prompt: object, instructions: str | None) -> list[Message]:
    """A prompt as messages.

    Raises:
        AuthoringError: It is neither a text nor messages, or it is empty.
    """
    if isinstance(prompt, str):
        messages = [Message(role="user", content=prompt)]
    elif isinstance(prompt, Message):
        messages = [prompt]
    elif isinstance(prompt, Sequence) and not isinstance(prompt, bytes):
        messages = [message_of(item) for item in cast("Sequence[object]", prompt)]
    else:
        raise AuthoringError(
            f"a model takes a text or a list of messages, not {type(prompt).__name__}: write ai.chat(str(...))",
            code="JW450",
        )
    if not messages or not any(message.content or message.tool_calls for message in messages):
        raise AuthoringError("a model was asked nothing: give ai.chat a text that is not empty", code="JW450")
    return [Message(role="system", content=instructions), *messages] if instructions else messages


def message_of(item: object) -> Message:
    """One message from what the user gave: a `Message`, its fields as a dict, or a text of the user's.

    Raises:
        AuthoringError: It is none of them.
    """
    if isinstance(item, Message):
        return item
    if isinstance(item, str):
        return Message(role="user", content=item)
    try:
        return Message.model_validate(item)
    except ValueError as error:
        raise AuthoringError(
            f'a message of a model is {{"role": "user", "content": "..."}}, not {str(item)[:60]}: {one_problem(error)}',
            code="JW450",
        ) from None


def one_problem(error: ValueError) -> str:
    """The first problem that a validation found."""
    lines = str(error).splitlines()
    return " ".join(line.strip() for line in lines[1:3]) if len(lines) > 2 else lines[0]
