"""Which attempts of steps have begun in this process: one that has not was lost on its way here."""

from __future__ import annotations

from collections import OrderedDict

KEPT = 10_000


class Begun:
    """The newest attempts that began."""

    def __init__(self) -> None:
        self._attempts: OrderedDict[tuple[str, str, int], None] = OrderedDict()

    def note(self, run_id: str, activity_id: str, attempt: int) -> None:
        """An attempt begins."""
        self._attempts[run_id, activity_id, attempt] = None
        if len(self._attempts) > KEPT:
            self._attempts.popitem(last=False)

    def has(self, run_id: str, activity_id: str, attempt: int) -> bool:
        """Whether an attempt has begun here, as far as is remembered."""
        return (run_id, activity_id, attempt) in self._attempts


begun = Begun()
