"""The REST operations of the gateway, and their description as OpenAPI 3.1."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

from pydantic import Field
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import __version__
from ..connection import loop_thread
from ..errors import BadRequest
from ..live.messages import wire_text
from ..live.problems import ErrorAnswer, phrase
from ..runs.decisions import refuse_constant
from ..runs.untrusted import one_line
from ..schema import Verdict, Wire
from ..schema.publishing import CalledRun, CallerToken, Published
from ..security.rights import CALL, DECIDE, SEE_RUNS, SEE_WORKFLOWS, STOP_RUNS, Right
from .calls import KEY, Answer, Calls

ANSWER_SECONDS = 120.0
MAX_WAIT_SECONDS = 60.0
REFERENCE = "#/components/schemas/{model}"
UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
TOOL = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"


class StartBody(Wire):
    """What a run is given."""

    arguments: dict[str, Any] = Field(default={}, description="By name")


class DecisionBody(Wire):
    """What the caller says to an approval."""

    verdict: Verdict
    comment: str | None = Field(default=None, max_length=20_000)
    form: dict[str, Any] | None = None
    value: Any = None
    edited: bool = Field(default=False, description="Whether `value` replaces the editable value")
    content_hash: str | None = Field(default=None, description="Of what was shown; by default as it is now")


class NoBody(Wire):
    """Nothing."""


class PublishedAnswer(Wire):
    """What the caller may call."""

    workflows: list[Published]


class Health(Wire):
    """That the gateway is there."""

    status: Literal["ok"] = "ok"
    version: str = __version__


@dataclass(frozen=True)
class Asked:
    """A request that was let in.

    Args:
        calls: Carries out what callers ask.
        caller: Who asks.
        path: The parameters in the path.
        query: Those after it.
        headers: Of the request.
        body: What was sent, of the operation's type.
    """

    calls: Calls
    caller: CallerToken
    path: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


Done = tuple[Wire, int]


async def list_workflows(asked: Asked) -> Done:
    """What you may call."""
    return PublishedAnswer(workflows=await asyncio.to_thread(asked.calls.tools, asked.caller)), 200


async def start_run(asked: Asked) -> Done:
    """Starts a run; the same Idempotency-Key again gives the same run, with status 200."""
    key = asked.headers.get("idempotency-key")
    called = await asked.calls.start(
        asked.caller, asked.path["name"], cast("StartBody", asked.body).arguments, way="rest", key=key
    )
    return await asked.calls.look(asked.caller, called), 201 if called.is_new else 200


async def get_run(asked: Asked) -> Done:
    """A run that you started: its status, what it waits for, its result; with `wait`, as soon as that changes."""
    called = await asked.calls.own(asked.caller, asked.path["id"])
    run = await asked.calls.look(asked.caller, called)
    wait = wait_of(asked.query.get("wait", "0"))
    if wait and run.status == "running":
        async with asyncio.timeout(ANSWER_SECONDS):
            try:
                async with asyncio.timeout(wait):
                    async for snapshot in called.run.new_reader().changes():
                        if snapshot.open_approvals or snapshot.run.status != "running":
                            break
            except TimeoutError:
                pass
        run = await asked.calls.look(asked.caller, called)
    return run, 200


async def decide(asked: Asked) -> Done:
    """Approves or rejects what a run of yours asks, in your name; the first decision counts."""
    body: DecisionBody = asked.body
    called = await asked.calls.own(asked.caller, asked.path["id"])
    answer = Answer(body.verdict, body.content_hash, body.comment, body.form, body.value, body.edited)
    return await asked.calls.decide(asked.caller, called, asked.path["approval"], answer), 200


async def cancel(asked: Asked) -> Done:
    """Asks a run of yours to end itself, its open steps first."""
    called = await asked.calls.own(asked.caller, asked.path["id"])
    return await asked.calls.cancel(asked.caller, called), 200


def wait_of(text: str) -> float:
    """How long to wait, in seconds.

    Raises:
        BadRequest: It is no number in its range.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MAX_WAIT_SECONDS:
        raise BadRequest(f"wait={one_line(text, 40)} takes seconds from 0 to {MAX_WAIT_SECONDS:g}")
    return seconds


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked by REST.

    Args:
        method: Of HTTP.
        path: With `{name}` for parameters.
        call: What is done; its docstring describes it.
        answer: The type of the answer.
        body: The type of what is sent; None for `GET`.
        status: Of a success.
        query: The parameters after the path, by name.
        right: What a role has to give the caller, where there is a file of roles.
    """

    method: Literal["GET", "POST"]
    path: str
    call: Callable[[Asked], Awaitable[Done]]
    answer: type[Wire]
    body: type[Wire] | None = None
    status: tuple[int, ...] = (200,)
    query: tuple[str, ...] = ()
    right: Right = SEE_RUNS


START = Operation("POST", "/workflows/{name}/runs", start_run, CalledRun, StartBody, (201, 200), right=CALL)
OPERATIONS = (
    Operation("GET", "/workflows", list_workflows, PublishedAnswer, right=SEE_WORKFLOWS),
    START,
    Operation("GET", "/runs/{id}", get_run, CalledRun, query=("wait",)),
    Operation("POST", "/runs/{id}/approvals/{approval}/decision", decide, CalledRun, DecisionBody, right=DECIDE),
    Operation("POST", "/runs/{id}/cancel", cancel, CalledRun, NoBody, right=STOP_RUNS),
)


def routes(calls: Calls) -> list[Route]:
    """The operations as routes, with their description and a sign of life."""

    async def health(request: Request) -> Response:
        del request
        return answered(Health(), 200)

    async def openapi(request: Request) -> Response:
        await calls.person(request.scope["caller"], SEE_WORKFLOWS)
        known = await asyncio.to_thread(calls.tools, request.scope["caller"])
        return Response(json.dumps(description(known)), media_type="application/json")

    found = [Route(each.path, endpoint(each, calls), methods=[each.method]) for each in OPERATIONS]
    return [*found, Route("/health", health), Route("/openapi.json", openapi)]


def endpoint(operation: Operation, calls: Calls) -> Callable[[Request], Awaitable[Response]]:
    """What answers an operation's requests."""

    async def answer(request: Request) -> Response:
        caller: CallerToken = request.scope["caller"]
        await calls.person(caller, operation.right)
        query = query_of(request, operation)
        body = await body_of(request, operation)
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(calls, caller, dict(request.path_params), query, headers, body)
        done, status = await loop_thread().wrap(limited(operation, asked))
        return answered(done, status)

    return answer


