"""The MCP server: each published workflow is a tool, with progress, tokens and approvals.

A call lasts until its run ends, until the run waits for somebody whom the client can't ask, or for `wait_seconds`;
the run itself goes on by itself whatever becomes of the client. Clients of 2026-07-28 are asked by an
`InputRequiredResult`, older ones by a request on the stream of their call.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from .. import __version__
from ..connection import loop_thread
from ..errors import ApprovalRefused, JupyterWorkflowsError, NotPermitted, WorkspacesInvalid
from ..live.problems import message_of as problem_of
from ..live.problems import status_of
from ..runs.tokens import Following, News
from ..runs.untrusted import one_line, printable
from ..schema.publishing import CalledRun, CallerToken, OpenQuestion, Published
from ..security.rights import SEE_RUNS, SEE_WORKFLOWS, STOP_RUNS
from ..tokens import Texts
from .calls import Called, Calls
from .published import RESERVED
from .questions import answer_of, is_flat, message_of, place_of, requested_schema

NAME = "jupyter-workflows"
LOOK, CANCEL = RESERVED
TAIL = 300
STATE_SECONDS = 24 * 3600.0
TELL_SECONDS = 0.1
STATUSES = ["running", "waiting", "completed", "failed", "cancelled", "terminated", "timed_out"]
ENVELOPE: dict[str, Any] = {
    "run": {"type": "string", "description": "Id of the run"},
    "status": {"type": "string", "enum": STATUSES},
    "problem": {"type": ["string", "null"], "description": "Why it ended without a result"},
    "waits_for": {
        "type": "array",
        "description": "The approvals it waits for",
        "items": {"type": "object"},
    },
}
RUN_ARGUMENT = {
    "type": "object",
    "properties": {"run": {"type": "string", "description": "Id of a run you started, as its call told it"}},
    "required": ["run"],
}
Context = ServerRequestContext[Any, Any]


def output_schema(result: dict[str, Any]) -> dict[str, Any]:
    """What a call gives: the run, how it is, and its result once there is one."""
    own = {key: value for key, value in result.items() if key != "$defs"}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {**ENVELOPE, "result": {"anyOf": [own, {"type": "null"}]} if own else {}},
        "required": ["run", "status"],
    }
    return {**schema, "$defs": result["$defs"]} if "$defs" in result else schema


def tool_of(known: Published) -> types.Tool:
    """A published workflow as a tool."""
    # Without annotations nothing is known of the arguments.
    schema = {**known.parameters_schema, "additionalProperties": False} if known.parameters_schema else {}
    return types.Tool(
        name=known.tool,
        description=known.description,
        input_schema={**schema, "type": "object"},
        output_schema=output_schema(known.result_schema),
    )


def own_tools() -> list[types.Tool]:
    """What every caller can do with its runs."""
    look = "How a run that you started is, with its result; waits for it for a while"
    return [
        types.Tool(name=LOOK, description=look, input_schema=RUN_ARGUMENT, output_schema=output_schema({})),
        types.Tool(
            name=CANCEL,
            description="Asks a run that you started to end",
            input_schema=RUN_ARGUMENT,
            output_schema=output_schema({}),
        ),
    ]


def structured(run: CalledRun) -> dict[str, Any]:
    """A run as a call gives it."""
    asked = [
        {"approval": each.id, "message": each.message, "assignees": each.assignees, "link": each.link}
        for each in run.approvals
    ]
    return {"run": run.run, "status": run.status, "result": run.result, "problem": run.problem, "waits_for": asked}


def result_of(run: CalledRun) -> types.CallToolResult:
    """A run as a call's result; one that failed is an error of the tool."""
    told = structured(run)
    failed = run.status not in ("running", "waiting", "completed")
    text = run.problem if failed and run.problem else json.dumps(told, ensure_ascii=True)
    if run.status in ("running", "waiting"):
        text += f"\nIt goes on by itself. Ask {LOOK} with its id for the result."
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], structured_content=told, is_error=failed
    )


def refused(error: JupyterWorkflowsError) -> types.CallToolResult:
    """A mistake of the caller's, which its model may read and correct."""
    text = problem_of(error, status_of(error))
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)


