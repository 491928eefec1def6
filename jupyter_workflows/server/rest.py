"""Operations as handlers of the Jupyter server: authenticated, authorised, bounded, with one shape of error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any, cast, get_origin
from urllib.parse import parse_qsl, unquote

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from ..connection import loop_thread
from ..live.messages import wire_text
from ..live.problems import answer_of, status_of
from ..schema import Wire
from ..security.rights import SEE_STATUS
from ..telemetry.requests import request_span
from .audit import Audit
from .hub import Hub
from .identity import person_here
from .openapi import description
from .operations import Call, Operation
from .refusals import TellsRefusals, is_refusal
from .rights import in_role
from .topic_names import UnknownTopic

MAX_BODY_BYTES = 1_000_000
ANSWER_SECONDS = 120.0
# Jupyter's own: the token, the XSRF token, and the time by which its front end evades caches.
NOT_OURS = ("token", "_xsrf", "no_track_activity")


@web.stream_request_body
class RestHandler(TellsRefusals, APIHandler):
    """What all our handlers share.

    The body is taken piece by piece, so that it is bounded, and not read at all where the request is refused.
    """

    def initialize(self, **_: Any) -> None:
        """Nothing has come yet."""
        self.body = bytearray()

    async def prepare(self) -> None:
        """Refuses what is too large before it is read."""
        length = self.request.headers.get("Content-Length", "0")
        if length.isdigit() and int(length) > MAX_BODY_BYTES:
            raise web.HTTPError(413, f"a request is at most {MAX_BODY_BYTES} bytes")
        cast("Any", self.request.connection).set_max_body_size(MAX_BODY_BYTES)
        await super().prepare()

    def data_received(self, chunk: bytes) -> None:
        """A piece of the body."""
        self.body.extend(chunk)

    @property
    def hub(self) -> Hub:
        """What reaches runs."""
        return self.settings["jupyter_workflows"].hub

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """An error in our shape."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if not isinstance(error, web.HTTPError):
            status_code = status_of(error)
            self.set_status(status_code)
        self.set_header("Cache-Control", "no-store")
        self.finish(wire_text(answer_of(error, status_code)))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Who was refused what, and what nobody foresaw, are matters for the log."""
        if status_of(value) == 500 or is_refusal(value):
            super().log_exception(typ, value, tb)

    def given(self, operation: Operation) -> Wire:
        """The parameters after the path.

        Raises:
            UnknownTopic: One is unknown, or given twice.
            ValidationError: One has a value that makes no sense.
        """
        model = operation.query
        given: dict[str, Any] = {}
        for name, value in parse_qsl(self.request.query, keep_blank_values=True, max_num_fields=50):
            if name in NOT_OURS or name.isdigit():
                continue
            field = model.model_fields.get(name)
            if field is not None and get_origin(field.annotation) is list:
                given.setdefault(name, []).append(value)
            elif name in given:
                raise UnknownTopic(f"the parameter {name[:40]} is given more than once")
            else:
                given[name] = value
        return model.model_validate(given)

    def sent(self, operation: Operation) -> Wire | None:
        """What was sent.

        Raises:
            UnknownTopic: It is no JSON.
            ValidationError: It is something else than is wanted.
        """
        if operation.body is None:
            return None
        try:
            content = json.loads(bytes(self.body) or b"{}")
        except (ValueError, RecursionError):
            raise UnknownTopic("the body of the request is no JSON") from None
        return operation.body.model_validate(content)

    async def carried_out(self, operation: Operation, path: dict[str, str]) -> None:
        """Does what is asked, and answers."""
        record = Audit(self.event_logger, self.log)
        done: list[Callable[[Audit], None]] = []
        call = Call(
            self.hub,
            self.current_user,
            person_here(self),
            path,
            self.given(operation),
            self.sent(operation),
            done.append,
        )
        with request_span(operation.method, f"/jupyter-workflows/{operation.path}", dict(self.request.headers)):
            answer = await loop_thread().wrap(bounded(operation, call))
        for event in done:
            event(record)
        self.set_status(operation.status)
        self.set_header("Cache-Control", "no-store")
        await self.finish(wire_text(answer))


async def bounded(operation: Operation, call: Call) -> Wire:
    """The answer, within a limit."""
    async with asyncio.timeout(ANSWER_SECONDS):
        return await operation.call(call)


def endpoint(operation: Operation) -> Callable[..., Any]:
    """The method of a handler that carries out an operation."""

    async def method(self: RestHandler, **path: str) -> None:
        await self.carried_out(operation, path)

    method.__doc__ = operation.call.__doc__
    return web.authenticated(cast("Any", authorized(*operation.right))(in_role(operation.right)(method)))


def handler_of(operations: Iterable[Operation]) -> type[RestHandler]:
    """The handler of the operations of one path."""
    methods = {operation.method.lower(): endpoint(operation) for operation in operations}
    return cast("type[RestHandler]", type("OperationHandler", (RestHandler,), methods))


class OpenApiHandler(RestHandler):
    """The description of all operations."""

    @web.authenticated
    @authorized(*SEE_STATUS)  # pyright: ignore[reportUntypedFunctionDecorator]
    @in_role(SEE_STATUS)
    async def get(self) -> None:
        """OpenAPI 3.1."""
        await self.finish(json.dumps(description()))


class NowhereHandler(RestHandler):
    """Says in our shape that there is no such route."""

    @web.authenticated
    @authorized(*SEE_STATUS)  # pyright: ignore[reportUntypedFunctionDecorator]
    @in_role(SEE_STATUS)
    async def get(self, path: str) -> None:
        """Always refuses."""
        raise web.HTTPError(404, f"there is nothing at {unquote(path)[:200]}: api/openapi.json lists what there is")

    @web.authenticated
    @authorized(*SEE_STATUS)  # pyright: ignore[reportUntypedFunctionDecorator]
    @in_role(SEE_STATUS)
    async def post(self, path: str) -> None:
        """Always refuses."""
        raise web.HTTPError(404, f"there is nothing at {unquote(path)[:200]}: api/openapi.json lists what there is")
