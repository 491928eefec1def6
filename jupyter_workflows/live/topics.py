"""What a live view can follow: a run, the inbox, a list of runs, a workflow.

Everything here runs on the loop thread. A topic works while somebody looks: a view asks every few seconds, and a
topic that nobody asked for falls asleep until the next time.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Protocol

from ..errors import ConnectionFailed, JupyterWorkflowsError, RunNotFound
from ..runs.access import RunAccess
from ..runs.effects import LEFT
from ..runs.listing import Filter, fetch_inbox, fetch_runs
from ..runs.reading import RunReader, Snapshot
from ..runs.rollback import undoing
from ..runs.tokens import RunTexts
from ..security.identity import local_user
from .feed import RunFeed, Telling, run_topic
from .messages import InboxState, Pulse, RunsState, StepDetails, Trouble, WorkflowState
from .pacing import Pace
from .shown import shown_approval, step_details

Tell = Callable[[Telling], None]

# 50 changes a second for each run, and in the long run 250 messages for all of a kernel's: jupyter_server drops what
# comes faster than 1,000 a second over three seconds, whoever sent it.
FASTEST_SECONDS = 0.02
# A model writes 50 tokens a second: at the same rate each would wait for the one before, half of that time on average.
TOKENS_SECONDS = FASTEST_SECONDS / 2
PACE = Pace(per_second=250, burst=100)
# A late view is shown the end of a long text: its step's result will be all of it.
SHOWN_CHARACTERS = 100_000
# A large run costs time to compare: at most a fifth of the loop thread's goes into it.
COST_SHARE = 5
LEASE_SECONDS = 30.0
POLL_SECONDS = 1.5
UNDO_SECONDS = 0.5
RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0)


class Topic(Protocol):
    """Something that is shown and followed."""

    topic: str

    async def followed(self, have: int) -> Telling | None:
        """A view looks at it and has the message of this number: goes on, and gives what the view lacks."""
        ...

    def look_again(self) -> None:
        """Something was done that may have changed it: looks at once."""
        ...

    async def close(self) -> None:
        """Nobody will look at it any more."""
        ...


class Work:
    """A task that runs while a topic is asked for."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self.work = work
        self.task: asyncio.Task[None] | None = None
        self.until = 0.0

    def extend(self) -> None:
        """Somebody looks: goes on, or begins again."""
        self.until = time.monotonic() + LEASE_SECONDS
        if self.task is None or self.task.done():
            self.task = asyncio.ensure_future(self.leased())

    async def leased(self) -> None:
        """The work, until it is done or nobody looks any more."""
        task = asyncio.ensure_future(self.work())
        try:
            while not task.done() and (left := self.until - time.monotonic()) > 0:
                await asyncio.wait({task}, timeout=left)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def close(self) -> None:
        """Ends the work."""
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task


class RunTopic:
    """One run.

    Args:
        access: What the run is reached with.
        workflow_id: The run's id.
        run_id: Temporal's id of the execution.
        tell: Sends a message to the views.
        began: The number before its first message; a topic that comes back must not count from a lower one.
    """

    def __init__(self, access: RunAccess, workflow_id: str, run_id: str, tell: Tell, *, began: int = -1) -> None:
        self.access = access
        self.workflow_id = workflow_id
        self.run_id = run_id
        self.tell = tell
        self.topic = run_topic(workflow_id, run_id)
        self.feed = RunFeed(self.topic, local_user(), began)
        self.texts = RunTexts(access, self.wake, SHOWN_CHARACTERS)
        # Keeps the events for as long as somebody may ask for a step's values.
        self.reader: RunReader | None = None
        self.due = 0.0
        self.telling: asyncio.TimerHandle | None = None
        self.work = Work(self.follow)

    async def followed(self, have: int) -> Telling | None:
        """Goes on following the run, and gives what a view lacks."""
        if not self.ended or self.may_be_undone:
            self.work.extend()
        if self.feed.snapshot is None:
            return None
        if have == self.feed.number:
            return self.feed.pulse()
        # What steps have written follows; a view that has it already leaves it out.
        self.texts.tail.rewind()
        self.wake()
        return self.feed.whole()

    def look_again(self) -> None:
        """Nothing to do: what happens to a run is heard at once."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        snapshot = self.feed.snapshot
        return snapshot is not None and snapshot.run.status not in ("running", "continued_as_new")

    @property
    def may_be_undone(self) -> bool:
        """Whether another run may undo what this one did, which has ended."""
        snapshot = self.feed.snapshot
        return snapshot is not None and any(effect.status in (*LEFT, "undoing") for effect in snapshot.effects)

    def look_for_undo(self) -> None:
        """Somebody has had it undone."""
        self.work.extend()

    async def details(self, step_id: str) -> StepDetails:
        """A step in full.

        Raises:
            JupyterWorkflowsError: The run has no such step.
        """
        if self.reader is None:
            self.reader = RunReader(self.access, self.workflow_id, self.run_id, bare=True)
            await self.reader.snapshot()
        step = await self.reader.step(step_id)
        if step is None:
            raise JupyterWorkflowsError(f"run {self.workflow_id} has no step {step_id!r}")
        return step_details(step)

    async def follow(self) -> None:
        """Follows the run to its end, over breaks of the connection."""
        for attempt in range(1_000_000):
            if await self.follow_once(attempt):
                break
            await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
        with contextlib.suppress(JupyterWorkflowsError):
            await self.follow_undo()

    async def follow_undo(self) -> None:
        """Looks again at the effects of a run that has ended while another one undoes it, to what it leaves."""
        snapshot = self.feed.snapshot
        while self.ended and self.may_be_undone and snapshot:
            found = await undoing(self.access, snapshot)
            snapshot = replace(snapshot, effects=found.effects)
            self.take(snapshot)
            if not found.open:
                return
            await asyncio.sleep(UNDO_SECONDS)

    async def follow_once(self, attempt: int) -> bool:
        """Follows the run until it ends or the connection breaks; whether it is over."""
        reader = RunReader(self.access, self.workflow_id, self.run_id, bare=True)
        try:
            async for snapshot in reader.changes():
                self.reader = reader
                wait = self.take(snapshot)
                await self.texts.see(snapshot)
                await asyncio.sleep(wait)
            await self.texts.sync()
            self.tell_tokens()
        except ConnectionFailed as error:
            if attempt:
                self.trouble(str(error), final=False)
            return False
        except RunNotFound as error:
            self.trouble(str(error), final=True)
        finally:
            await self.texts.close()
        return True

    def wake(self) -> None:
        """Steps have written: tells it at once, or with what else comes until the next message is due."""
        if self.telling is None:
            loop = asyncio.get_running_loop()
            self.telling = loop.call_later(max(0.0, self.due - loop.time()), self.tell_tokens)

    def tell_tokens(self) -> None:
        """Tells what was written since the last time."""
        if self.telling is not None:
            self.telling.cancel()
            self.telling = None
        if self.feed.snapshot is None:
            return
        if telling := self.feed.tokens(self.texts.tail.news()):
            self.tell(telling)
            self.due = asyncio.get_running_loop().time() + max(TOKENS_SECONDS, PACE.told())

    def take(self, snapshot: Snapshot) -> float:
        """Tells what a snapshot brought; gives the seconds to wait before the next."""
        began = time.perf_counter()
        telling = self.feed.take(snapshot)
        if telling is not None:
            self.tell(telling)
        cost = time.perf_counter() - began
        return max(FASTEST_SECONDS, PACE.told(), COST_SHARE * cost) if telling else 0.0

    def trouble(self, message: str, *, final: bool) -> None:
        """Tells why the run can't be followed."""
        self.tell(Telling(Trouble(topic=self.topic, number=self.feed.number, message=message, final=final)))

    async def close(self) -> None:
        """Ends following."""
        await self.work.close()