class Progress:
    """Tells a client how its run gets on.

    Args:
        context: Of the call.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.number = 0
        self.known: dict[str, str] = {}
        self.texts = Texts(TAIL * 10)

    async def tell(self, message: str) -> None:
        """Sends a message; each has a higher number than the one before."""
        self.number += 1
        await self.context.session.report_progress(self.number, None, message)

    async def news(self, news: News) -> None:
        """Tells of steps that changed and of what steps write."""
        for step in news.snapshot.steps:
            status = f"{one_line(step.id, 80)} {step.status}" + (
                f", attempt {step.attempt}" if step.attempt > 1 else ""
            )
            if self.known.get(step.id) != status:
                self.known[step.id] = status
                await self.tell(status)
        writing: dict[str, None] = {}
        for token in news.tokens:
            self.texts.take(token)
            writing[token.step] = None
        for step in writing:
            if text := self.texts.by_step.get(step):
                await self.tell(f"{one_line(step, 80)}: {printable(text.since(0)[-TAIL:], 2 * TAIL)}")


@dataclass(frozen=True)
class Asked:
    """In the sealed state of a call: what its client was asked.

    Args:
        run: The run's id.
        question: What it was asked last.
        told: The ids of all approvals that it was asked or told of in this call.
    """

    run: str
    question: OpenQuestion
    told: Sequence[str]

    def text(self) -> str:
        """The state as text."""
        return json.dumps([self.run, self.question.model_dump(mode="json"), list(self.told)])

    @classmethod
    def read(cls, text: str) -> Asked:
        """The state of a text that was sealed by us."""
        run, question, told = json.loads(text)
        return cls(run, OpenQuestion.model_validate(question), told)


class Tools:
    """The tools of a gateway.

    Args:
        calls: Carries out what callers ask.
        secret: Seals what clients hand back; 32 bytes.
        wait_seconds: How long a call lasts at most.
    """

    def __init__(self, calls: Calls, *, secret: bytes, wait_seconds: float) -> None:
        self.calls = calls
        self.wait_seconds = wait_seconds
        self.server: Server[Any] = Server(
            NAME,
            version=__version__,
            instructions="Each tool starts a durable run of a workflow. A run goes on without you.",
            on_list_tools=self.list_tools,
            on_call_tool=self.call_tool,
        )
        security = RequestStateSecurity(keys=[secret], ttl=STATE_SECONDS)
        self.server.middleware.append(RequestStateBoundary(security, default_audience=NAME))

    async def list_tools(self, context: Context, params: Any) -> types.ListToolsResult:
        """All that the caller may call."""
        del params
        try:
            await self.calls.person(caller_of(context), SEE_WORKFLOWS)
            tools = [tool_of(known) for known in await asyncio.to_thread(self.calls.tools, caller_of(context))]
        except (NotPermitted, WorkspacesInvalid):
            return types.ListToolsResult(tools=[])
        return types.ListToolsResult(tools=[*tools, *own_tools()])

    async def call_tool(
        self, context: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        """Starts a run and follows it, or goes on with one whose approval the client was asked for."""
        try:
            caller = caller_of(context)
            called = await self.called(caller, params)
            if params.name == CANCEL:
                return result_of(await on_loop(self.calls.cancel(caller, called)))
            told: Sequence[str] = ()
            if params.request_state is not None:
                asked = Asked.read(params.request_state)
                await self.answered(caller, called, asked, params.input_responses or {})
                told = asked.told
            return await self.followed(context, caller, called, told)
        except JupyterWorkflowsError as error:
            return refused(error)

    async def called(self, caller: CallerToken, params: types.CallToolRequestParams) -> Called:
        """The run that a call is about; a new one where it is about none."""
        if params.name in RESERVED:
            await self.calls.person(caller, STOP_RUNS if params.name == CANCEL else SEE_RUNS)
            return await on_loop(self.calls.own(caller, str((params.arguments or {}).get("run", ""))))
        if params.request_state is not None:
            return await on_loop(self.calls.own(caller, Asked.read(params.request_state).run))
        return await on_loop(self.calls.start(caller, params.name, params.arguments or {}, way="mcp"))

    async def answered(self, caller: CallerToken, called: Called, asked: Asked, responses: Any) -> None:
        """Takes what the client's user said; what came too late is no error, the run tells how it is."""
        response = responses.get(asked.question.id)
        if isinstance(response, types.ElicitResult) and response.action == "accept":
            await self.decide(caller, called, asked.question, response.content)

    async def decide(self, caller: CallerToken, called: Called, question: OpenQuestion, content: Any) -> None:
        """Decides as the caller, where the client's user did.

        Raises:
            ApprovalRefused: It is open still, and was not taken: the form doesn't fit, or it changed meanwhile.
        """
        try:
            # Of a client that has opened a page there is no content: the page decides.
            answer = answer_of(question, content)
            if answer is None:
                return
            await on_loop(self.calls.decide(caller, called, question.id, answer))
        except ApprovalRefused as error:
            latest = await on_loop(self.calls.look(caller, called))
            if any(each.id == question.id for each in latest.approvals):
                raise ApprovalRefused(
                    f"{error}. The run waits still: call {LOOK} with its id, {called.run.id}, to be asked again"
                ) from None

    async def followed(
        self, context: Context, caller: CallerToken, called: Called, before: Sequence[str]
    ) -> types.CallToolResult | types.InputRequiredResult:
        """Follows a run until it ends, or its client has to be asked, or the time is over.

        Args:
            context: Of the call.
            caller: Who calls.
            called: The run.
            before: The ids of approvals that the client was asked already; whoever declines is not asked again.
        """
        progress = Progress(context)
        await progress.tell(f"run {called.run.id}")
        told = list(before)
        deadline = asyncio.get_running_loop().time() + self.wait_seconds
        async with following(called) as news:
            while (left := deadline - asyncio.get_running_loop().time()) > 0:
                try:
                    latest = await asyncio.wait_for(news(), left)
                except TimeoutError:
                    break
                if latest is None:
                    break
                await progress.news(latest)
                if not latest.snapshot.open_approvals:
                    continue
                shown = await on_loop(self.calls.look(caller, called, latest.snapshot))
                for question in shown.approvals:
                    if question.id in told:
                        continue
                    told.append(question.id)
                    asked = await self.ask(context, caller, called, Asked(called.run.id, question, told), progress)
                    if asked is not None:
                        return asked
        return result_of(await on_loop(self.calls.look(caller, called)))

    async def ask(
        self, context: Context, caller: CallerToken, called: Called, asked: Asked, progress: Progress
    ) -> types.InputRequiredResult | None:
        """Has the client ask its user where it can and may; else says who decides, and where."""
        question = asked.question
        request = self.request_for(context, called, question) if question.can_decide else None
        if request is None:
            who = ", ".join(one_line(name, 80) for name in question.assignees) or "anybody who may"
            where = place_of(question, called.run.id)
            await progress.tell(f"{question.id} waits for {who}: {one_line(question.message, 300)} Decided {where}")
            return None
        if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
            wanted = types.ElicitRequest(params=request)
            return types.InputRequiredResult(input_requests={question.id: wanted}, request_state=asked.text())
        session, related = context.session, context.request_id
        if isinstance(request, types.ElicitRequestURLParams):
            await session.elicit_url(request.message, request.url, question.id, related_request_id=related)
            return None
        form = cast("Any", request.requested_schema)
        answer = await session.elicit_form(request.message, form, related_request_id=related)
        if answer.action == "accept":
            await self.decide(caller, called, question, answer.content)
        return None

    def request_for(
        self, context: Context, called: Called, question: OpenQuestion
    ) -> types.ElicitRequestFormParams | types.ElicitRequestURLParams | None:
        """What asks the client's user: a form, the page of the run where that says more; None where it can't."""
        shows_forms, opens_pages = can_ask(context)
        about = question, called.call.tool, called.run.id
        if opens_pages and question.link and not (shows_forms and is_flat(question)):
            message = message_of(*about, on_page=True)
            return types.ElicitRequestURLParams(message=message, url=question.link, elicitation_id=question.id)
        if shows_forms:
            message = message_of(*about)
            return types.ElicitRequestFormParams(message=message, requested_schema=requested_schema(question))
        return None


