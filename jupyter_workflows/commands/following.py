"""`show --follow`: a run as it changes, with what its steps are writing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ..runs.elements import code
from ..runs.elements import text as escaped
from ..runs.handle import Run
from ..runs.reading import Snapshot
from ..runs.text import run_text
from ..runs.tokens import Following
from ..runs.untrusted import one_line, printable
from ..schema import Token
from ..tokens import Texts
from .outcomes import Outcome
from .tables import Page, Rendered, Shown, wrap
from .texts import Preformatted

EVERY_SECONDS = 0.1
KEPT_CHARACTERS = 4_000
SHOWN_LINES = 8
SHOWN_TEXTS = 4


@dataclass(frozen=True)
class Written:
    """The end of a text that a step is writing.

    Args:
        title: Whose text it is.
        content: The text, or its end.
    """

    title: str
    content: str

    def text(self, page: Page) -> str:
        """The last lines, each at most as wide as the page."""
        lines = [part for line in printable(self.content).split("\n") for part in wrap(line, page.width - 4)]
        return "\n".join([page.paint(self.title, "quiet"), *(f"  │ {line}" for line in lines[-SHOWN_LINES:])])

    def html(self) -> str:
        """The text as it is."""
        return code(escaped(self.text(Page()), KEPT_CHARACTERS))


@dataclass(frozen=True)
class Stacked:
    """One thing below the other."""

    parts: list[Shown]

    def text(self, page: Page) -> str:
        """The parts, with an empty line between two."""
        return "\n\n".join(part.text(page) for part in self.parts)

    def html(self) -> str:
        """The parts."""
        return "".join(part.html() for part in self.parts)


class Writing:
    """The texts that the steps of a run are writing."""

    def __init__(self) -> None:
        self.texts = Texts(KEPT_CHARACTERS)

    def take(self, tokens: list[Token]) -> None:
        """Takes in what was written."""
        for token in tokens:
            self.texts.take(token)
            if token.done:
                self.texts.forget(token.step)

    def shown(self) -> list[Shown]:
        """The ends of the texts, the newest first."""
        texts = list(self.texts.by_step.values())[: -SHOWN_TEXTS - 1 : -1]
        return [Written(title_of(text.step, text.attempt), text.since(0)) for text in texts]


def title_of(step: str, attempt: int) -> str:
    """`draft-1 writes`, and which attempt it is where it is not the first."""
    again = f", attempt {attempt}" if attempt > 1 else ""
    return f"{one_line(step, 80)} writes{again}:"


def changes(run: Run[Any], outcome_of: Callable[[Run[Any], Snapshot], Outcome]) -> Iterator[Outcome]:
    """The run after every change and, passing, what its steps write in between; at most ten times a second.

    Args:
        run: The run.
        outcome_of: Gives a run at one moment as an outcome.
    """
    writing = Writing()
    told = Outcome(None, Preformatted(""))
    last: Snapshot | None = None
    text = ""
    for news in Following(run.access, run.new_reader()):
        writing.take(news.tokens)
        # What was written comes first: the last that is told is how the run ended.
        if news.tokens:
            yield replace(with_texts(told, writing), data={"tokens": news.tokens}, is_passing=True)
        if news.snapshot is not last:
            last, before, text = news.snapshot, text, run_text(news.snapshot)
            if text != before:
                told = outcome_of(run, last)
                yield with_texts(told, writing)
        time.sleep(EVERY_SECONDS)


def with_texts(outcome: Outcome, writing: Writing) -> Outcome:
    """A run with what its steps are writing below it."""
    texts = writing.shown()
    if not texts:
        return outcome
    stacked = Stacked([outcome.shown, *texts])
    return replace(outcome, shown=Rendered(stacked, stacked.html))
