"""All that pages look at: each run and each list is followed once, however many pages and views show it.

Everything here runs on the loop thread. A page looks at a topic while it asks for it: one that has not asked for half a
minute is told nothing more until it asks again, and a topic that nobody looks at is given up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import JupyterWorkflowsError
from ..live.dashboards import DashboardTopic
from ..live.feed import Telling
from ..live.messages import (
    ConnectionState,
    Follow,
    InboxState,
    RunChange,
    RunSnapshot,
    Told,
    Trouble,
    WorkflowState,
    wire_text,
)
from ..live.topics import LEASE_SECONDS, InboxTopic, RunsTopic, RunTopic, Topic, WorkflowTopic
from ..local.paths import Home
from ..runs.access import RunAccess
from ..runs.budgets import BudgetWatch
from ..security.rights import Right
from ..security.workspaces import Person, WorkspacesFile
from .backend import Backend
from .frames import Frame, encode_frame
from .status import StatusTopic
from .tickets import Tickets
from .topic_names import DashboardName, PlainName, RunName, RunsName, TopicName, WorkflowName, read_topic
from .workflows import card_of

if TYPE_CHECKING:
    from .page import Page

SWEEP_SECONDS = 10.0
# A page that is loaded again finds what it looked at still there.
LINGER_SECONDS = 20.0
MAX_FOLLOWED = 400
INBOX_LIMIT = 500


class NotConnected(JupyterWorkflowsError):
    """There is no connection yet."""


class Viewer(NamedTuple):
    """Whose page it is: who decides there, and what they may; None for everything."""

    person: Person
    rights: frozenset[Right] | None = None

    @property
    def may(self) -> list[str] | None:
        """The rights as a page is told them."""
        return None if self.rights is None else sorted(right.brief for right in self.rights)


def addressed(message: Told, viewer: Viewer) -> Told:
    """The message as one person gets it: it says who decides here, and what they may."""
    about = {"reviewer": viewer.person.name, "groups": sorted(viewer.person.groups), "may": viewer.may}
    if isinstance(message, (RunSnapshot, RunChange)):
        return message.model_copy(update={"head": message.head and message.head.model_copy(update=about)})
    if isinstance(message, (InboxState, ConnectionState)):
        return message.model_copy(update=about)
    if isinstance(message, WorkflowState):
        return message.model_copy(update={"may": viewer.may})
    return message


def framed(telling: Telling, viewer: Viewer) -> Frame:
    """The frame of a message for one person."""
    return encode_frame(wire_text(addressed(telling.message, viewer)), telling.buffers)


class Hub:
    """The topics of a Jupyter server and who looks at them.

    Args:
        home: Where the embedded runtime keeps its files.
        may_start: Whether the embedded runtime may be started from here.
        list_seconds: How often lists are looked up while somebody looks.
        status_seconds: How often the worker hosts are.
        workspaces: What says which workspaces there are.
    """

    def __init__(
        self,
        home: Home,
        *,
        may_start: bool,
        list_seconds: float,
        status_seconds: float,
        workspaces: WorkspacesFile | None = None,
    ) -> None:
        self.home = home
        self.budgets = BudgetWatch()
        self.list_seconds = list_seconds
        self.status_seconds = status_seconds
        self.topics: dict[str, Topic] = {}
        self.lookers: dict[str, dict[Page, float]] = {}
        self.idle_since: dict[str, float] = {}
        self.tickets = Tickets()
        # The directory whose files people reach through this server; None where it keeps them elsewhere.
        self.root: Path | None = None
        self.backend = Backend(
            home, may_start=may_start, changed=self.look_again, moved=self.moved, workspaces=workspaces
        )
        self.sweeping: asyncio.Task[None] | None = None

    # Topics ----------------------------------------------------------------------------------------------------------

    def topic(self, name: str) -> Topic:
        """The topic of this name; it does not work yet where it is new.

        Raises:
            JupyterWorkflowsError: There is no such topic, or nothing to reach it with.
        """
        found = self.topics.get(name)
        if found is None:
            found = self.topics[name] = self.made(name, read_topic(name))
            self.idle_since[name] = time.monotonic()
            self.sweep()
        return found

    def made(self, name: str, meant: TopicName) -> Topic:
        """A new topic.

        Raises:
            JupyterWorkflowsError: There is nothing to reach it with, or no such workflow.
        """
        # A topic that was given up and comes back goes on with higher numbers: no page takes old for new.
        began = int(time.time() * 1000)
        if isinstance(meant, PlainName) and meant.name == "status":
            return StatusTopic(self.backend, self.budgets, self.tell, began=began, poll_seconds=self.status_seconds)
        if isinstance(meant, WorkflowName):
            card = card_of(self.home.bundles, meant.name, meant.digest)
            return WorkflowTopic(self.tell, card.model_copy(update={"topic": name, "number": began}))
        access = self.access
        if isinstance(meant, RunName):
            return RunTopic(access, meant.workflow_id, meant.run_id, self.tell, began=began)
        if isinstance(meant, DashboardName):
            return DashboardTopic(access, self.tell, name, began=began)
        polled: dict[str, float] = {"began": began, "poll_seconds": self.list_seconds}
        if isinstance(meant, RunsName):
            return RunsTopic(access, self.tell, wanted=meant.wanted, limit=meant.limit, topic=name, **polled)
        return InboxTopic(access, self.tell, reviewer="", assignee=None, limit=INBOX_LIMIT, **polled)

    @property
    def access(self) -> RunAccess:
        """What runs are reached with.

        Raises:
            JupyterWorkflowsError: There is no connection; says what is being done about it.
        """
        if self.backend.access is None:
            raise NotConnected(self.backend.problem or self.backend.progress or "the Temporal server is being reached")
        return self.backend.access

    def tell(self, telling: Telling) -> None:
        """Tells all that look at a topic; the frame is made once for each person."""
        topic = getattr(telling.message, "topic", None) or ""
        frames: dict[Viewer, Frame] = {}
        for page in self.present(topic):
            if (viewer := page.viewer) not in frames:
                frames[viewer] = framed(telling, viewer)
            page.outlet.offer(topic, frames[viewer])

    def present(self, topic: str) -> Iterator[Page]:
        """The pages that look at a topic."""
        now = time.monotonic()
        return iter([page for page, until in self.lookers.get(topic, {}).items() if until > now])

    def look_again(self) -> None:
        """Something was done: lists that are shown need not wait for their next look."""
        for topic in list(self.topics.values()):
            topic.look_again()

    # Pages -----------------------------------------------------------------------------------------------------------

    async def follow(self, page: Page, asked: Follow) -> None:
        """A page looks at a topic."""
        name = asked.topic
        try:
            meant = read_topic(name)
            self.look(page, name)
            topic = self.topic(name)
        except NotConnected as error:
            self.backend.begin()
            page.told(Telling(Trouble(topic=name, number=asked.have, message=str(error))))
            return
        except JupyterWorkflowsError as error:
            page.told(Telling(Trouble(topic=name, number=asked.have, message=str(error), final=True)))
            return
        if isinstance(meant, PlainName) and meant.name == "status":
            topic.look_again()
        await self.bring(page, topic, asked.have)

    async def bring(self, page: Page, topic: Topic, have: int) -> None:
        """Gives a page what it lacks of a topic."""
        if lacking := await topic.followed(have):
            page.outlet.offer(topic.topic, framed(lacking, page.viewer))

    def look(self, page: Page, name: str) -> None:
        """Notes that a page looks at a topic.

        Raises:
            JupyterWorkflowsError: It looks at too many.
        """
        if name not in page.followed and len(page.followed) >= MAX_FOLLOWED:
            self.forget_old(page)
            if len(page.followed) >= MAX_FOLLOWED:
                raise JupyterWorkflowsError(f"this page follows {MAX_FOLLOWED} topics: close some views first")
        page.followed.add(name)
        self.lookers.setdefault(name, {})[page] = time.monotonic() + LEASE_SECONDS
        self.idle_since.pop(name, None)

    def forget_old(self, page: Page) -> None:
        """Forgets the topics that a page does not ask for any more."""
        now = time.monotonic()
        for name in list(page.followed):
            if self.lookers.get(name, {}).get(page, 0.0) <= now:
                self.lookers.get(name, {}).pop(page, None)
                page.followed.discard(name)

    def refresh(self, page: Page, name: str) -> None:
        """A page has room again: gives it all of a topic that it fell behind on."""
        topic = self.topics.get(name)
        if topic is not None and page in self.lookers.get(name, {}):
            page.spawn(self.bring(page, topic, -1))

    def leave(self, page: Page) -> None:
        """A page has gone."""
        for name in page.followed:
            self.lookers.get(name, {}).pop(page, None)
        page.followed.clear()

    def moved(self, access: RunAccess | None) -> None:
        """There is a new connection, or none any more."""
        for name, topic in list(self.topics.items()):
            if not isinstance(topic, (StatusTopic, WorkflowTopic)):
                del self.topics[name]
                asyncio.ensure_future(topic.close()).add_done_callback(lambda done: done.cancelled())
        for name in list(self.lookers):
            for page in self.present(name):
                page.spawn(self.follow(page, Follow(topic=name)))
        del access

    # Time ------------------------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Has what nobody looks at any more given up."""
        if self.sweeping is None or self.sweeping.done():
            self.sweeping = asyncio.ensure_future(self.swept())

    async def swept(self) -> None:
        """Gives up what nobody looks at, as long as there is something."""
        while self.topics or self.lookers:
            await asyncio.sleep(SWEEP_SECONDS)
            now = time.monotonic()
            for name, pages in list(self.lookers.items()):
                for page in [page for page, until in pages.items() if until <= now]:
                    del pages[page]
                    page.followed.discard(name)
                if not pages:
                    del self.lookers[name]
            for name, topic in list(self.topics.items()):
                if name in self.lookers:
                    self.idle_since.pop(name, None)
                elif now - self.idle_since.setdefault(name, now) > LINGER_SECONDS:
                    del self.topics[name], self.idle_since[name]
                    await topic.close()
