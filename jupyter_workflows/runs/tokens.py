"""What a run's steps write, for code and views: from the workers of this machine, else from heartbeats.

Both ways bring pieces with attempt and offset, so it does not matter which comes first, or whether both come.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from ..connection import loop_thread
from ..schema import Step, Token
from ..tokens import Tail, Text, Texts
from ..tokens.following import LocalTokens
from ..tokens.texts import KEPT_CHARACTERS
from .access import RunAccess
from .reading import RunReader, Snapshot


class RunTexts:
    """The texts of a run's open steps; to be used on one event loop.

    Args:
        access: What the run is reached with.
        wake: Called when there is news again.
        limit: How many characters of a text are kept.
    """

    def __init__(self, access: RunAccess, wake: Callable[[], object], limit: int = KEPT_CHARACTERS) -> None:
        self.access = access
        self.wake = wake
        self.texts = Texts(limit)
        self.tail = Tail(self.texts, wake)
        self.run_id = ""
        self.local: LocalTokens | None = None

    async def see(self, snapshot: Snapshot) -> None:
        """Takes in what a snapshot tells: the execution, attempts that began, steps that ended, heartbeats."""
        if snapshot.run.run_id != self.run_id:
            await self.turn_to(snapshot.run.run_id)
        for token in snapshot.written:
            self.texts.take(token)
        known = self.texts.by_step
        steps = {step.id: step for step in snapshot.steps if step.id in known} if known else {}
        if any(step.finished_at and not known[step.id].done for step in steps.values()):
            # The last pieces come by another way than the news of the end.
            await self.sync()
        for step in steps.values():
            if text := known.get(step.id):
                self.settle(text, step)

    def settle(self, text: Text, step: Step) -> None:
        """Ends a text with its step, and starts it anew with its step's next attempt."""
        if step.finished_at is None:
            if step.attempt > text.attempt:
                self.texts.begin(step.id, step.attempt)
        elif not text.done:
            self.texts.end(text)
        elif text.step not in self.tail.marked:
            self.texts.forget(text.step)

    async def turn_to(self, run_id: str) -> None:
        """Follows another execution; nothing of it has been read yet."""
        await self.close()
        self.run_id = run_id
        self.texts = Texts(self.texts.limit)
        self.tail = Tail(self.texts, self.wake)
        if self.access.tokens is not None:
            self.local = LocalTokens(self.access.tokens, run_id, self.texts.take)

    async def sync(self) -> None:
        """Waits until all has come that was written before."""
        if self.local is not None:
            await self.local.sync()

    async def close(self) -> None:
        """Follows nothing any more, until something is seen again."""
        local, self.local, self.run_id = self.local, None, ""
        if local is not None:
            await local.close()


@dataclass(frozen=True)
class News:
    """A run, and what its steps wrote since the news before."""

    snapshot: Snapshot
    tokens: list[Token]


async def news(access: RunAccess, reader: RunReader) -> AsyncIterator[News]:
    """The run now, after every change and after every piece that a step writes, until it ends."""
    woken = asyncio.Event()
    texts = RunTexts(access, woken.set)
    changes = reader.changes()
    change = asyncio.ensure_future(anext(changes, None))
    last: Snapshot | None = None
    try:
        while True:
            waking = asyncio.ensure_future(woken.wait())
            await asyncio.wait({change, waking}, return_when=asyncio.FIRST_COMPLETED)
            waking.cancel()
            if change.done():
                snapshot = change.result()
                if snapshot is None:
                    break
                last = snapshot
                await texts.see(snapshot)
                change = asyncio.ensure_future(anext(changes, None))
            woken.clear()
            if last is not None:
                yield News(last, texts.tail.news())
        await texts.sync()
        if last is not None and (tokens := texts.tail.news()):
            yield News(last, tokens)
    finally:
        change.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await change
        await texts.close()


class Following:
    """A run's news, for `for` in any thread but the loop's, until the run ends.

    Args:
        access: What the run is reached with.
        reader: Reads the run.
    """

    def __init__(self, access: RunAccess, reader: RunReader) -> None:
        self.news: AsyncIterator[News] = news(access, reader)

    def __iter__(self) -> Iterator[News]:
        return self

    def __next__(self) -> News:
        found = loop_thread().run(self.next(), cancel_on_interrupt=True)
        if found is None:
            raise StopIteration
        return found

    async def next(self) -> News | None:
        """The next news, None after the last."""
        return await anext(self.news, None)


class TokenStream:
    """What a run's steps write, for `for` and `async for` in any thread and on any loop, until the run ends.

    Args:
        access: What the run is reached with.
        reader: Reads the run.
        step: Only what this step writes.
    """

    def __init__(self, access: RunAccess, reader: RunReader, step: str | None = None) -> None:
        self.news: AsyncIterator[News] = news(access, reader)
        self.step = step
        self.ready: deque[Token] = deque()

    def __iter__(self) -> Iterator[Token]:
        return self

    def __next__(self) -> Token:
        token = self.ready.popleft() if self.ready else loop_thread().run(self.next(), cancel_on_interrupt=True)
        if token is None:
            raise StopIteration
        return token

    def __aiter__(self) -> AsyncIterator[Token]:
        return self

    async def __anext__(self) -> Token:
        token = self.ready.popleft() if self.ready else await loop_thread().wrap(self.next())
        if token is None:
            raise StopAsyncIteration
        return token

    async def next(self) -> Token | None:
        """The next piece, None after the last; to be awaited on the loop thread."""
        while not self.ready:
            found = await anext(self.news, None)
            if found is None:
                return None
            self.ready.extend(token for token in found.tokens if self.step in (None, token.step))
        return self.ready.popleft()
