"""Connections to MCP servers, by the official SDK: one for each listing or call, so that nothing outlives a step."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import tempfile
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any, TextIO, cast

from pydantic import BaseModel, ConfigDict

from ...errors import ModelCallFailed, ToolServerFailed
from ...security.secrets import redacted
from ..addresses import host_and_port

if TYPE_CHECKING:
    from mcp import Client

INSTALL = 'pip install "jupyter-workflows[mcp]"'
MAX_TOOLS = 128
MAX_RESULT_CHARACTERS = 1_000_000
SAID_CHARACTERS = 300


class McpTarget(BaseModel):
    """Where a server is, as it travels: names of variables, never their values."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    name: str
    command: list[str] = []
    url: str | None = None
    environment: list[str] = []
    token: str | None = None


class McpToolInfo(BaseModel):
    """What a server says of one of its tools."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}


class McpResult(BaseModel):
    """What a tool gave: text only, and whether it says that it failed."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    text: str
    failed: bool = False


async def list_tools(target: McpTarget, timeout: timedelta) -> list[McpToolInfo]:
    """The tools of a server.

    Raises:
        ToolServerFailed: It can't be reached, or has none.
        ModelCallFailed: Its address must not be followed.
    """
    found: list[McpToolInfo] = []
    async with connected(target, timeout) as client:
        cursor: str | None = None
        while len(found) < MAX_TOOLS:
            page = await client.list_tools(cursor=cursor)
            found += [
                McpToolInfo(name=tool.name, description=tool.description or "", parameters=tool.input_schema)
                for tool in page.tools
            ]
            cursor = page.next_cursor
            if cursor is None:
                break
    return found[:MAX_TOOLS]


async def call_tool(target: McpTarget, tool: str, arguments: dict[str, Any], timeout: timedelta) -> McpResult:
    """What a tool of a server gives.

    Raises:
        ToolServerFailed: The server can't be reached.
        ModelCallFailed: Its address must not be followed.
    """
    async with connected(target, timeout) as client:
        result = await client.call_tool(tool, arguments)
    texts = [part.text if part.type == "text" else f"[{part.type} left out]" for part in result.content]
    if not texts and result.structured_content is not None:
        texts = [json.dumps(result.structured_content, ensure_ascii=False)]
    return McpResult(text="\n".join(texts)[:MAX_RESULT_CHARACTERS], failed=bool(result.is_error))


@contextlib.asynccontextmanager
async def connected(target: McpTarget, timeout: timedelta) -> AsyncGenerator[Client]:
    """A connection, for as long as the body runs and within its time.

    Raises:
        ToolServerFailed: It can't be made, breaks, or takes too long.
        ModelCallFailed: Its address must not be followed.
    """
    try:
        # In a thread: importing it takes a second.
        mcp = await asyncio.to_thread(importlib.import_module, "mcp")
    except ImportError as error:
        raise ToolServerFailed(f"the client for MCP servers is not installed ({error}): {INSTALL}") from None
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        try:
            async with (
                asyncio.timeout(timeout.total_seconds()),
                transport(target, log) as way,
                mcp.Client(way) as client,
            ):
                yield client
        except TimeoutError:
            raise ToolServerFailed(
                f"the MCP server {target.name} did not answer within {timeout.total_seconds():g} s; timeout= of "
                "ai.McpServer gives it more"
            ) from None
        except Exception as error:  # noqa: BLE001 - servers and transports raise anything, in groups too
            raise failure_of(error, target, log) from None


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