class PolledTopic:
    """Something that is looked up again and again while it is looked at."""

    poll_seconds: float = POLL_SECONDS

    def __init__(self, topic: str, tell: Tell, *, began: int = 0, poll_seconds: float | None = None) -> None:
        self.topic = topic
        self.tell = tell
        self.number = began
        if poll_seconds is not None:
            self.poll_seconds = poll_seconds
        self.known: Any = None
        self.work = Work(self.poll)
        self.woken = asyncio.Event()

    async def look(self) -> Any:
        """What it is now."""
        raise NotImplementedError

    def state(self) -> Any:
        """The message that tells all of it."""
        raise NotImplementedError

    async def followed(self, have: int) -> Telling | None:
        """Goes on looking, and gives what a view lacks."""
        self.work.extend()
        if self.known is None:
            return None
        return Telling(self.state() if have != self.number else Pulse(topic=self.topic, number=self.number))

    def look_again(self) -> None:
        """Looks at once, where it looks at all."""
        self.woken.set()

    async def poll(self) -> None:
        """Looks, and tells what changed."""
        while True:
            try:
                found = await self.look()
            except JupyterWorkflowsError as error:
                self.tell(Telling(Trouble(topic=self.topic, number=self.number, message=str(error))))
            else:
                if self.is_news(found):
                    self.known = found
                    self.number += 1
                    self.tell(Telling(self.state()))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.woken.wait(), self.poll_seconds)
            self.woken.clear()

    def is_news(self, found: Any) -> bool:
        """Whether there is something to tell."""
        return found != self.known

    async def close(self) -> None:
        """Ends looking."""
        await self.work.close()


class InboxTopic(PolledTopic):
    """The approvals that wait."""

    def __init__(
        self, access: RunAccess, tell: Tell, *, reviewer: str, assignee: str | None, limit: int, **polled: Any
    ) -> None:
        super().__init__("inbox", tell, **polled)
        self.access = access
        self.reviewer = reviewer
        self.assignee = assignee
        self.limit = limit

    async def look(self) -> Any:
        """The approvals that wait now."""
        return await fetch_inbox(self.access, assignee=self.assignee, limit=self.limit)

    def state(self) -> InboxState:
        """All of them."""
        shown = [shown_approval(approval) for approval in self.known]
        return InboxState(topic=self.topic, number=self.number, approvals=shown, reviewer=self.reviewer)


class RunsTopic(PolledTopic):
    """The runs that a filter lets through."""

    def __init__(
        self, access: RunAccess, tell: Tell, *, wanted: Filter, limit: int, topic: str = "runs", **polled: Any
    ) -> None:
        super().__init__(topic, tell, **polled)
        self.access = access
        self.wanted = wanted
        self.limit = limit

    async def look(self) -> Any:
        """The runs now."""
        return await fetch_runs(self.access, self.wanted, self.limit)

    def state(self) -> RunsState:
        """All of them."""
        return RunsState(topic=self.topic, number=self.number, runs=self.known)


class WorkflowTopic:
    """A workflow as its cell defined it; it does not change."""

    def __init__(self, tell: Tell, card: WorkflowState) -> None:
        self.topic = card.topic
        self.tell = tell
        self.card = card

    async def followed(self, have: int) -> Telling | None:
        """Gives what a view lacks."""
        return Telling(self.card if have != self.card.number else Pulse(topic=self.topic, number=have))

    def look_again(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """There is nothing to end."""
