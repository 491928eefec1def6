"""The gateway: one ASGI app with MCP at `/mcp` and REST beside it, served by a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import sys
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from ..errors import JupyterWorkflowsError, PublishRefused
from ..local.paths import PRIVATE_FILE, Home, make_private_directory
from ..local.server import NAMESPACE
from ..session import Session
from .callers import directory
from .calls import Calls
from .guard import Budget, Guard, is_loopback, problem
from .rest import routes
from .signed_in import Recognised
from .tools import Tools

PORT = 8321
WAIT_SECONDS = 300.0
PER_SECOND, BURST = 20.0, 100
ENDING_SECONDS = 5
ANSWERED: tuple[type[Exception], ...] = (
    HTTPException, JupyterWorkflowsError, ValidationError, TimeoutError, Exception,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """How a gateway listens.

    Args:
        host: The address to listen on.
        port: The port; 0 takes a free one.
        hosts: Names under which it is reached, besides those of loopback.
        origins: Pages that may ask.
        certificate: PEM file for TLS.
        private_key: PEM file of its key.
        behind_proxy: Whether a proxy before it does TLS.
        wait_seconds: How long an MCP call lasts at most.
        per_second: Requests of one token, over time.
        burst: Requests of one token, at once.
    """

    host: str = "127.0.0.1"
    port: int = PORT
    hosts: Sequence[str] = field(default_factory=tuple[str, ...])
    origins: Sequence[str] = field(default_factory=tuple[str, ...])
    certificate: str | None = None
    private_key: str | None = None
    behind_proxy: bool = False
    wait_seconds: float = WAIT_SECONDS
    per_second: float = PER_SECOND
    burst: int = BURST

    def check(self) -> None:
        """Refuses what would send tokens in the clear, or can't be.

        Raises:
            PublishRefused: Names the option and what it takes.
        """
        if not 0 <= self.port <= 65_535:
            raise PublishRefused(f"--port takes a number from 0 to 65535, not {self.port}")
        if not 0 < self.wait_seconds <= 3_600:
            raise PublishRefused(f"--wait takes seconds above 0 and up to 3600, not {self.wait_seconds:g}")
        if not (self.per_second > 0 and self.burst >= 1):
            raise PublishRefused(f"--rate takes a number above 0, not {self.per_second:g}")
        if bool(self.certificate) != bool(self.private_key):
            raise PublishRefused("--certificate and --private-key belong together: give both")
        for option, path in (("--certificate", self.certificate), ("--private-key", self.private_key)):
            if path and not Path(path).is_file():
                raise PublishRefused(f"{option} names no file: {path}")
        if not (is_loopback(self.host) or self.certificate or self.behind_proxy):
            raise PublishRefused(
                f"on {self.host} others would see the tokens on their way: give --certificate and --private-key, or "
                "--behind-proxy where a proxy before it does TLS"
            )


def sealing_secret(home: Home) -> bytes:
    """What seals the state that MCP clients hand back, so that a restarted gateway takes it; made on first use.

    Raises:
        PublishRefused: The file holds something else.
    """
    make_private_directory(directory(home))
    path = directory(home) / "sealing.key"
    if not path.exists():
        draft = path.with_name(f".{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "wb") as file:
            file.write(secrets.token_bytes(32))
        # Appears whole, and only once where two gateways start together.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    secret = path.read_bytes()
    if len(secret) != 32:
        raise PublishRefused(f"{path} is no key: move it away to get a new one")
    return secret


def gateway_app(session: Session, settings: GatewaySettings) -> ASGIApp:
    """The app.

    Args:
        session: The home, and how its Temporal server is reached.
        settings: How it listens.
    """
    home = session.home
    calls = Calls(session)
    tools = Tools(calls, secret=sealing_secret(home), wait_seconds=settings.wait_seconds)
    # The guard has checked Host and Origin of every path; the SDK's own check would know fewer names.
    mcp = tools.server.streamable_http_app(
        streamable_http_path="/mcp",
        transport_security=None,
        host="0.0.0.0",
    )

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        del app
        async with tools.server.session_manager.run():
            yield

    app = Starlette(
        routes=[*routes(calls), *mcp.routes],
        lifespan=lifespan,
        exception_handlers=dict.fromkeys(ANSWERED, told),
    )
    return Guard(
        AuthContextMiddleware(app),
        recognise=Recognised(home, session.settings.namespace if session.settings else NAMESPACE),
        hosts=settings.hosts,
        origins=settings.origins,
        budget=Budget(settings.per_second, settings.burst),
    )


async def told(request: Request, error: Exception) -> Response:
    """An error as an answer."""
    del request
    return problem(error)


def listening(settings: GatewaySettings) -> socket.socket:
    """The socket.

    Raises:
        PublishRefused: The port is taken, or the address is not this machine's.
    """
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host.strip("[]"), settings.port), family=family)
    except OSError as error:
        raise PublishRefused(
            f"the gateway can't listen on {settings.host}:{settings.port} ({error.strerror}): give another --port"
        ) from None


def serve(session: Session, settings: GatewaySettings) -> None:
    """Serves until it is interrupted or told to end.

    Raises:
        PublishRefused: The settings can't be.
    """
    settings.check()
    with listening(settings) as listener:
        config = uvicorn.Config(
            gateway_app(session, settings),
            log_level="warning",
            server_header=False,
            ssl_certfile=settings.certificate,
            ssl_keyfile=settings.private_key,
            timeout_graceful_shutdown=ENDING_SECONDS,
        )
        scheme = "https" if settings.certificate else "http"
        host, port = listener.getsockname()[:2]
        name = f"[{host}]" if ":" in host else host
        sys.stderr.write(f"gateway at {scheme}://{name}:{port}: MCP at /mcp, REST by /openapi.json\n")
        sys.stderr.flush()
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))
