"""The options that calls of models share: checked, and turned into a request and a way to make it a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypedDict, cast

from ..authoring.policies import RateLimit, RetryPolicy, meant, positive
from ..errors import AuthoringError
from .requests import ChatRequest, Message, Pace, Request, conversation

SUMMARY_CHARACTERS = 80

Prompt = str | Message | Sequence[Message | Mapping[str, Any] | str]


class CallOptions(TypedDict, total=False):
    """What every call of a model takes."""

    timeout: timedelta
    retry: RetryPolicy
    rate_limit: RateLimit
    summary: str


class ChatOptions(CallOptions, total=False):
    """What a call that writes a text takes besides."""

    top_p: float
    stop: Sequence[str]
    seed: int
    response_format: Literal["text", "json"]
    first_token_timeout: timedelta
    silence_timeout: timedelta


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a call is made as a step."""

    retry: RetryPolicy | None = None
    rate_limit: RateLimit | None = None
    summary: str | None = None


def manner_of(options: CallOptions, request: Request, asked: str) -> Manner:
    """How a call is made as a step; its summary is model and prompt where none is given."""
    return Manner(
        retry=options.get("retry"),
        rate_limit=options.get("rate_limit"),
        summary=options.get("summary") or summary_of(request, asked),
    )


def chat_request(
    name: str, prompt: Prompt, instructions: str | None, options: ChatOptions, **given: Any
) -> ChatRequest:
    """The request of a call that writes a text.

    Args:
        name: The call's name, such as `ai.chat`.
        prompt: What is asked.
        instructions: The system message.
        options: The options of the call.
        given: More fields of the request; those that are None are left out.

    Raises:
        AuthoringError: Something makes no sense.
    """
    fields = checked(name, options, ChatOptions)
    wanted = fields.get("response_format", "text")
    if wanted not in ("text", "json"):
        raise AuthoringError(
            f"{name}(response_format={wanted!r}) takes 'text' or 'json'; ai.parse gives values of a type", code="JW452"
        )
    messages = conversation(prompt, instructions)
    return ChatRequest(messages=messages, **fields, **{key: value for key, value in given.items() if value is not None})


def checked(name: str, options: CallOptions, known: type = CallOptions) -> dict[str, Any]:
    """The options that are fields of a request, checked.

    Raises:
        AuthoringError: One is unknown, or makes no sense.
    """
    names = list(known.__annotations__)
    fields: dict[str, Any] = {}
    for option, value in cast("dict[str, Any]", options).items():
        if option not in names:
            raise AuthoringError(f"{name} has no option {option}=: {meant(option, names)}", code="JW417")
        if option.endswith("timeout"):
            positive(value, f"{name}({option}=...)")
        if option == "retry" and not isinstance(value, RetryPolicy):
            raise AuthoringError(f"{name}(retry={value!r}): write retry=RetryPolicy(max_attempts=3)", code="JW418")
        if option not in ("retry", "summary"):
            fields[option] = pace_of(value, name) if option == "rate_limit" else value
    return fields


def pace_of(limit: object, name: str) -> Pace:
    """A rate limit as it travels.

    Raises:
        AuthoringError: It is none.
    """
    if not isinstance(limit, RateLimit):
        raise AuthoringError(
            f"{name}(rate_limit={limit!r}): write rate_limit=RateLimit(calls=10, per=timeout(minutes=1))", code="JW418"
        )
    return Pace(calls=limit.calls, per=limit.per, name=limit.name or name)


def summary_of(request: Request, asked: str) -> str:
    """Model and prompt in a line, for the timeline."""
    whom = request.model or request.server
    line = " ".join(asked.split())
    cut = line if len(line) <= SUMMARY_CHARACTERS else f"{line[: SUMMARY_CHARACTERS - 1]}…"
    return f"{whom}: {cut}" if whom else cut
