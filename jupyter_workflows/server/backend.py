"""The Temporal server behind this Jupyter server: found, started where it is the embedded one, and watched.

Everything here runs on the loop thread; what blocks runs in a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Literal

from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import Client
from temporalio.service import RPCError

from ..connection import Settings, loop_thread
from ..connection import connect as open_connection
from ..errors import ConnectionFailed, JupyterWorkflowsError, RuntimeFailed
from ..local import runtime as local_runtime
from ..local.paths import Home
from ..local.runtime import Runtime
from ..local.server import NAMESPACE
from ..runs.access import RunAccess
from ..security.workspaces import WorkspacesFile

State = Literal["stopped", "starting", "connected", "lost", "failed"]
WATCH_SECONDS = 1.0
# A start that failed is not tried again at once, whoever asks.
FAILED_SECONDS = 5.0
ENDED = "the embedded runtime was ended: start it in the status bar, by `%workflow up`, or by a run"
NOT_HERE = (
    "the embedded runtime is not up, and this server does not start it (WorkflowsServer.allow_start): "
    "run `jupyter workflows up`"
)


class Backend:
    """The connection of this Jupyter server.

    Args:
        home: Where the embedded runtime keeps its files.
        may_start: Whether the embedded runtime may be started from here.
        changed: Called when anything here has changed.
        moved: Called with what runs are reached with, each time that is new; with None when it is gone.
        workspaces: What says which workspaces there are; the home's file by default.
    """

    def __init__(
        self,
        home: Home,
        *,
        may_start: bool,
        changed: Callable[[], None],
        moved: Callable[[RunAccess | None], None],
        workspaces: WorkspacesFile | None = None,
    ) -> None:
        self.home = home
        self.workspaces = workspaces
        self.may_start = may_start
        self.changed = changed
        self.moved = moved
        self.state: State = "stopped"
        self.progress = ""
        self.problem = ""
        self.server_version: str | None = None
        self.access: RunAccess | None = None
        self.runtime: Runtime | None = None
        self.settings: Settings | None = None
        self.ended_on_purpose = False
        self._connecting: asyncio.Task[RunAccess] | None = None
        self._failed_at = 0.0
        self._watching: asyncio.Task[None] | None = None
        self._listened: Runtime | None = None

    @property
    def embedded(self) -> bool:
        """Whether the embedded server is meant; a configured one wins."""
        return self.settings is None

    @property
    def namespace(self) -> str:
        """Temporal's namespace, whether or not there is a connection.

        Raises:
            ConnectionFailed: The settings of the environment make no sense.
        """
        settings = self.settings or Settings.from_environment()
        return settings.namespace if settings else NAMESPACE

    async def reached(self, *, start: bool = False) -> RunAccess:
        """What runs are reached with, as soon as there is a connection.

        Args:
            start: Whether somebody wants it to be up, also after it was ended on purpose.

        Raises:
            JupyterWorkflowsError: There is none; says why and what to do.
        """
        return self.access or await asyncio.shield(self.begin(start=start))

    def begin(self, *, start: bool = False) -> asyncio.Task[RunAccess]:
        """Begins to connect where that has not begun."""
        task = self._connecting
        recently = time.monotonic() - self._failed_at < FAILED_SECONDS
        if task is None or (task.done() and not (recently and not start and self.access is None)):
            if start:
                self.ended_on_purpose = False
            task = self._connecting = asyncio.ensure_future(self.connect())
            # Whoever asked may have left; the state tells the rest.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def connect(self) -> RunAccess:
        """Connects, and starts the embedded runtime where it is needed.

        Raises:
            JupyterWorkflowsError: That is impossible; says why and what to do.
        """
        self.tell("starting")
        try:
            self.settings = Settings.from_environment()
            settings = self.settings or await self.embedded_settings()
            client = await open_connection(settings, home=self.home, plugins=())
            self.server_version = await version_of(client)
        except JupyterWorkflowsError as error:
            self._failed_at = time.monotonic()
            self.tell("stopped" if self.ended_on_purpose else "failed", problem=str(error))
            raise
        self.access = RunAccess.of(client, self.home, workspaces=self.workspaces)
        self.tell("connected")
        self.moved(self.access)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.ensure_future(self.watch())
        return self.access

    async def embedded_settings(self) -> Settings:
        """The settings of the embedded server, which is started where it is not up.

        Raises:
            RuntimeFailed: It may not or can't be started.
        """
        if self.ended_on_purpose or not self.may_start:
            status = await asyncio.to_thread(local_runtime.status, self.home)
            if status.state == "stopped":
                raise RuntimeFailed(ENDED if self.ended_on_purpose else NOT_HERE)
        ours = asyncio.get_running_loop()

        def progress(sentence: str) -> None:
            ours.call_soon_threadsafe(self.say, sentence)

        runtime = await asyncio.to_thread(local_runtime.ensure, self.home, progress=progress)
        self.runtime, self.ended_on_purpose = runtime, False
        if self._listened is not runtime:
            self._listened = runtime
            runtime.on_address(lambda _: loop_thread().submit(self.reconnect()) and None)
        return Settings(address=runtime.address, namespace=runtime.namespace)

    def say(self, sentence: str) -> None:
        """What a start is doing."""
        self.progress = sentence
        self.changed()

    def tell(self, state: State, *, problem: str = "") -> None:
        """Takes a state, and says so."""
        self.state, self.progress, self.problem = state, "", problem
        self.changed()

    async def reconnect(self) -> None:
        """The embedded server has moved to another address."""
        with contextlib.suppress(JupyterWorkflowsError):
            await self.connect()

    async def watch(self) -> None:
        """Sees the connection break, come back, and end."""
        while self.access is not None:
            await asyncio.sleep(WATCH_SECONDS)
            if self.embedded and self.runtime is not None and self.runtime.is_down:
                self.ended_on_purpose = True
                self.leave()
                return
            lost = not await self.answers()
            if lost and self.state == "connected":
                self.tell("lost", problem="the Temporal server does not answer; runs go on as soon as it is back")
            elif not lost and self.state == "lost":
                self.tell("connected")

    async def answers(self) -> bool:
        """Whether the server is there."""
        if self.embedded and self.runtime is not None and not self.runtime.is_connected:
            return False
        if self.access is None:
            return False
        try:
            async with asyncio.timeout(3 * WATCH_SECONDS):
                await version_of(self.access.client)
        except (ConnectionFailed, TimeoutError):
            return False
        return True

    def leave(self) -> None:
        """The runtime has ended, and is not started again until somebody wants it."""
        self.access = None
        self._connecting = None
        self.tell("stopped")
        self.moved(None)


async def version_of(client: Client) -> str:
    """The version of a Temporal server.

    Raises:
        ConnectionFailed: It does not answer.
    """
    try:
        answer = await client.workflow_service.get_system_info(GetSystemInfoRequest(), retry=False)
    except RPCError as error:
        raise ConnectionFailed(f"the Temporal server does not answer: {error.message}") from None
    return answer.server_version
