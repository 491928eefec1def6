"""Sessions with MCP servers, by the official SDK: one for each run and server in a worker, so that a server remembers.

A run has its own, because what one run told a server is no other's business. A session ends when it was not used for
some minutes, or when it broke; the next call then connects anew, and its result says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast
from weakref import WeakKeyDictionary

import temporalio.activity
from pydantic import BaseModel, ConfigDict, Field

from ...errors import ToolServerFailed
from ..client import loop_of_calls
from .mcp_transport import McpTarget, failure_of, transport

if TYPE_CHECKING:
    from mcp import Client

T = TypeVar("T")

INSTALL = 'pip install "jupyter-workflows[mcp]"'
MAX_TOOLS = 128
MAX_RESULT_CHARACTERS = 1_000_000
IDLE_SECONDS = 300.0
# A server that was quiet for longer is asked whether it is still there, before a call that may not be made twice.
SURE_SECONDS = 1.0
# Each may be a process; beyond it, those that are idle are ended.
MAX_SESSIONS = 32


class McpToolInfo(BaseModel):
    """What a server says of one of its tools."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}


class McpTools(BaseModel):
    """A server's tools, and the session that listed them."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    tools: list[McpToolInfo]
    session: str


class McpResult(BaseModel):
    """What a tool gave: text only, whether it says that it failed, and the session in which it was called."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    text: str
    failed: bool = False
    session: str = Field(default="", description="Another one than before: what the server remembered is gone")


async def list_tools(target: McpTarget, timeout: timedelta) -> McpTools:
    """The tools of a server.

    Raises:
        ToolServerFailed: It can't be reached.
        ModelCallFailed: Its address must not be followed.
    """

    async def listed(session: Session) -> McpTools:
        found: list[McpToolInfo] = []
        cursor: str | None = None
        while len(found) < MAX_TOOLS:
            page = await session.client.list_tools(cursor=cursor)
            found += [
                McpToolInfo(name=tool.name, description=tool.description or "", parameters=tool.input_schema)
                for tool in page.tools
            ]
            cursor = page.next_cursor
            if cursor is None:
                break
        return McpTools(tools=found[:MAX_TOOLS], session=session.id)

    return await loop_of_calls().wrap(within(this_run(), target, timeout, listed))


async def call_tool(target: McpTarget, tool: str, arguments: dict[str, Any], timeout: timedelta) -> McpResult:
    """What a tool of a server gives.

    Raises:
        ToolServerFailed: The server can't be reached.
        ModelCallFailed: Its address must not be followed.
    """

    async def called(session: Session) -> McpResult:
        result = await session.client.call_tool(tool, arguments)
        texts = [part.text if part.type == "text" else f"[{part.type} left out]" for part in result.content]
        if not texts and result.structured_content is not None:
            texts = [json.dumps(result.structured_content, ensure_ascii=False)]
        text = "\n".join(texts)[:MAX_RESULT_CHARACTERS]
        return McpResult(text=text, failed=bool(result.is_error), session=session.id)

    return await loop_of_calls().wrap(within(this_run(), target, timeout, called))


def this_run() -> str:
    """The run for which a session is kept; empty where no step runs."""
    return temporalio.activity.info().workflow_run_id or "" if temporalio.activity.in_activity() else ""


async def within(run: str, target: McpTarget, timeout: timedelta, work: Callable[[Session], Awaitable[T]]) -> T:
    """What is asked of a server, in the session of a run and within its time.

    Raises:
        ToolServerFailed: It can't be reached, breaks, or takes too long.
        ModelCallFailed: Its address must not be followed.
    """
    session: Session | None = None
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            session = await session_of(run, target)
            return await session.use(work)
    except TimeoutError:
        if session is not None:
            session.retire()
        raise ToolServerFailed(
            f"the MCP server {target.name} did not answer within {timeout.total_seconds():g} s; timeout= of "
            "ai.McpServer gives it more"
        ) from None


Key = tuple[str, str]
_kept: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Key, Session]] = WeakKeyDictionary()


