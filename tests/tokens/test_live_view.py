"""What steps write, as a live view of any host is told it: the topic that kernels and servers share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from jupyter_workflows.connection import loop_thread
from jupyter_workflows.live.feed import Telling
from jupyter_workflows.live.messages import RunSnapshot, Tokens
from jupyter_workflows.live.topics import RunTopic
from jupyter_workflows.runs.handle import Run
from jupyter_workflows.schema import Token
from jupyter_workflows.tokens import Texts

from .conftest import Writers, joined


class View:
    """A view that puts together what it is told."""

    def __init__(self, writers: Writers, run: Run[Any]) -> None:
        self.told: list[Telling] = []
        self.news = asyncio.Event()
        self.topic = RunTopic(writers.access, run.id, run.run_id, self.take)

    def take(self, telling: Telling) -> None:
        self.told.append(telling)
        self.news.set()

    @property
    def pieces(self) -> list[Token]:
        return [
            piece for telling in self.told if isinstance(telling.message, Tokens) for piece in telling.message.pieces
        ]

    @property
    def text(self) -> str:
        """As a page has it, which leaves out what comes twice."""
        texts = Texts()
        for piece in self.pieces:
            texts.take(piece)
        text = next(iter(texts.by_step.values()), None)
        return text.since(0) if text else ""

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                self.news.clear()
                await self.news.wait()


def on_the_loop(coroutine: Coroutine[Any, Any, None]) -> None:
    loop_thread().run(coroutine, timeout=120)


def test_a_view_is_told_pieces_in_order_and_numbered(writers: Writers, until: Path):
    pieces = [f"token {number} " for number in range(100)]
    run = writers.start("writer", pieces, 0.005, str(until))
    view = View(writers, run)

    async def look() -> None:
        await view.topic.followed(-1)
        await view.until(lambda: view.text == "".join(pieces))
        assert joined(view.pieces) == "".join(pieces)
        await asyncio.to_thread(until.touch)
        await view.until(lambda: view.topic.ended)
        await view.until(lambda: view.pieces[-1].done)

    on_the_loop(look())
    numbers = [telling.message.number for telling in view.told if hasattr(telling.message, "number")]
    assert numbers == list(range(len(numbers))), "without a gap: a view would ask for all of it"
    assert isinstance(view.told[0].message, RunSnapshot)


def test_a_late_view_of_the_same_topic_is_told_what_was_so_far(writers: Writers, until: Path):
    run = writers.start("writer", ["one ", "two "], 0.0, str(until))
    view = View(writers, run)

    async def look() -> None:
        await view.topic.followed(-1)
        await view.until(lambda: view.text == "one two ")
        view.told.clear()
        whole = await view.topic.followed(-1)
        assert whole is not None
        assert isinstance(whole.message, RunSnapshot)
        await view.until(lambda: view.text == "one two ")
        assert view.pieces[0].offset == 0
        await view.topic.close()

    on_the_loop(look())
    until.touch()
    run.result(timeout=60)


def test_a_view_sees_the_next_attempt_begin_before_it_writes(own_writers: Writers, until: Path):
    """Between the death of a worker and the first token of the next attempt nobody reads the old text for the new."""
    run = own_writers.start("late", ["one "], str(until))
    view = View(own_writers, run)

    async def look() -> None:
        await view.topic.followed(-1)
        await view.until(lambda: view.text == "one ")
        await view.until(lambda: view.pieces[-1].attempt == 2)
        assert (view.pieces[-1].text, view.text) == ("", "")
        await asyncio.to_thread(until.touch)
        await view.until(lambda: view.text == "one ")
        await view.topic.close()

    on_the_loop(look())
    assert run.result(timeout=60) == 2
