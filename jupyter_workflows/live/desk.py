"""Where the requests of one channel's views arrive and are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ..errors import JupyterWorkflowsError
from ..runs import decisions, discussion
from ..runs.access import RunAccess
from ..runs.comparing.run_comparison import read_comparison
from ..runs.forking.carrying import BRANCH, forked
from ..runs.forking.planning import ForkWish
from ..runs.handle import Run
from ..runs.listing import fetch_forks
from ..runs.reading import RunReader
from ..runs.resuming.carrying import resumed
from ..runs.resuming.display import plan_text
from ..runs.rollback import roll_back
from ..runs.untrusted import one_line
from ..security.identity import local_user
from ..security.workspaces import Person
from .comparisons import shown_comparison
from .dashboards import PREFIX, DashboardTopic
from .feed import Telling
from .messages import (
    Answer,
    AskAct,
    AskCancel,
    AskCompare,
    AskDecision,
    AskDetails,
    Asked,
    AskFork,
    AskForks,
    AskOpen,
    AskResume,
    AskRollBack,
    AskStart,
    Delegation,
    Follow,
    Query,
    Reply,
    Request,
    Trouble,
)
from .shown import shown_approval
from .topics import RunTopic, Tell, Topic

# Views of one channel can't open more runs than a person can look at.
MAX_TOPICS = 64
# Each filter that was tried is one.
MAX_DASHBOARDS = 8


class Desk:
    """The topics of one channel, and the answers to what its views ask; all on the loop thread.

    Args:
        access: What runs are reached with.
        tell: Sends a message to the views.
        start: Starts the workflow that is shown; may block, and runs in a thread.
    """

    def __init__(self, access: RunAccess, tell: Tell, start: Callable[[AskStart], Run[Any]] | None = None) -> None:
        self.access = access
        self.tell = tell
        self.start = start
        self.topics: dict[str, Topic] = {}

    def add(self, topic: Topic) -> str:
        """Makes something known that views may follow."""
        self.topics[topic.topic] = topic
        return topic.topic

    def add_run(self, workflow_id: str, run_id: str) -> str:
        """Makes a run known.

        Raises:
            JupyterWorkflowsError: Too many are open.
        """
        made = RunTopic(self.access, workflow_id, run_id, self.tell)
        if made.topic not in self.topics and len(self.topics) >= MAX_TOPICS:
            raise JupyterWorkflowsError(f"{MAX_TOPICS} runs are open in this view: close some first")
        return self.topics.setdefault(made.topic, made).topic

    def find(self, topic: str) -> Topic | None:
        """What is known under a name."""
        return self.topics.get(topic)

    async def receive(self, asked: Asked) -> None:
        """Answers one message of a view."""
        if isinstance(asked, Follow):
            await self.look_at(asked)
            return
        try:
            answer = await self.answer(asked)
        except JupyterWorkflowsError as error:
            answer = Answer(request=asked.request, error=str(error))
        except Exception as error:  # noqa: BLE001 - a view must learn that its request failed, whatever it was
            answer = Answer(request=asked.request, error=f"{type(error).__name__}: {one_line(error, 500)}")
        self.tell(Telling(answer))

    async def look_at(self, asked: Follow) -> None:
        """Tells a view about a topic; a dashboard is made when it is first asked for."""
        try:
            topic = self.find(asked.topic) or await self.dashboard(asked.topic)
        except JupyterWorkflowsError as error:
            self.tell(Telling(Trouble(topic=asked.topic, number=0, message=str(error), final=True)))
            return
        if topic is not None and (lacking := await topic.followed(asked.have)):
            self.tell(lacking)

    async def dashboard(self, topic: str) -> Topic | None:
        """The dashboard of a topic, of very many the oldest ends; None for what is none.

        Raises:
            JupyterWorkflowsError: Its filter makes no sense.
        """
        if not topic.startswith(PREFIX):
            return None
        made = DashboardTopic(self.access, self.tell, topic)
        others = [other for other in self.topics.values() if isinstance(other, DashboardTopic)]
        for other in others[: max(0, len(others) + 1 - MAX_DASHBOARDS)]:
            await self.topics.pop(other.topic).close()
        self.topics[topic] = made
        return made

    async def answer(self, asked: Request) -> Answer:
        """The answer to a request.

        Raises:
            JupyterWorkflowsError: It is refused; says why.
        """
        match asked:
            case AskDetails():
                return Answer(request=asked.request, details=await self.run_topic(asked.topic).details(asked.step))
            case AskDecision():
                return await self.decide(asked)
            case AskAct():
                return await self.act(asked)
            case AskCancel():
                topic = self.run_topic(asked.topic)
                await Run[Any](self.access, topic.workflow_id, topic.run_id).asked("cancel", lambda run: run.cancel())
                self.look_again()
                return Answer(request=asked.request)
            case AskCompare():
                return await self.compared(asked)
            case AskRollBack() | AskResume() | AskFork() | AskForks():
                return await self.corrected(asked)
            case AskStart():
                return await self.started(asked)
            case AskOpen():
                return Answer(request=asked.request, topic=await self.opened(asked))

    async def corrected(self, asked: AskRollBack | AskResume | AskFork | AskForks) -> Answer:
        """What is done about a run that did not do what it should, or could do it otherwise.

        Raises:
            JupyterWorkflowsError: It is refused; says why.
        """
        match asked:
            case AskRollBack():
                return await self.rolled_back(asked)
            case AskResume():
                return await self.resumed(asked)
            case AskFork():
                return await self.forked(asked)
            case AskForks():
                run = self.run_topic(asked.topic)
                return Answer(request=asked.request, runs=await fetch_forks(self.access, run.workflow_id, BRANCH))

    async def compared(self, asked: AskCompare) -> Answer:
        """Puts another run beside the one of a topic.

        Raises:
            JupyterWorkflowsError: There is no such run, or it is the same.
        """
        topic = self.run_topic(asked.topic)
        shown = RunReader(self.access, topic.workflow_id, topic.run_id)
        found = await read_comparison(shown, RunReader(self.access, asked.workflow_id, asked.run_id))
        return Answer(request=asked.request, comparison=shown_comparison(found))

    async def opened(self, asked: AskOpen) -> str:
        """The topic of a run of a list; it is read while the answer is on its way to the view.

        Raises:
            JupyterWorkflowsError: There is no such run.
        """
        run_id = asked.run_id
        if not run_id:
            run_id = (await RunReader(self.access, asked.workflow_id).run()).run_id
        name = self.add_run(asked.workflow_id, run_id)
        await self.run_topic(name).followed(-1)
        return name

    async def resumed(self, asked: AskResume) -> Answer:
        """Has a run go on with corrected code, or tells what that would do.

        Raises:
            ResumeRefused: It can't be done from there; says from where it can.
        """
        topic = self.run_topic(asked.topic)
        reader = RunReader(self.access, topic.workflow_id, topic.run_id)
        plan, run_id = await resumed(reader, asked.from_step, only_plan=asked.plan, seen=topic.run_id)
        if not run_id:
            return Answer(request=asked.request, plan=plan_text(plan))
        self.look_again()
        return Answer(request=asked.request, topic=self.add_run(topic.workflow_id, run_id))

    async def forked(self, asked: AskFork) -> Answer:
        """Runs another branch beside a run, or tells what that would do.

        Raises:
            ResumeRefused: It can't be done as wished; says why.
        """
        topic = self.run_topic(asked.topic)
        reader = RunReader(self.access, topic.workflow_id, topic.run_id)
        wish = ForkWish(from_step=asked.from_step, changes=asked.changes)
        plan, ids = await forked(reader, wish, only_plan=asked.plan, by=self.user)
        if ids is None:
            return Answer(request=asked.request, plan=plan_text(plan))
        self.look_again()
        return Answer(request=asked.request, topic=self.add_run(*ids))

    async def rolled_back(self, asked: AskRollBack) -> Answer:
        """Has a run rolled back; where another run undoes it, the answer names that.

        Raises:
            JupyterWorkflowsError: Nothing of it is left to undo.
        """
        topic = self.run_topic(asked.topic)
        reader = RunReader(self.access, topic.workflow_id, topic.run_id)
        found, run_id = await roll_back(reader, by=self.user, reason=asked.reason)
        self.look_again()
        elsewhere = found != topic.workflow_id
        if elsewhere:
            topic.look_for_undo()
        return Answer(request=asked.request, topic=self.add_run(found, run_id) if elsewhere else None)

    @property
    def user(self) -> str:
        """Whose view this is."""
        return local_user()

    def run_topic(self, topic: str) -> RunTopic:
        """The run under a topic.

        Raises:
            JupyterWorkflowsError: There is none.
        """
        found = self.find(topic)
        if not isinstance(found, RunTopic):
            raise JupyterWorkflowsError(f"nothing is shown under {one_line(topic)!r}")
        return found

    async def decide(self, asked: AskDecision) -> Answer:
        """Sends a reviewer's decision; what the reviewer was shown goes with it.

        Raises:
            JupyterWorkflowsError: The decision does not count; says why.
        """
        decided = await decisions.decide(
            self.reader_for(asked),
            asked.approval,
            asked.verdict,
            reviewer=self.reviewer(asked),
            comment=asked.comment,
            form=asked.form,
            value=asked.value if asked.edited else None,
            edited=asked.edited,
            content_hash=asked.content_hash,
        )
        self.look_again()
        return Answer(request=asked.request, approval=shown_approval(decided))

    async def act(self, asked: AskAct) -> Answer:
        """Sends what a person does about an approval without deciding it.

        Raises:
            JupyterWorkflowsError: It does not count; says why.
        """
        reader, wanted = self.reader_for(asked), asked.approval
        who = discussion.Who(self.reviewer(asked), asked.content_hash)
        match asked.act:
            case Delegation(to=to, comment=comment):
                done = await discussion.delegate(reader, wanted, to, comment=comment, who=who)
            case Query(text=text):
                done = await discussion.ask(reader, wanted, text, who=who)
            case Reply(text=text, question=question):
                done = await discussion.answer(reader, wanted, text, question=question, who=who)
        self.look_again()
        return Answer(request=asked.request, approval=shown_approval(done))

    def reader_for(self, asked: AskDecision | AskAct) -> RunReader:
        """The reader of the run that an approval is of.

        Raises:
            JupyterWorkflowsError: The topic is none of a run.
        """
        topic = self.find(asked.topic)
        workflow_id = topic.workflow_id if isinstance(topic, RunTopic) else asked.workflow_id
        if topic is None or workflow_id is None:
            raise JupyterWorkflowsError(f"nothing is shown under {one_line(asked.topic)!r}")
        return RunReader(self.access, workflow_id, asked.run_id or "")

    def reviewer(self, asked: AskDecision | AskAct) -> str | Person | None:
        """Who acts: a kernel takes the view's word for it, for whoever uses the kernel is its user."""
        return asked.reviewer

    def look_again(self) -> None:
        """Something was done: lists that are shown need not wait for their next look."""
        for topic in self.topics.values():
            topic.look_again()

    async def started(self, asked: AskStart) -> Answer:
        """Starts the workflow that is shown.

        Raises:
            JupyterWorkflowsError: It can't be started; says why.
        """
        if self.start is None:
            raise JupyterWorkflowsError("nothing can be started here")
        run = await asyncio.to_thread(self.start, asked)
        self.look_again()
        return Answer(request=asked.request, topic=self.add_run(run.id, run.reader.run_id))

    async def close(self) -> None:
        """Ends all topics."""
        for topic in self.topics.values():
            await topic.close()
