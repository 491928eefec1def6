"""The official client, made to keep our promises: our limits, no retries of its own, no key in a log.

All calls of a process run on one loop in a thread of its own: a user's code that blocks its loop must not look
like a model that fell silent, and one client keeps its connections for all.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import ModelCallFailed
from ..schema import Usage
from ..telemetry.calls import model_call
from .answers import ChatAnswer, Document, Embeddings, Page, Result
from .chat_stream import stream_chat
from .faults import failure_of, too_slow
from .prices import check_priced, priced
from .requests import ChatRequest, EmbedRequest, OcrRequest, Request
from .servers import LOCAL_MODEL, Purpose, Server, server_for

if TYPE_CHECKING:
    from mistralai.client import Mistral

    from ..connection.loop_thread import LoopThread

T = TypeVar("T", bound=Result)
R = TypeVar("R", bound=Request)

INSTALL = 'pip install "jupyter-workflows[ai]"'
MAX_DOCUMENT_BYTES = 100 * 1024 * 1024

_thread: LoopThread | None = None
_clients: dict[Server, Mistral] = {}
_local_turn = asyncio.Lock()


async def ask(request: Request) -> Any:
    """Makes the call that a request describes, on the loop of the model calls.

    Raises:
        ModelCallFailed: It failed; says whether the same call may succeed later.
    """
    if isinstance(request, ChatRequest):
        call: Coroutine[Any, Any, Any] = answered(request, "chat", chat)
    elif isinstance(request, EmbedRequest):
        call = answered(request, "embed", embed)
    elif isinstance(request, OcrRequest):
        call = answered(request, "ocr", ocr)
    else:
        raise TypeError(f"{type(request).__name__} is no request to a model")
    return await loop_of_calls().wrap(call)


def loop_of_calls() -> LoopThread:
    """The loop all model calls of this process run on."""
    global _thread, _local_turn
    if _thread is None or not _thread.is_usable:
        from ..connection.loop_thread import LoopThread

        _thread = LoopThread()
        _clients.clear()
        _local_turn = asyncio.Lock()
    return _thread


async def answered(request: R, purpose: Purpose, call: Callable[[Mistral, Server, str, R], Awaitable[T]]) -> T:
    """One call, within its time, with what it failed of in our words.

    Raises:
        ModelCallFailed: It failed.
        BudgetSpent: The workspace counts money, and nobody knows what it would cost.
    """
    server = await located(server_for(request.server))
    model = server.model(request.model, purpose)
    if not server.is_local:
        check_priced(model, f"{server.name}/{model}")
    # The first call of a process imports the client, for a second or two: no fault of the server.
    client = await client_of(server)
    try:
        # The local model answers one call after the other; waiting for its turn is no fault of a call.
        async with _local_turn if server.is_local else contextlib.nullcontext():
            with model_call(purpose, server, model, request) as told:
                async with asyncio.timeout(request.timeout.total_seconds()):
                    result = await call(client, server, model, request)
                told.answered(result)
                return result
    except ModelCallFailed:
        raise
    except TimeoutError:
        raise too_slow("did not finish its answer", request.timeout, "timeout", server, model) from None
    except Exception as error:  # noqa: BLE001 - clients raise anything on what servers send
        # Without its cause: a client's exception holds the request, and with it the key.
        raise failure_of(error, server, model) from None


async def located(server: Server) -> Server:
    """The server with its address; the local one is started where it does not run."""
    if not server.is_local:
        return server
    from .local_model import local_model

    return await asyncio.to_thread(local_model)


async def client_of(server: Server) -> Mistral:
    """The client of a server; made on first use."""
    client = _clients.get(server)
    if client is None:
        # In a thread: importing it takes a second or two.
        client = await asyncio.to_thread(new_client, server)
        client = _clients.setdefault(server, client)
    return client


class Silent:
    """A logger that writes nothing: the client's own would write headers, and with them the key."""

    def debug(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Writes nothing."""


def new_client(server: Server) -> Mistral:
    """The official client for a server.

    Raises:
        ModelCallFailed: It is not installed.
    """
    try:
        from mistralai.client import Mistral
        from mistralai.client.utils import BackoffStrategy, RetryConfig
    except ImportError as error:
        raise ModelCallFailed(
            f"the client for model servers is not installed ({error.name or error}): {INSTALL}", kind="no_client"
        ) from None
    from .transport import http_client

    # Retries are Temporal's: they are seen, bounded and survive the worker.
    never = RetryConfig("none", BackoffStrategy(1, 1, 1.0, 1), retry_connection_errors=False)
    return Mistral(
        api_key=server.key,
        server_url=server.url,
        async_client=http_client(server),
        retry_config=never,
        debug_logger=Silent(),
    )


async def chat(client: Mistral, server: Server, model: str, request: ChatRequest) -> ChatAnswer:
    """An answer, streamed inside so that silence is noticed."""
    return await stream_chat(client, server, model, request)


async def embed(client: Mistral, server: Server, model: str, request: EmbedRequest) -> Embeddings:
    """A vector for each text."""
    cannot_locally(server, "make vectors")
    begun = time.monotonic()
    found = await client.embeddings.create_async(model=model, inputs=request.texts)
    vectors = [
        [*entry.embedding] for entry in sorted(found.data, key=lambda entry: entry.index or 0) if entry.embedding
    ]
    if len(vectors) != len(request.texts):
        raise ModelCallFailed(
            f"the model server {server.name} ({model}) gave {len(vectors)} vectors for {len(request.texts)} texts",
            kind="garbage",
            retryable=True,
        )
    usage = Usage(calls=1, input_tokens=found.usage.prompt_tokens or 0, seconds=time.monotonic() - begun)
    return Embeddings(
        model=found.model, usage=priced(usage, model, found.model, f"{server.name}/{model}"), vectors=vectors
    )


async def ocr(client: Mistral, server: Server, model: str, request: OcrRequest) -> Document:
    """A document, read."""
    cannot_locally(server, "read documents")
    begun = time.monotonic()
    document: Any = await document_of(request.document)
    found = await client.ocr.process_async(model=model, document=document, pages=request.pages)
    pages = [Page(number=page.index + 1, markdown=page.markdown) for page in found.pages]
    usage = Usage(calls=1, pages=found.usage_info.pages_processed, seconds=time.monotonic() - begun)
    return Document(model=found.model, usage=priced(usage, model, found.model, f"{server.name}/{model}"), pages=pages)


def cannot_locally(server: Server, what: str) -> None:
    """Refuses what the small model can't do.

    Raises:
        ModelCallFailed: The server is the local one.
    """
    if server.is_local:
        raise ModelCallFailed(
            f"the model on this machine ({LOCAL_MODEL}) can't {what}: set MISTRAL_API_KEY where the worker runs, or "
            "name another server with server=",
            kind="not_found",
        )


async def document_of(document: str | bytes) -> dict[str, Any]:
    """A document as the client takes it: a URL stays one, a file is sent.

    Raises:
        ModelCallFailed: There is no such file, it is too large, or the URL leads where it must not.
    """
    if isinstance(document, str) and "://" in document:
        from .addresses import checked_address

        # The model's server fetches it; one that stands in our network must not be led to its neighbours.
        await checked_address(document)
        kind = "image_url" if image_type(document) else "document_url"
        return {"type": kind, kind: document}
    content = document if isinstance(document, bytes) else await asyncio.to_thread(content_of, Path(document))
    name = document if isinstance(document, str) else ""
    kind = "image_url" if image_type(name) or not content.startswith(b"%PDF") else "document_url"
    media = image_type(name) or ("application/pdf" if kind == "document_url" else "image/png")
    return {"type": kind, kind: f"data:{media};base64,{base64.b64encode(content).decode()}"}


def image_type(name: str) -> str | None:
    """The media type of an image, by its name."""
    import mimetypes

    found, _ = mimetypes.guess_type(name.partition("?")[0])
    return found if found and found.startswith("image/") else None


def content_of(path: Path) -> bytes:
    """The content of a file.

    Raises:
        ModelCallFailed: There is no such file, or it is too large.
    """
    try:
        if path.stat().st_size > MAX_DOCUMENT_BYTES:
            raise ModelCallFailed(
                f"{path} has {path.stat().st_size:,} bytes, and {MAX_DOCUMENT_BYTES:,} is the limit: split it",
                kind="bad_request",
            )
        return path.read_bytes()
    except OSError as error:
        raise ModelCallFailed(
            f"the document {path} can't be read where the worker runs: {error.strerror or error}", kind="bad_request"
        ) from None
