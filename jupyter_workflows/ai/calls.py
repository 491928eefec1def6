"""`ai.chat`, `ai.embed`, `ai.ocr`: durable steps in a workflow, plain calls everywhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from ..authoring.checks import check_of
from ..authoring.definitions import shortened
from ..authoring.settling import settled
from ..errors import AuthoringError
from .activities import CHAT, EMBED, OCR
from .answers import ChatAnswer, Document, Embeddings
from .options import CallOptions, ChatOptions, Prompt, chat_request, checked, manner_of
from .requests import EmbedRequest, OcrRequest
from .steps import perform
from .trials import ChatTrial


async def chat(
    prompt: Prompt,
    *,
    instructions: str | None = None,
    model: str | None = None,
    server: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    tools: Sequence[Mapping[str, Any]] = (),
    tool_choice: Any = None,
    check: Any = None,
    **options: Unpack[ChatOptions],
) -> ChatAnswer:
    """An answer of a model: a durable step in a workflow, a plain call in an activity or a cell.

    As a step it is asked once and kept: whatever dies later, the answer is not paid again. It is streamed
    inside, so that a server that falls silent is noticed.

    Args:
        prompt: A text, or the messages of a conversation.
        instructions: What the model is told first, as the system message.
        model: The model's name; by default the server's.
        server: A name whose address and key stand in the worker's environment, `"local"`, or a URL.
        temperature: How freely it chooses; 0 for the same answer each time, where the server can.
        max_tokens: How long the answer may be.
        tools: What the model may want called: JSON schemas as the server takes them.
        tool_choice: Whether it must: `"auto"`, `"any"`, `"none"`.
        check: Who judges the text, and what happens to a doubtful one: see `Check`. Where it may be accepted, a
            `Partial` of the text is given instead.
        options: `top_p`, `stop`, `seed`, `response_format` (`"json"` for any JSON); `timeout` of an attempt (10
            minutes), `first_token_timeout` (2 minutes), `silence_timeout` between tokens (30 seconds); `retry` (6
            attempts, within the server's Retry-After), `rate_limit` over all runs, `summary` for the timeline.

    Raises:
        ModelCallFailed: The call failed; in a workflow after all attempts, as a `StepFailed`.
        CheckFailed: The answer is doubtful, and nothing settled that.
        AuthoringError: An argument makes no sense.
    """
    request = chat_request(
        "ai.chat",
        prompt,
        instructions,
        options,
        model=model,
        server=server,
        temperature=temperature,
        max_tokens=max_tokens,
        tools=[dict(tool) for tool in tools],
        tool_choice=tool_choice,
    )
    manner = manner_of(options, request, str(request.messages[-1].content))
    if check is None:
        return await perform(CHAT, request, manner)
    return await settled(ChatTrial(request, manner), check_of(check))


async def embed(
    texts: Iterable[str],
    *,
    model: str | None = None,
    server: str | None = None,
    **options: Unpack[CallOptions],
) -> Embeddings:
    """A vector for each text: a durable step in a workflow, a plain call in an activity or a cell.

    Args:
        texts: The texts.
        model: The model's name; by default the server's.
        server: As for `ai.chat`.
        options: `timeout`, `retry`, `rate_limit`, `summary` as for `ai.chat`.

    Raises:
        ModelCallFailed: The call failed; in a workflow after all attempts, as a `StepFailed`.
        AuthoringError: An argument makes no sense.
    """
    fields = checked("ai.embed", options)
    given = [texts] if isinstance(texts, str) else list(texts)
    if not given or not all(isinstance(text, str) and text for text in given):
        raise AuthoringError("ai.embed(texts) takes texts that are not empty, at least one", code="JW451")
    request = EmbedRequest(texts=given, model=model, server=server, **fields)
    return await perform(EMBED, request, manner_of(options, request, f"{len(given)} texts"))


async def ocr(
    document: str | Path | bytes,
    *,
    pages: Sequence[int] | None = None,
    model: str | None = None,
    server: str | None = None,
    **options: Unpack[CallOptions],
) -> Document:
    """A document, read page by page: a durable step in a workflow, a plain call in an activity or a cell.

    Args:
        document: A path where the worker runs, a URL that the model's server can reach, or the content itself.
        pages: Which pages, the first is 1; all by default.
        model: The model's name; by default the server's.
        server: As for `ai.chat`.
        options: `timeout`, `retry`, `rate_limit`, `summary` as for `ai.chat`.

    Raises:
        ModelCallFailed: The call failed; in a workflow after all attempts, as a `StepFailed`.
        AuthoringError: An argument makes no sense.
    """
    fields = checked("ai.ocr", options)
    if not isinstance(document, (str, Path, bytes)) or not document:
        raise AuthoringError(
            f"ai.ocr(document={shortened(document)}) takes a path, a URL or the bytes of a document", code="JW451"
        )
    if pages is not None and not all(type(page) is int and page >= 1 for page in pages):
        raise AuthoringError(f"ai.ocr(pages={shortened(pages)}) takes page numbers, the first is 1", code="JW451")
    given = document if isinstance(document, bytes) else str(document)
    indexes = [page - 1 for page in pages] if pages is not None else None
    request = OcrRequest(document=given, pages=indexes, model=model, server=server, **fields)
    shown = f"{len(given):,} bytes" if isinstance(given, bytes) else given
    return await perform(OCR, request, manner_of(options, request, shown))
