"""The texts of a run's steps, and a reader's place in them.

Adding a piece and reading what is new cost the same however long a text is. A reader that is slow is given more at a
time: nothing is kept for it but its place.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ..schema import Token

# About 250,000 tokens of an attempt; of a longer text the oldest part is dropped.
KEPT_CHARACTERS = 1_000_000
BLOCK_CHARACTERS = 4_096


class Text:
    """What one attempt of a step has written.

    Args:
        step: The step's id.
        attempt: The number of the attempt.
        limit: How many characters are kept.
    """

    def __init__(self, step: str, attempt: int, limit: int = KEPT_CHARACTERS) -> None:
        self.step = step
        self.attempt = attempt
        self.limit = limit
        self.number = 0
        self.begins = 0
        self.length = 0
        self.done = False
        self.was_cut = False
        self.blocks: deque[str] = deque()

    def add(self, piece: str) -> None:
        """Adds a piece at the end."""
        if self.blocks and len(self.blocks[-1]) + len(piece) <= BLOCK_CHARACTERS:
            self.blocks[-1] += piece
        else:
            self.blocks.extend(piece[at : at + BLOCK_CHARACTERS] for at in range(0, len(piece), BLOCK_CHARACTERS))
        self.length += len(piece)
        while self.blocks and self.length - self.begins - len(self.blocks[0]) >= self.limit:
            self.begins += len(self.blocks.popleft())
            self.was_cut = True

    def since(self, offset: int) -> str:
        """All that comes after so many characters, as far as it was kept."""
        wanted = self.length - max(offset, self.begins)
        parts: list[str] = []
        for block in reversed(self.blocks):
            if wanted <= 0:
                break
            parts.append(block[-wanted:])
            wanted -= len(block)
        return "".join(reversed(parts))


@dataclass
class Place:
    """How far a reader has come in a text."""

    text: Text
    offset: int
    number: int
    done: bool


class Texts:
    """The texts of a run's steps: of each step that of its newest attempt. May be used from any thread.

    Args:
        limit: How many characters of a text are kept.
    """

    def __init__(self, limit: int = KEPT_CHARACTERS) -> None:
        self.limit = limit
        self.lock = threading.RLock()
        self.by_step: dict[str, Text] = {}
        self.tails: set[Tail] = set()

    def begin(self, step: str, attempt: int) -> Text:
        """Starts the text of an attempt; it takes the place of an earlier attempt's."""
        text = Text(step, attempt, self.limit)
        with self.lock:
            known = self.by_step.get(step)
            if known is None or known.attempt <= attempt:
                self.by_step[step] = text
                self.changed(text)
        return text

    def write(self, text: Text, piece: str) -> None:
        """Adds a piece to a text that was begun here."""
        with self.lock:
            text.number += 1
            text.add(piece)
            self.changed(text)

    def end(self, text: Text) -> None:
        """Marks a text complete, as far as its attempt came."""
        with self.lock:
            text.done = True
            self.changed(text)

    def take(self, token: Token) -> None:
        """Takes in what a worker told; a piece may come twice, and by two ways."""
        with self.lock:
            known = self.by_step.get(token.step)
            if known is not None and token.attempt < known.attempt:
                return
            end = token.offset + len(token.text)
            if known is None or not is_continued(known, token, end):
                known = self.by_step[token.step] = Text(token.step, token.attempt, self.limit)
                known.begins = known.length = token.offset
            if end > known.length:
                known.add(token.text[known.length - token.offset :])
            known.number = max(known.number, token.number)
            known.done |= token.done
            self.changed(known)

    def forget(self, step: str) -> None:
        """Drops a step's text."""
        with self.lock:
            self.by_step.pop(step, None)

    def changed(self, text: Text) -> None:
        """Lets the readers know; nobody reads a text whose place another attempt has taken."""
        if self.by_step.get(text.step) is text:
            for tail in self.tails:
                tail.mark(text.step)


def is_continued(known: Text, token: Token, end: int) -> bool:
    """Whether a piece goes on where a text is: it is of the same attempt, leaves no gap and knows no earlier part."""
    if token.attempt != known.attempt or token.offset > known.length:
        return False
    return token.offset >= known.begins or known.was_cut or end < known.length


class Tail:
    """A reader of a run's texts: first all there is, then what is new.

    Args:
        texts: What is read.
        wake: Called when there is news again; from the thread that wrote it.
    """

    def __init__(self, texts: Texts, wake: Callable[[], object]) -> None:
        self.texts = texts
        self.wake = wake
        self.marked: dict[str, None] = {}
        self.places: dict[str, Place] = {}
        with texts.lock:
            texts.tails.add(self)
            for step in texts.by_step:
                self.mark(step)

    def mark(self, step: str) -> None:
        """Something of a step is new."""
        quiet = not self.marked
        self.marked[step] = None
        if quiet:
            self.wake()

    def rewind(self) -> None:
        """Starts over: the next news are all there is."""
        with self.texts.lock:
            self.places.clear()
            for step in self.texts.by_step:
                self.mark(step)

    def news(self) -> list[Token]:
        """What was written since the last time, one piece a step."""
        with self.texts.lock:
            marked, self.marked = self.marked, {}
            tokens = [self.read(self.texts.by_step[step]) for step in marked if step in self.texts.by_step]
            return [token for token in tokens if token is not None]

    def read(self, text: Text) -> Token | None:
        """What is new of one text; None where nothing is."""
        place = self.places.get(text.step)
        if place is None or place.text is not text:
            place = self.places[text.step] = Place(text, text.begins, -1, done=False)
        if (place.number, place.offset, place.done) == (text.number, text.length, text.done):
            return None
        offset = max(place.offset, text.begins)
        token = Token(
            step=text.step,
            attempt=text.attempt,
            number=text.number,
            offset=offset,
            text=text.since(offset),
            done=text.done,
        )
        place.number, place.offset, place.done = text.number, text.length, text.done
        return token

    def close(self) -> None:
        """Reads no more."""
        with self.texts.lock:
            self.texts.tails.discard(self)
