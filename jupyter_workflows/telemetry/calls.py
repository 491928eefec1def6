"""Model calls as spans and metrics, in the words of the GenAI semantic conventions.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Generator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from . import metrics
from .settings import content_wanted, is_on
from .tracing import attached, error_class, fail, tracer

OPERATIONS = {"chat": "chat", "embed": "embeddings", "ocr": "ocr"}
PROVIDERS = {"mistral": "mistral_ai", "openai": "openai", "anthropic": "anthropic"}


class Call:
    """A model call in the making; what is told of it when there is an answer.

    Args:
        span: Its span, if any is made.
        model: The model that was asked.
    """

    def __init__(self, span: Any, model: str) -> None:
        self.span = span
        self.model = model

    def answered(self, result: Any) -> None:
        """Takes the answer: its model, what it took, and why it ended."""
        usage = result.usage
        metrics.record(metrics.TOKENS, usage.input_tokens, model=self.model, type="input")
        metrics.record(metrics.TOKENS, usage.output_tokens, model=self.model, type="output")
        if usage.cost is not None:
            metrics.record(metrics.COST, usage.cost, model=self.model)
        if self.span is None:
            return
        self.span.set_attribute("gen_ai.response.model", result.model)
        self.span.set_attribute("gen_ai.usage.input_tokens", usage.input_tokens)
        self.span.set_attribute("gen_ai.usage.output_tokens", usage.output_tokens)
        if reason := getattr(result, "finish_reason", None):
            self.span.set_attribute("gen_ai.response.finish_reasons", [reason])
            if content_wanted():
                self.span.set_attribute("gen_ai.output.messages", output_messages(result, reason))


@contextlib.contextmanager
def model_call(purpose: str, server: Any, model: str, request: Any) -> Generator[Call]:
    """A call to a model server; in the body it is made.

    Args:
        purpose: `chat`, `embed` or `ocr`.
        server: The server: its name and address are told, its key never.
        model: The model asked.
        request: What is asked; its messages are told only where that is asked for.
    """
    operation = OPERATIONS[purpose]
    began = time.perf_counter()
    status = "completed"
    with call_span(operation, server, model, request) as span:
        try:
            yield Call(span, model)
        except Exception as error:
            status = "failed"
            if span is not None:
                fail(span, getattr(error, "kind", None) or error_class(error))
            raise
        except BaseException:
            status = "cancelled"
            raise
        finally:
            took = timedelta(seconds=time.perf_counter() - began)
            metrics.record(metrics.MODEL_CALLS, took, operation=operation, model=model, status=status)


@contextlib.contextmanager
def call_span(operation: str, server: Any, model: str, request: Any) -> Generator[Any]:
    """The span of a call; None where none are made."""
    made = tracer() if is_on("traces") else None
    if made is None:
        yield None
        return
    from opentelemetry.trace import SpanKind

    attributes: dict[str, Any] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": PROVIDERS.get(server.name, server.name),
        "gen_ai.request.model": model,
        **address(server.url),
    }
    for name in ("temperature", "top_p", "max_tokens", "seed"):
        if (value := getattr(request, name, None)) is not None:
            attributes[f"gen_ai.request.{name}"] = value
    if content_wanted() and (messages := getattr(request, "messages", None)):
        attributes["gen_ai.input.messages"] = input_messages(messages)
    span = made.start_span(f"{operation} {model}", kind=SpanKind.CLIENT, attributes=attributes)
    try:
        with attached(span):
            yield span
    finally:
        span.end()


def address(url: str) -> Mapping[str, Any]:
    """Where a server is: never the path or a user of its URL."""
    try:
        found = urlsplit(url)
        port = found.port or {"https": 443, "http": 80}.get(found.scheme)
    except ValueError:
        return {}
    return {"server.address": found.hostname, "server.port": port} if found.hostname and port else {}


def input_messages(messages: Sequence[Any]) -> str:
    """A conversation as JSON, in the conventions' shape."""
    return json.dumps([{"role": each.role, "parts": [text_part(each.content)]} for each in messages])


def output_messages(result: Any, reason: str) -> str:
    """An answer as JSON, in the conventions' shape."""
    said = {"role": "assistant", "parts": [text_part(result.text)], "finish_reason": reason}
    return json.dumps([said])


def text_part(content: Any) -> dict[str, Any]:
    """A text as a part of a message; images and the like as the JSON they are."""
    return {"type": "text", "content": content if isinstance(content, str) else json.dumps(content)}
