"""Temporal's codec protocol: its Web UI and its command show plain values to whoever may see them.

Neither can sign in here: the Web UI is a page of another origin, the command has no cookie. So somebody who may see
values asks for a ticket, which stands in the endpoint's path and is good for some hours or until this server ends.
Each use is authorised anew as that person and is a line in the log. Pages get answers only where they come from the
Web UI that `JUPYTER_WORKFLOWS_UI_ADDRESS` names.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, cast
from urllib.parse import urlsplit

from google.protobuf import json_format
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import DataConverter
from tornado import web

from ..connection import loop_thread
from ..errors import EncryptionFailed
from ..runs.access import UI_ADDRESS
from ..security.rights import SEE_VALUES
from .hub import Hub
from .refusals import TellsRefusals
from .rights import refusal
from .tickets import Ticket

MAX_BODY_BYTES = 20_000_000
TWINS = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}


def allowed_origins() -> set[str]:
    """The origins of the Web UI, by both names of this machine."""
    address = urlsplit(os.environ.get(UI_ADDRESS, ""))
    if not address.scheme or not address.hostname:
        return set()
    port = f":{address.port}" if address.port else ""
    hosts = {address.hostname, TWINS.get(address.hostname, address.hostname)}
    return {f"{address.scheme}://{host}{port}" for host in hosts}


class CodecHandler(TellsRefusals, JupyterHandler):
    """`POST codec/TICKET/decode` and `.../encode`: payloads as proto3 JSON, there and back."""

    def check_xsrf_cookie(self) -> None:
        """No cookie counts here: the ticket does."""

    def check_origin(self, origin_to_satisfy_tornado: str = "") -> bool:
        """Whether the request comes from no page, or from a page of the Web UI."""
        origin = origin_to_satisfy_tornado or self.request.headers.get("Origin")
        return not origin or origin in allowed_origins()

    def set_default_headers(self) -> None:
        """Lets a page of the Web UI read the answer."""
        origin = self.request.headers.get("Origin")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Vary", "Origin")
        if origin in allowed_origins():
            self.set_header("Access-Control-Allow-Origin", str(origin))
            self.set_header("Access-Control-Allow-Methods", "POST")
            wanted = "content-type,x-namespace,authorization,authorization-extras"
            self.set_header("Access-Control-Allow-Headers", wanted)
            # A page of a wider network asks so for one that is nearer: https://wicg.github.io/private-network-access/
            if self.request.headers.get("Access-Control-Request-Private-Network") == "true":
                self.set_header("Access-Control-Allow-Private-Network", "true")

    async def prepare(self, *, _redirect_to_login: bool = True) -> None:
        """Keeps the ticket out of the server's log."""
        self.request.uri = str(self.request.uri).replace(self.path_kwargs["ticket"], "[ticket]")
        await super().prepare(_redirect_to_login=_redirect_to_login)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """A sentence: Temporal's tools show it."""
        del status_code
        error = kwargs.get("exc_info", (None, None, None))[1]
        self.answer(getattr(error, "log_message", None) or "refused")

    @allow_unauthenticated
    async def options(self, ticket: str, way: str) -> None:
        """What a page may send."""
        del ticket, way
        if not self.check_origin():
            raise web.HTTPError(403, f"set {UI_ADDRESS} to the address of the Web UI this page is of")
        self.set_status(204)
        self.answer(None)

    @allow_unauthenticated
    async def post(self, ticket: str, way: str) -> None:
        """Encodes or decodes payloads."""
        held = await self.admitted(ticket)
        if len(self.request.body) > MAX_BODY_BYTES:
            raise web.HTTPError(413, f"a request is at most {MAX_BODY_BYTES} bytes")
        try:
            sent = json_format.Parse(self.request.body, Payloads(), max_recursion_depth=20)
        except (json_format.ParseError, UnicodeDecodeError):
            raise web.HTTPError(400, "the body is no list of payloads") from None
        try:
            answer = await loop_thread().wrap(coded(self.hub, way, list(sent.payloads), self.namespace))
        except (EncryptionFailed, PermissionError) as error:
            raise web.HTTPError(403 if isinstance(error, PermissionError) else 400, str(error)) from None
        self.log.info("jupyter-workflows: %s %sd %d values in Temporal's tools", held.name, way, len(answer))
        self.set_header("Content-Type", "application/json")
        self.answer(json_format.MessageToJson(Payloads(payloads=answer)))

    def answer(self, text: str | None) -> None:
        """Sends the answer."""
        cast("Any", self).finish(text)

    @property
    def hub(self) -> Hub:
        """What reaches runs."""
        return self.settings["jupyter_workflows"].hub

    @property
    def namespace(self) -> str:
        """The namespace the values are of, as the tool says it."""
        return self.request.headers.get("X-Namespace", "")

    async def admitted(self, text: str) -> Ticket:
        """The ticket of the request, of a person who may see values still.

        Raises:
            HTTPError: There is none.
        """
        held = self.hub.tickets.find(text)
        if held is None or not self.check_origin():
            raise web.HTTPError(403, "this endpoint's ticket is over: ask for another one by POST api/codec")
        self.current_user = held.user
        if reason := await refusal(self, SEE_VALUES):
            raise web.HTTPError(403, f"{held.name} may not see values any more: {reason}")
        return held


async def coded(hub: Hub, way: str, payloads: Sequence[Payload], namespace: str) -> list[Payload]:
    """Payloads encoded or decoded, those that are stored outside of history included.

    Raises:
        EncryptionFailed: A key is missing, or a value was changed or moved.
        PermissionError: They are of another namespace.
    """
    client = (await hub.backend.reached()).client
    if namespace and namespace != client.namespace:
        raise PermissionError(f"this endpoint is for the namespace {client.namespace}, not for {namespace[:80]!r}")
    converter: DataConverter = client.data_converter
    codec = converter.payload_codec
    if codec is None:
        return list(payloads)
    return await (codec.encode(payloads) if way == "encode" else codec.decode(payloads))
