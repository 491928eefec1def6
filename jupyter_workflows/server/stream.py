"""`GET stream`: one WebSocket for all that a page shows.

The page sends the messages that `live.messages` calls `Asked`, as text frames; it is told `Told`, see `frames`. Each
message is authorised by itself, each time: a right that is taken away ends what it let through within half a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any, ClassVar, cast

from jupyter_server.auth.decorator import authorized, ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from ..connection import loop_thread
from ..errors import JupyterWorkflowsError
from ..live.messages import Answer, Asked, Follow, read_asked
from ..runs.untrusted import one_line
from ..security.rights import STREAM
from .audit import Audit
from .frames import Frame
from .hub import Hub
from .outlet import Outlet
from .page import Page, Request
from .refusals import TellsRefusals, tell_refusal, words_of
from .rights import in_role, refusal, right_to, viewer_here

MAX_FRAME_BYTES = 1_000_000
# What a page with hundreds of views asks when it is loaded, and what it goes on asking.
BURST = 1_000
PER_SECOND = 100.0
MAX_PAGES = 200
VIEWER_SECONDS = 10.0
# https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
UNSUPPORTED, POLICY, TRY_AGAIN = 1003, 1008, 1013


class Allowance:
    """How much a page may ask: a burst, and so many a second."""

    def __init__(self, burst: int = BURST, per_second: float = PER_SECOND) -> None:
        self.burst = burst
        self.per_second = per_second
        self.left = float(burst)
        self.at = time.monotonic()

    def take(self) -> bool:
        """Whether one more is allowed."""
        now = time.monotonic()
        self.left = min(float(self.burst), self.left + (now - self.at) * self.per_second)
        self.at = now
        self.left -= 1
        return self.left >= 0


class StreamHandler(TellsRefusals, WebSocketMixin, WebSocketHandler, JupyterHandler):  # pyright: ignore[reportIncompatibleMethodOverride, reportUnsafeMultipleInheritance]
    """The stream of one page."""

    pages: ClassVar[int] = 0

    @property
    def max_message_size(self) -> int:
        """A longer frame ends the connection."""
        return MAX_FRAME_BYTES

    def get_compression_options(self) -> dict[str, Any] | None:
        """As the server's other WebSockets."""
        return self.settings.get("websocket_compression_options", None)

    @property
    def hub(self) -> Hub:
        """All that pages look at."""
        return self.settings["jupyter_workflows"].hub

    @ws_authenticated
    @authorized(*STREAM)  # pyright: ignore[reportUntypedFunctionDecorator]
    @in_role(STREAM, by_page=True)
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Opens the stream."""
        self.viewer = await viewer_here(self)
        self.viewer_at = time.monotonic()
        await cast("Any", super().get(*args, **kwargs))

    def open(self, *args: str, **kwargs: str) -> None:
        """The page is there."""
        super().open(*args, **kwargs)  # pyright: ignore[reportUnknownMemberType]
        self.allowance = Allowance()
        self.sending: asyncio.Task[None] | None = None
        self.page: Page | None = None
        if StreamHandler.pages >= MAX_PAGES:
            self.close(TRY_AGAIN, f"{MAX_PAGES} pages are connected")
            return
        StreamHandler.pages += 1
        self.ours = loop_thread()
        outlet = Outlet(self.pass_on, self.refresh, self.cut_off)
        self.audit = Audit(self.event_logger, self.log)
        self.page = Page(self.hub, self.viewer, outlet, self.record, self.tell_refused)
        self.sending = asyncio.ensure_future(outlet.deliver(self.ours.loop))

    async def pass_on(self, frame: Frame) -> None:
        """Sends a frame; returns when it has left this process."""
        try:
            await self.write_message(frame, binary=isinstance(frame, bytes))
        except WebSocketClosedError:
            # `on_close` follows.
            await asyncio.Event().wait()

    def refresh(self, topic: str) -> None:
        """There is room again for a topic that the page fell behind on."""
        if self.page is not None:
            self.hub.refresh(self.page, topic)

    def cut_off(self) -> None:
        """The page takes nothing any more."""
        self.log.warning("jupyter-workflows: a page does not read what it asked for; its stream is closed")
        self.close(TRY_AGAIN, "this page does not read what it asked for")

    def record(self, asked: Request, answer: Answer) -> None:
        """Has what a page did put on record, on the server's own loop."""
        if self.page is not None:
            self.page.outlet.connection.call_soon_threadsafe(self.audit.request, asked, answer, self.viewer.person.name)

    def tell_refused(self, asked: Asked, reason: str) -> None:
        """Puts on record that the page's user may not do what the page asked; from any thread."""
        tell_refusal(self, reason, words_of(asked))

    def on_message(self, message: str | bytes) -> None:
        """The page asks."""
        if self.page is None:
            return
        if not isinstance(message, str):
            self.close(UNSUPPORTED, "a page sends text frames")
            return
        if not self.allowance.take():
            if self.allowance.left < -BURST:
                self.close(POLICY, "this page asks too much")
            else:
                self.refuse(message, "this page asks too much: wait a moment")
            return
        try:
            asked = read_asked(message)
        except ValueError as error:
            self.refuse(message, f"this is no message of a view: {one_line(error, 300)}")
            return
        asyncio.ensure_future(self.take(asked))  # noqa: RUF006 - ends by itself

    async def take(self, asked: Asked) -> None:
        """Does what the page asks, where its user may."""
        page = self.page
        if page is None:
            return
        await self.renew(page)
        try:
            right = right_to(asked)
        except JupyterWorkflowsError as error:
            if not isinstance(asked, Follow):
                self.ours.submit(page.refused(asked, str(error)))
                return
        else:
            if reason := await refusal(self, right):
                self.tell_refused(asked, reason)
                self.ours.submit(page.refused(asked, reason))
                return
        self.ours.submit(page.receive(asked))

    async def renew(self, page: Page) -> None:
        """Asks again, from time to time, which groups and rights the page's user has: it hides what they may not do."""
        if time.monotonic() - self.viewer_at > VIEWER_SECONDS:
            self.viewer_at = time.monotonic()
            with contextlib.suppress(JupyterWorkflowsError):
                page.viewer = self.viewer = await viewer_here(self)

    def refuse(self, message: str, reason: str) -> None:
        """Answers a request that can't be taken, where it has a number."""
        try:
            number = json.loads(message).get("request")
        except (ValueError, AttributeError, RecursionError):
            number = None
        if self.page is not None and isinstance(number, int):
            self.ours.submit(self.page.refused(number, reason))
        else:
            self.log.debug("jupyter-workflows: dropped a message of a page: %s", reason)

    def on_close(self) -> None:
        """The page has gone."""
        page, self.page = self.page, None
        if self.sending is not None:
            self.sending.cancel()
        if page is not None:
            StreamHandler.pages -= 1
            self.ours.submit(page.leave())
        super().on_close()