def caller_of(context: Context) -> CallerToken:
    """Who calls: the token that the gateway's guard has let in with this very request."""
    assert context.request is not None
    return context.request.scope["caller"]


def can_ask(context: Context) -> tuple[bool, bool]:
    """Whether the client shows forms to its user, and whether it opens pages."""
    capabilities = context.session.client_capabilities
    found = capabilities.elicitation if capabilities else None
    if found is None:
        return False, False
    # Before 2025-11-25 the capability had no modes, and meant forms.
    return found.form is not None or found.url is None, found.url is not None


async def on_loop(work: Any) -> Any:
    """The result of a coroutine on the loop thread."""
    return await loop_thread().wrap(work)


@asynccontextmanager
async def following(called: Called) -> AsyncGenerator[Any]:
    """Gives what awaits the next news of a run, at most ten times a second; None after the last."""
    source = Following(called.run.access, called.run.new_reader())

    async def following_news() -> News | None:
        await asyncio.sleep(TELL_SECONDS)
        return await loop_thread().wrap(source.next())

    try:
        yield following_news
    finally:
        await loop_thread().wrap(closed(source))


async def closed(source: Following) -> None:
    """Follows no more; a wait that was given up takes a moment to end."""
    while True:
        try:
            await cast("Any", source.news).aclose()
        except RuntimeError:
            await asyncio.sleep(0.01)
        else:
            return
