"""Tickets: what lets a tool that can't sign in see values as the person who asked for it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

TICKET_SECONDS = 12 * 3600
MOST_TICKETS = 100


@dataclass(frozen=True)
class Ticket:
    """What lets its holder see values as the person who asked for it.

    Args:
        user: That person, as the Jupyter server knows them.
        name: The name under which they act.
        ends: When it is over, on this process's clock.
    """

    user: Any
    name: str
    ends: float


class Tickets:
    """The tickets of this server; in memory only."""

    def __init__(self) -> None:
        self._held: dict[str, Ticket] = {}

    def issue(self, user: Any, name: str) -> str:
        """A new ticket; the oldest goes where there are too many."""
        now = time.monotonic()
        self._held = {text: held for text, held in self._held.items() if held.ends > now}
        while len(self._held) >= MOST_TICKETS:
            self._held.pop(next(iter(self._held)))
        text = secrets.token_urlsafe(32)
        self._held[text] = Ticket(user, name, now + TICKET_SECONDS)
        return text

    def find(self, text: str) -> Ticket | None:
        """The ticket with this text, while it is good."""
        for known, held in self._held.items():
            if secrets.compare_digest(known, text):
                return held if held.ends > time.monotonic() else None
        return None
