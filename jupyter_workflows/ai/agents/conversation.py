"""What was said between agents, tools and people, and how it is kept short."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field

from ...errors import AuthoringError
from ..requests import Message

CHARACTERS_PER_TOKEN = 4
# Below this a message says nothing any more.
LEAST_CHARACTERS = 80
MESSAGE_TOKENS = 4


class Conversation(BaseModel):
    """Messages, and the summary of those that were before them."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    messages: list[Message] = []
    summary: str = Field(default="", description="What the messages said that are no longer there")


@dataclass(frozen=True, kw_only=True)
class Memory:
    """How much of a conversation an agent is told each turn.

    Beyond `tokens` the older messages are replaced by a summary that the model writes, a step of its own; what is
    still too long then is cut, the longest messages first. The task and the newest messages stay.

    Args:
        tokens: How long the conversation may be; counted in characters, 4 to a token.
        keep: How many of the newest messages stay as they are.
        result_characters: How much of one tool's result the model is told.
        summary_tokens: How long a summary may be.

    Raises:
        AuthoringError: A number makes no sense.
    """

    tokens: int = 16_000
    keep: int = 8
    result_characters: int = 20_000
    summary_tokens: int = 600

    def __post_init__(self) -> None:
        for name, least in (("tokens", 100), ("keep", 1), ("result_characters", 100), ("summary_tokens", 16)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise AuthoringError(f"Memory({name}={value!r}) takes a whole number of at least {least}", code="JW461")


def tokens_of(messages: Sequence[Message], summary: str = "") -> int:
    """About how many tokens a conversation has."""
    return sum(MESSAGE_TOKENS + len(text_of(message)) // CHARACTERS_PER_TOKEN for message in messages) + (
        len(summary) // CHARACTERS_PER_TOKEN
    )


def text_of(message: Message) -> str:
    """All that a message says, as text."""
    content = message.content if isinstance(message.content, str) else json.dumps(message.content, ensure_ascii=False)
    calls = [f"{call.name}({spelled(call.arguments)})" for call in message.tool_calls]
    return "\n".join(part for part in (content, *calls) if part)


def spelled(arguments: object) -> str:
    """The arguments of a call in a line."""
    if not isinstance(arguments, dict):
        return str(arguments)
    given = cast("dict[str, Any]", arguments)
    return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in given.items())


def shortened(text: str, limit: int) -> str:
    """A text of at most about `limit` characters, its end and beginning kept, with how much is left out."""
    if len(text) <= limit:
        return text
    left_out = len(text) - limit
    head = limit * 2 // 3
    return f"{text[:head]}\n[... {left_out:,} characters left out ...]\n{text[len(text) - (limit - head) :]}"


def old_messages(messages: Sequence[Message], keep: int) -> int:
    """How many messages after the task may go: a tool's result stays with the call it answers."""
    end = max(len(messages) - keep, 1)
    while end > 1 and messages[end].role == "tool":
        end -= 1
    return end - 1


def cut(messages: Sequence[Message], limit: int) -> list[Message]:
    """The messages within about `limit` tokens: each is shortened to a length that is the same for all."""
    longest = max((len(text_of(message)) for message in messages), default=0)
    kept = list(messages)
    while tokens_of(kept) > limit and longest > LEAST_CHARACTERS:
        longest = max(longest * 3 // 4, LEAST_CHARACTERS)
        kept = [
            message.model_copy(update={"content": shortened(message.content, longest)})
            if isinstance(message.content, str)
            else message
            for message in messages
        ]
    return kept


def transcript(messages: Sequence[Message], limit: int) -> str:
    """A conversation as one text, for a model to summarise."""
    return "\n\n".join(f"{message.name or message.role}: {text_of(message)}" for message in cut(messages, limit))
