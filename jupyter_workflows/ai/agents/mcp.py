"""Tools of MCP servers: listed and called on the worker, each a step of its own.

Protocol: https://modelcontextprotocol.io
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import temporalio.workflow
from pydantic import BaseModel, ConfigDict, Field

from ...authoring.definitions import Activity, ActivityOptions
from ...authoring.policies import RetryPolicy, positive
from ...authoring.state import run_state
from ...authoring.steps import executed, location_in_bundle
from ...errors import AuthoringError
from ..activities import MARGIN
from ..options import SUMMARY_CHARACTERS
from .arguments import Arguments
from .conversation import spelled
from .mcp_sessions import McpResult, McpToolInfo, McpTools, call_tool, list_tools
from .mcp_transport import McpTarget
from .tools import TOOL_NAME, Caller, Tool

TIMEOUT = timedelta(minutes=1)
RETRY = RetryPolicy(max_attempts=3)
ANEW = "({name} was connected to anew before this call: what it remembered of earlier calls is gone)"
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class McpCall(BaseModel):
    """A call of a tool, as it travels."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    target: McpTarget
    tool: str
    arguments: dict[str, Any] = Field(default={}, description="By name, as the tool's schema says")
    timeout: timedelta = TIMEOUT


class McpListing(BaseModel):
    """What a server's tools are asked for with, as it travels."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    target: McpTarget
    timeout: timedelta = TIMEOUT


async def mcp_tools(request: McpListing) -> McpTools:
    """The tools of a server."""
    return await list_tools(request.target, request.timeout)


async def mcp_call(request: McpCall) -> McpResult:
    """The result of a tool of a server."""
    return await call_tool(request.target, request.tool, request.arguments, request.timeout)


TOOLS: Activity[Any, Any] = Activity(mcp_tools, name="ai.mcp_tools")
CALL: Activity[Any, Any] = Activity(mcp_call, name="ai.mcp_call")


class McpServer:
    """An MCP server whose tools an agent may use: a program on the worker's machine, or a URL.

    Its tools are listed once in each run of an agent and are called `<name>_<tool>`. A run has one session with a
    server, kept on the worker for 5 minutes without a call, so that a server may remember what the run told it. After
    the death of the worker or of the server the next call connects anew; what was remembered is gone then, and the
    model is told so. A URL is followed only to public addresses, or to those that `JUPYTER_WORKFLOWS_ALLOWED_HOSTS`
    names on the worker.

    Args:
        name: What its tools' names begin with.
        command: The program and its arguments, spoken to over standard input and output.
        url: The address of a server that speaks streamable HTTP.
        only: The tools that may be used; all by default.
        environment: Names of variables of the worker that the program is given; it gets no other but PATH and its
            like. Values never travel.
        token: Name of the variable of the worker that holds the token to send to the URL.
        timeout: How long a listing or a call may take; 1 minute by default.
        retry: How it is tried again; 3 attempts by default. One for calls that must not be made twice.

    Raises:
        AuthoringError: An argument makes no sense.
    """

    def __init__(
        self,
        name: str,
        *,
        command: Sequence[str] | None = None,
        url: str | None = None,
        only: Sequence[str] | None = None,
        environment: Sequence[str] = (),
        token: str | None = None,
        timeout: timedelta = TIMEOUT,
        retry: RetryPolicy = RETRY,
    ) -> None:
        if not TOOL_NAME.fullmatch(name):
            raise AuthoringError(f"McpServer({name!r}) takes a name of letters, digits and _", code="JW464")
        if (command is None) == (url is None) or isinstance(command, str) or (command is not None and not command):
            raise AuthoringError(
                f"McpServer({name!r}) takes either command=['program', 'argument'] or url='https://...'", code="JW464"
            )
        for variable in (*environment, *([token] if token else [])):
            if not VARIABLE.fullmatch(variable):
                raise AuthoringError(
                    f"McpServer({name!r}) takes names of variables in environment= and token=, not their values",
                    code="JW464",
                )
        positive(timeout, "McpServer(timeout=...)")
        self.name = name
        self.target = McpTarget(
            name=name, command=list(command or ()), url=url, environment=list(environment), token=token
        )
        self.only = None if only is None else frozenset(only)
        self.timeout = timeout
        self.retry = retry

    async def tools_request(self, caller: Caller) -> list[Tool]:
        """Lists its tools, a step of its own.

        Raises:
            StepFailed: The server can't be reached.
        """
        request = McpListing(target=self.target, timeout=self.timeout)
        found = McpTools.model_validate(
            await self.step(TOOLS, request, "tools", f"{caller.agent}: what {self.name} can")
        )
        return list(self.usable(found.tools, Known(found.session)))

    def usable(self, infos: Iterable[McpToolInfo], known: Known) -> Iterable[Tool]:
        """The tools that may be used; one with a name that models can't use is left out."""
        for info in infos:
            name = f"{self.name}_{re.sub(r'[^A-Za-z0-9_-]', '_', info.name)}"
            if (self.only is None or info.name in self.only) and TOOL_NAME.fullmatch(name):
                yield McpTool(self, name, info, known)

    async def step(self, definition: Activity[Any, Any], request: Any, what: str, summary: str) -> Any:
        """Runs an activity on the worker; a plain call where no workflow runs."""
        if not temporalio.workflow.in_workflow():
            return await definition.fn(request)
        state = run_state()
        options = ActivityOptions(retry=self.retry, timeout=self.timeout + MARGIN, summary=summary[:SUMMARY_CHARACTERS])
        activity = Activity[Any, Any](definition.fn, name=definition.name, options=options)
        if state.workflow is not None:
            activity.location = state.workflow.location or location_in_bundle(state.workflow.name)
        return await executed(activity, [request], state.next_id(f"{self.name}.{what}"))


@dataclass
class Known:
    """The session of an agent's run with a server, as the last step told it."""

    session: str


class McpTool(Tool):
    """A tool of an MCP server.

    Args:
        server: The server.
        name: What the model calls it.
        info: What the server says of it.
        known: The session, shared by the tools that were listed with it.
    """

    def __init__(self, server: McpServer, name: str, info: McpToolInfo, known: Known) -> None:
        self.server = server
        self.known = known
        self.name = name
        self.tool = info.name
        self.description = info.description or name
        # The server checks the arguments: its schema may say more than we understand.
        self.arguments = Arguments(dict[str, Any], info.parameters)

    async def call(self, arguments: Any, caller: Caller) -> Any:
        """A step that calls it; gives what the tool gave, or that it failed."""
        request = McpCall(target=self.server.target, tool=self.tool, arguments=arguments, timeout=self.server.timeout)
        summary = f"{caller.agent}: {self.name}({spelled(arguments)})"
        result = McpResult.model_validate(await self.server.step(CALL, request, self.tool, summary))
        text = f"the tool failed: {result.text or 'it did not say why'}" if result.failed else result.text
        anew, self.known.session = result.session != self.known.session, result.session
        return f"{ANEW.format(name=self.server.name)}\n{text}" if anew else text