async def limited(operation: Operation, asked: Asked) -> Done:
    """The answer, within a limit."""
    async with asyncio.timeout(ANSWER_SECONDS):
        return await operation.call(asked)


def answered(done: Wire, status: int) -> Response:
    """An answer as JSON."""
    return Response(wire_text(done), status, {"Cache-Control": "no-store"}, media_type="application/json")


def query_of(request: Request, operation: Operation) -> dict[str, str]:
    """The parameters after the path.

    Raises:
        BadRequest: One is unknown, or given twice.
    """
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in operation.query or name in given:
            raise BadRequest(f"the parameter {one_line(name, 40)!r} is unknown here, or given more than once")
        given[name] = value
    return given


async def body_of(request: Request, operation: Operation) -> Any:
    """What was sent, checked.

    Raises:
        BadRequest: It is no JSON.
        ValidationError: It is something else than is wanted.
    """
    if operation.body is None:
        return None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().casefold()
    content = await request.body()
    if content and kind != "application/json":
        raise BadRequest("send the body as Content-Type: application/json")
    try:
        read = json.loads(content or b"{}", parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        raise BadRequest("the body of the request is no JSON") from None
    return operation.body.model_validate(read)


def description(known: list[Published]) -> dict[str, Any]:
    """The operations as OpenAPI 3.1; each workflow that the caller may call is a path of its own."""
    asked = [operation.body for operation in OPERATIONS if operation.body]
    answers = [operation.answer for operation in OPERATIONS]
    modes: list[Any] = [(model, "validation") for model in dict.fromkeys(asked)]
    modes += [(model, "serialization") for model in dict.fromkeys([*answers, ErrorAnswer, Health])]
    references, definitions = models_json_schema(modes, ref_template=REFERENCE)
    schemas: dict[Any, Any] = dict(references)
    components: dict[str, Any] = definitions["$defs"]
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        if operation is not START:
            paths[operation.path] = {operation.method.lower(): described(operation, schemas)}
    for each in known:
        operation = described(START, schemas, tool=each, components=components)
        paths[START.path.replace("{name}", each.tool)] = {"post": operation}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Published workflows", "version": __version__},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def described(
    operation: Operation,
    schemas: dict[Any, Any],
    *,
    tool: Published | None = None,
    components: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """One operation; the start of a workflow with the schema of its arguments."""
    content = {"application/json": {"schema": schemas[operation.answer, "serialization"]}}
    failed = {"application/json": {"schema": schemas[ErrorAnswer, "serialization"]}}
    summary = (operation.call.__doc__ or "").strip().splitlines()[0]
    found: dict[str, Any] = {
        "operationId": operation.call.__name__ + (f"_{tool.tool}" if tool else ""),
        "summary": summary,
        "description": tool.description if tool else summary,
        "parameters": parameters(operation, with_path=tool is None),
        "responses": {
            **{str(status): {"description": phrase(status), "content": content} for status in operation.status},
            "default": {"description": "It was not done; says why.", "content": failed},
        },
    }
    if operation.body is not None:
        schema = schemas[operation.body, "validation"]
        if tool is not None and components is not None and tool.parameters_schema:
            arguments = {**moved(tool.parameters_schema, tool.tool, components), "additionalProperties": False}
            needed = ["arguments"] if tool.parameters_schema.get("required") else []
            properties = {"arguments": arguments}
            schema = {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return found


def parameters(operation: Operation, *, with_path: bool) -> list[dict[str, Any]]:
    """The parameters in the path, after it and in the headers."""
    names = re.findall(r"\{(\w+)\}", operation.path) if with_path else []
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for name in names
    ]
    for name in operation.query:
        schema = {"type": "number", "minimum": 0, "maximum": MAX_WAIT_SECONDS, "default": 0}
        found.append({"name": name, "in": "query", "schema": schema, "description": "Seconds to wait for a change"})
    if operation is START:
        schema = {"type": "string", "pattern": f"^{KEY.pattern}$"}
        found.append({"name": "Idempotency-Key", "in": "header", "schema": schema})
    return found


def moved(schema: dict[str, Any], tool: str, components: dict[str, Any]) -> dict[str, Any]:
    """A workflow's schema with its definitions among the document's components, under names of its own."""
    names: dict[str, str] = {}
    for number, name in enumerate(schema.get("$defs", {})):
        names[f"#/$defs/{name}"] = f"{tool}.{number}.{UNSAFE.sub('_', name)}"

    def renamed(part: Any) -> Any:
        if isinstance(part, dict):
            pairs = cast("dict[str, Any]", part).items()
            return {key: target(value) if key == "$ref" else renamed(value) for key, value in pairs if key != "$defs"}
        return [renamed(item) for item in cast("list[Any]", part)] if isinstance(part, list) else part

    def target(reference: Any) -> Any:
        return REFERENCE.format(model=names[reference]) if reference in names else reference

    for name, definition in schema.get("$defs", {}).items():
        components[names[f"#/$defs/{name}"]] = renamed(definition)
    return renamed(schema)
