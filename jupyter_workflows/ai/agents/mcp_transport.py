"""The way to an MCP server, a program of the worker's machine or a guarded address; and what goes wrong on it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncGenerator
from typing import IO, Any, TextIO, cast

from pydantic import BaseModel, ConfigDict

from ...errors import ModelCallFailed, ToolServerFailed
from ...security.secrets import redacted
from ..addresses import host_and_port

SAID_CHARACTERS = 300


class McpTarget(BaseModel):
    """Where a server is, as it travels: names of variables, never their values."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    name: str
    command: list[str] = []
    url: str | None = None
    environment: list[str] = []
    token: str | None = None


def failure_of(error: BaseException, target: McpTarget, log: IO[str]) -> Exception:
    """What went wrong, in our words and without secrets."""
    inner = error
    while isinstance(inner, BaseExceptionGroup):
        inner = cast("BaseExceptionGroup[BaseException]", inner).exceptions[0]
    if isinstance(inner, ModelCallFailed | ToolServerFailed):
        return inner
    log.seek(0)
    written = log.read()[-SAID_CHARACTERS:].strip()
    secrets = [os.environ.get(name, "") for name in (*target.environment, target.token or "")]
    said = redacted(f"{type(inner).__name__}: {inner}"[:SAID_CHARACTERS], secrets)
    wrote = f"; it wrote: {redacted(written, secrets)}" if written else ""
    where = target.url or " ".join(target.command)
    return ToolServerFailed(
        f"the MCP server {target.name} ({where[:100]}) can't be used where the worker runs ({said}{wrote}): check that "
        "it starts and answers there"
    )


@contextlib.asynccontextmanager
async def transport(target: McpTarget, log: IO[str]) -> AsyncGenerator[Any]:
    """The way to a server, not yet connected."""
    if target.url is None:
        yield program(target, log)
        return
    from mcp.client.streamable_http import streamable_http_client

    # What is no address is refused in our words, before a client takes it apart.
    host_and_port(target.url)
    async with http_client(target) as http:
        yield streamable_http_client(target.url, http_client=http)


def program(target: McpTarget, log: IO[str]) -> Any:
    """A server that is a program of the worker's machine."""
    from mcp.client.stdio import StdioServerParameters, get_default_environment, stdio_client

    command, *arguments = target.command
    given = {name: os.environ[name] for name in target.environment if name in os.environ}
    return stdio_client(
        StdioServerParameters(command=command, args=arguments, env={**get_default_environment(), **given}),
        errlog=cast("TextIO", log),
    )


def http_client(target: McpTarget) -> Any:
    """The HTTP client for a server's URL: guarded as any address that workflow code names.

    Raises:
        ToolServerFailed: The token is not there.
    """
    import httpx2 as httpx

    from ..transport import CONNECT_SECONDS, QUIET_SECONDS, Guarded, bound

    headers: dict[str, str] = {}
    if target.token:
        token = os.environ.get(target.token)
        if not token:
            raise ToolServerFailed(
                f"the MCP server {target.name} needs a token: set {target.token} where the worker runs"
            )
        headers["authorization"] = f"Bearer {token}"
    return httpx.AsyncClient(
        transport=Guarded(),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(QUIET_SECONDS, connect=CONNECT_SECONDS),
        event_hooks={"request": [], "response": [bound]},
        headers=headers,
    )
