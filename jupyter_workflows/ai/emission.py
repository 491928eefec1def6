"""Where the text of an answer goes while the model writes it."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

Listener = Callable[[str], None]

# Set by whoever shows the tokens of an attempt; must not block, it is called on the loop of the model calls.
listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def emitted(text: str) -> None:
    """Hands on a piece of an answer."""
    listen = listener.get()
    if listen is not None and text:
        listen(text)
