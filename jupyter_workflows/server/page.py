"""One page at the stream: what it asks is answered with the rights and under the name of its user."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ..errors import JupyterWorkflowsError
from ..live.desk import Desk
from ..live.feed import Telling, run_topic
from ..live.messages import (
    Answer,
    AskAct,
    AskDecision,
    Asked,
    AskFork,
    AskResume,
    AskRollBack,
    AskStart,
    Follow,
    Request,
    Trouble,
)
from ..live.topics import Topic
from ..local.bundled import find_workflow
from ..local.starts import Wanted, start
from ..runs.access import RunAccess
from ..security.workspaces import Person
from .hub import Hub, Viewer, framed
from .identity import refuse_another
from .outlet import Outlet
from .refusals import is_refusal
from .topic_names import WorkflowName, read_topic

MAY_START = (AskDecision, AskAct, AskFork, AskResume, AskRollBack, AskStart)
Record = Callable[[Request, Answer], None]
# More than a person can want at once.
MAX_REQUESTS = 32


class Page:
    """A connected page; on the loop thread.

    Args:
        hub: All that pages look at.
        viewer: Its user, and what they may; renewed while it is open.
        outlet: What goes to it.
        record: Told of each request that was carried out.
        tell_refused: Told of each that its user may not have carried out, and why.
    """

    def __init__(
        self,
        hub: Hub,
        viewer: Viewer,
        outlet: Outlet,
        record: Record,
        tell_refused: Callable[[Asked, str], None] | None = None,
    ) -> None:
        self.hub = hub
        self.viewer = viewer
        self.outlet = outlet
        self.record = record
        self.tell_refused = tell_refused
        self.followed: set[str] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.requests = 0

    @property
    def reviewer(self) -> str:
        """The name under which its user decides."""
        return self.viewer.person.name

    def told(self, telling: Telling) -> None:
        """Sends a message that only this page gets."""
        self.outlet.send(framed(telling, self.viewer))

    def refuse(self, request: int, reason: str) -> None:
        """Answers a request that is not carried out."""
        self.told(Telling(Answer(request=request, error=reason)))

    async def refused(self, asked: Asked | int, reason: str) -> None:
        """Tells the page why what it asks is not done."""
        if isinstance(asked, Follow):
            self.told(Telling(Trouble(topic=asked.topic, number=asked.have, message=reason, final=True)))
        else:
            self.refuse(asked if isinstance(asked, int) else asked.request, reason)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Does something that ends with the page."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.done)

    def done(self, task: asyncio.Task[None]) -> None:
        """Something that the page asked for is over."""
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a page's request failed", "exception": error}
            )

    async def receive(self, asked: Asked) -> None:
        """Does what the page asks."""
        if isinstance(asked, Follow):
            self.spawn(self.hub.follow(self, asked))
        elif self.requests >= MAX_REQUESTS:
            self.refuse(asked.request, f"{MAX_REQUESTS} requests of this page are under way: wait for their answers")
        else:
            self.spawn(self.answered(asked))

    async def answered(self, asked: Request) -> None:
        """Answers a request; what was decided or started is so, whether or not the page is still there."""
        self.requests += 1
        try:
            access = await self.hub.backend.reached(start=isinstance(asked, MAY_START))
        except JupyterWorkflowsError as error:
            self.refuse(asked.request, str(error))
        else:
            await asyncio.shield(asyncio.ensure_future(PageDesk(access, self).receive(asked)))
        finally:
            self.requests -= 1

    async def leave(self) -> None:
        """The page has gone."""
        self.outlet.closed = True
        self.hub.leave(self)
        for task in self.tasks:
            task.cancel()


class PageDesk(Desk):
    """Answers the requests of a page: topics are the hub's, and the reviewer is the page's user."""

    def __init__(self, access: RunAccess, page: Page) -> None:
        super().__init__(access, page.told)
        self.page = page

    def find(self, topic: str) -> Topic | None:
        """What is known under a name; every topic is.

        Raises:
            JupyterWorkflowsError: There is no such topic.
        """
        return self.page.hub.topic(topic)

    def add_run(self, workflow_id: str, run_id: str) -> str:
        """The topic of a run."""
        return run_topic(workflow_id, run_id)

    def reviewer(self, asked: AskDecision | AskAct) -> Person:
        """The page's user.

        Raises:
            ApprovalRefused: The page names somebody else.
        """
        refuse_another(asked.reviewer, self.page.reviewer)
        return self.page.viewer.person

    @property
    def user(self) -> str:
        """The page's user."""
        return self.page.reviewer

    async def started(self, asked: AskStart) -> Answer:
        """Starts the workflow of a topic.

        Raises:
            JupyterWorkflowsError: It can't be started; says why.
        """
        hub, meant = self.page.hub, read_topic(asked.topic)
        if not isinstance(meant, WorkflowName):
            raise JupyterWorkflowsError(f"{asked.topic} is no workflow: start `workflow:<digest>/<name>`")
        found = await asyncio.to_thread(find_workflow, hub.home.bundles, meant.name, meant.digest)
        wanted = Wanted(found=found, arguments=asked.arguments, starter=self.page.reviewer)
        run = await start(self.access, hub.home, hub.backend.settings, wanted)
        self.look_again()
        return Answer(request=asked.request, topic=run_topic(run.id, run.reader.run_id))

    async def answer(self, asked: Request) -> Answer:
        """The answer to a request, which is on record where it changed something."""
        try:
            answer = await super().answer(asked)
        except JupyterWorkflowsError as error:
            if is_refusal(error) and self.page.tell_refused:
                self.page.tell_refused(asked, str(error))
            raise
        self.page.record(asked, answer)
        return answer

    def look_again(self) -> None:
        """Something was done: lists that are shown look at once."""
        self.page.hub.look_again()
