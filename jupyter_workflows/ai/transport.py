"""The HTTP client under the official one: bounded streams, no redirects, guarded addresses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2 as httpx

from .addresses import checked_address
from .events import Events
from .servers import Server

CONNECT_SECONDS = 10.0
# How long no byte may come or go at all; silence between tokens is watched more closely by the caller.
QUIET_SECONDS = 600.0
MAX_CONNECTIONS = 200


class Bounded(httpx.AsyncByteStream):
    """A response's stream that passes on whole events only, and ends where it grows too large."""

    def __init__(self, stream: Any, *, by_event: bool) -> None:
        self.stream = stream
        self.events = Events(by_event=by_event)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self.stream:
            if whole := self.events.feed(data):
                yield whole
        if rest := self.events.end():
            yield rest

    async def aclose(self) -> None:
        """Gives the connection back."""
        await self.stream.aclose()


class Guarded(httpx.AsyncBaseTransport):
    """Connects to the address that was checked, not to what the name means a moment later."""

    def __init__(self) -> None:
        self.inner = httpx.AsyncHTTPTransport(trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request to a public or allowed address."""
        host = request.url.host
        address = await checked_address(str(request.url))
        extensions = {**request.extensions, "sni_hostname": host}
        checked = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions=extensions,
        )
        return await self.inner.handle_async_request(checked)

    async def aclose(self) -> None:
        """Closes all connections."""
        await self.inner.aclose()


class Client(httpx.AsyncClient):
    """An HTTP client that says in OpenAI's words what the official client says in Mistral's.

    Args:
        translated: Whether the server is not Mistral's: then usage is asked for, and a seed is called `seed`.
        options: What `httpx.AsyncClient` takes.
    """

    def __init__(self, *, translated: bool, **options: Any) -> None:
        super().__init__(**options)
        self.translated = translated

    def build_request(self, method: str, url: Any, *, content: Any = None, **options: Any) -> httpx.Request:
        """A request with its body in the server's words."""
        if self.translated and content:
            content = translated(content)
        return super().build_request(method, url, content=content, **options)


def translated(content: str | bytes) -> bytes:
    """The body of a request as OpenAI's protocol has it."""
    body: dict[str, Any] = json.loads(content)
    if body.get("stream"):
        body["stream_options"] = {"include_usage": True}
    if "random_seed" in body:
        body["seed"] = body.pop("random_seed")
    return json.dumps(body).encode()


async def bound(response: httpx.Response) -> None:
    """Puts limits on the body of a response."""
    kind = response.headers.get("content-type", "")
    # What is compressed shows its events only later; servers do not compress streams of events.
    by_event = kind.startswith("text/event-stream") and "content-encoding" not in response.headers
    response.stream = Bounded(response.stream, by_event=by_event)


async def without_key(request: httpx.Request) -> None:
    """Takes a key away that the official client found by itself: it is another server's."""
    request.headers.pop("authorization", None)


def http_client(server: Server) -> httpx.AsyncClient:
    """The HTTP client for one server.

    Proxies of the environment hold for one that the worker's settings name. Any other is reached directly, at a
    checked address, and the local one directly too.
    """
    return Client(
        translated=server.name != "mistral",
        transport=None if server.trusted else Guarded(),
        trust_env=server.trusted and not server.is_local,
        follow_redirects=False,
        timeout=httpx.Timeout(QUIET_SECONDS, connect=CONNECT_SECONDS, pool=QUIET_SECONDS),
        limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
        event_hooks={"request": [] if server.key else [without_key], "response": [bound]},
        headers={"accept-encoding": "identity"},
    )