async def session_of(run: str, target: McpTarget) -> Session:
    """The session of a run with a server: the one that is there and answers, or a new one.

    Raises:
        ToolServerFailed: It can't be made.
        ModelCallFailed: Its address must not be followed.
    """
    sessions = _kept.setdefault(asyncio.get_running_loop(), {})
    key = (run, target.model_dump_json())
    session = sessions.get(key)
    if session is None:
        for idle in sorted((each for each in sessions.values() if not each.users), key=lambda each: each.last_used):
            if len(sessions) >= MAX_SESSIONS:
                idle.retire()
        session = sessions[key] = Session(target, lambda: sessions.pop(key, None))
    await session.connected()
    if await session.answers():
        return session
    session.retire()
    return await session_of(run, target)


class Session:
    """One session, kept by a task of its own: who opens a connection of the SDK must be who closes it.

    Args:
        target: The server.
        forget: Called when it is to be used no more.
    """

    def __init__(self, target: McpTarget, forget: Callable[[], object]) -> None:
        self.id = secrets.token_hex(8)
        self.target = target
        self.forget = forget
        self.users = 0
        self.last_used = time.monotonic()
        self.failure: Exception | None = None
        self.retired = False
        self.begun = asyncio.Event()
        self.over = asyncio.Event()
        self.client: Client = cast("Any", None)
        self.log: IO[str] = cast("Any", None)
        self.task = asyncio.create_task(self.keep())

    async def keep(self) -> None:
        """Connects, and disconnects when it is over."""
        try:
            # In a thread: importing it takes a second.
            mcp = await asyncio.to_thread(importlib.import_module, "mcp")
        except ImportError as error:
            self.failure = ToolServerFailed(f"the client for MCP servers is not installed ({error}): {INSTALL}")
            self.retire()
            self.begun.set()
            return
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as self.log:
            try:
                async with transport(self.target, self.log) as way, mcp.Client(way) as self.client:
                    self.begun.set()
                    await self.idle()
            except Exception as error:  # noqa: BLE001 - servers and transports raise anything, in groups too
                self.failure = failure_of(error, self.target, self.log)
            finally:
                self.retire()
                self.begun.set()

    async def idle(self) -> None:
        """Until it is over, or was not used for long."""
        while not self.over.is_set():
            left = self.last_used + IDLE_SECONDS - time.monotonic()
            if left <= 0 and not self.users:
                self.retire()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.over.wait(), max(left, SURE_SECONDS))

    async def connected(self) -> None:
        """Waits until it is there.

        Raises:
            ToolServerFailed: It can't be.
            ModelCallFailed: Its address must not be followed.
        """
        self.users += 1
        try:
            await self.begun.wait()
        finally:
            self.left()
        if self.failure is not None:
            raise self.failure

    async def answers(self) -> bool:
        """Whether the server is still there; asked only where that is not sure."""
        if time.monotonic() - self.last_used < SURE_SECONDS or self.users > 1:
            return not self.over.is_set()
        try:
            await self.use(lambda session: session.client.list_tools(cache_mode="bypass"))
        except ToolServerFailed:
            return False
        return True

    async def use(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """What is done in it.

        Raises:
            ToolServerFailed: The server broke, or refuses.
            ModelCallFailed: Its address must not be followed.
        """
        self.users += 1
        try:
            return await work(self)
        except Exception as error:  # noqa: BLE001 - servers and transports raise anything, in groups too
            if is_broken(error):
                self.retire()
            raise failure_of(error, self.target, self.log) from None
        finally:
            self.left()

    def left(self) -> None:
        """One that used it does so no more."""
        self.users -= 1
        self.last_used = time.monotonic()
        if self.retired and not self.users:
            self.over.set()

    def retire(self) -> None:
        """Nobody shall begin to use it; it ends when all who use it have left."""
        self.retired = True
        self.forget()
        if not self.users:
            self.over.set()


def is_broken(error: Exception) -> bool:
    """Whether a failure is the connection's; a server that refuses a call is still there."""
    from mcp import MCPError
    from mcp_types import CONNECTION_CLOSED

    return not isinstance(error, MCPError) or error.code == CONNECTION_CLOSED
