"""What every request to the gateway passes: from whom, to which name, how large, how often.

Pure ASGI, so that streams pass as they come. A page in a browser is let in from nowhere: the `Host` must be a name of
the gateway's (DNS rebinding), an `Origin` is refused unless it was allowed, and a bearer token is no cookie.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable, Sequence
from typing import Any

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.authentication import AuthCredentials
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..live.messages import wire_text
from ..live.problems import answer_of, status_of
from ..schema.publishing import CallerToken

MAX_BODY_BYTES = 1_000_000
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
OPEN_PATHS = ("/health",)
MAX_KNOWN = 10_000
REMEDIES = {
    413: "send less; large values belong into a file that the workflow reads",
    429: "wait as long as Retry-After says; `gateway --rate` allows more",
    500: "look into the gateway's log, and report it",
    504: "look whether it was done, then try again with the same Idempotency-Key",
}
Recognise = Callable[[str], CallerToken | None]


class Budget:
    """How often each caller may ask: so many at once, and so many a second over time.

    Args:
        per_second: Over time.
        burst: At once.
        clock: Seconds that only go forward.
    """

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second = per_second
        self.burst = burst
        self.clock = clock
        self.left: dict[str, tuple[float, float]] = {}

    def spend(self, who: str) -> float:
        """Takes one request; seconds to wait where there is none left, else 0."""
        now = self.clock()
        left, at = self.left.pop(who, (float(self.burst), now))
        left = min(self.burst, left + (now - at) * self.per_second)
        if len(self.left) >= MAX_KNOWN:
            self.left.pop(next(iter(self.left)))
        taken = left >= 1
        self.left[who] = (left - 1 if taken else left, now)
        return 0.0 if taken else (1 - left) / self.per_second


class Guard:
    """Lets requests in, or says why not.

    Args:
        app: What is behind it.
        recognise: Gives the token of a text, while it is good.
        hosts: Names of the gateway besides those of this machine's loopback.
        origins: Pages that may ask.
        budget: How often each caller may ask.
    """

    def __init__(
        self, app: ASGIApp, *, recognise: Recognise, hosts: Sequence[str], origins: Sequence[str], budget: Budget
    ) -> None:
        self.app = app
        self.recognise = recognise
        self.hosts = frozenset(name.casefold() for name in (*LOOPBACK_NAMES, *hosts))
        self.origins = frozenset(origins)
        self.budget = budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        try:
            caller = await self.checked(Headers(scope=scope), scope["path"])
        except HTTPException as error:
            await problem(error)(scope, receive, send)
            return
        if caller is not None:
            access = AccessToken(token="", client_id=caller.id, scopes=["call"], subject=caller.caller)
            scope["user"], scope["auth"] = AuthenticatedUser(access), AuthCredentials(["call"])
            scope["caller"] = caller
        await self.app(scope, bounded(receive), send)

    async def checked(self, headers: Headers, path: str) -> CallerToken | None:
        """Who asks; None where nobody need say so.

        Raises:
            HTTPException: It is not let in.
        """
        if host_name(headers.get("host", "")) not in self.hosts:
            raise HTTPException(421, "this gateway has another name: `gateway --allow-host NAME` adds one")
        origin = headers.get("origin")
        if origin is not None and origin not in self.origins:
            raise HTTPException(403, "pages of other origins are not let in: `gateway --allow-origin ORIGIN` adds one")
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > MAX_BODY_BYTES:
            raise HTTPException(413, f"a request is at most {MAX_BODY_BYTES} bytes")
        if path in OPEN_PATHS:
            return None
        kind, _, text = headers.get("authorization", "").partition(" ")
        # An issuer's keys may have to be read first.
        caller = await asyncio.to_thread(self.recognise, text.strip()) if kind.casefold() == "bearer" else None
        if caller is None:
            said = "the token is unknown, revoked or over" if text else "a bearer token is needed"
            raise HTTPException(
                401, f"{said}: `jupyter workflows tokens add NAME` makes one", {"WWW-Authenticate": "Bearer"}
            )
        if seconds := self.budget.spend(caller.id):
            raise HTTPException(429, "too many requests with this token", {"Retry-After": str(int(seconds) + 1)})
        return caller


def host_name(host: str) -> str:
    """The name in a `Host` header, without the port."""
    head, colon, port = host.rpartition(":")
    return (head if colon and port.isdigit() else host).casefold().rstrip(".")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address to listen on."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def bounded(receive: Receive) -> Receive:
    """The body, up to its limit, whatever its headers say."""
    size = 0

    async def receive_bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY_BYTES:
            raise HTTPException(413, f"a request is at most {MAX_BODY_BYTES} bytes")
        return message

    return receive_bounded


def problem(error: Exception) -> Response:
    """An error in the one shape of all our errors."""
    status = status_of(error)
    headers: dict[str, Any] = dict(getattr(error, "headers", None) or {})
    headers["Cache-Control"] = "no-store"
    body = wire_text(answer_of(error, status, REMEDIES))
    return Response(body, status, headers, media_type="application/json")
