"""The effect log: what steps did, written outside of Temporal by the steps themselves.

A line is a JSON object, written by one `write` to a file opened with O_APPEND, so lines of several processes don't mix
and a killed process leaves whole lines only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """One line: a step of a run began (`what` is "start") or did its one effect ("effect").

    `seconds` is how long a step that began will be busy before it does its effect.
    """

    at: float
    what: str
    run: str
    step: str
    attempt: int
    pid: int
    seconds: float = 0.0

    @property
    def key(self) -> tuple[str, str]:
        """The step, whatever the attempt."""
        return (self.run, self.step)


class EffectLog:
    """Reads the log as it grows.

    Args:
        path: The file, made by the first step that runs.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[Entry] = []
        self._offset = 0

    def read(self) -> list[Entry]:
        """All entries so far."""
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._offset)
                content = file.read()
            whole = content[: content.rfind(b"\n") + 1]
            self._offset += len(whole)
            self.entries += [Entry(**json.loads(line)) for line in whole.splitlines()]
        return self.entries

    def busy(self) -> list[Entry]:
        """The newest start of each step that has done no effect since."""
        newest: dict[tuple[str, str], Entry] = {}
        for entry in self.read():
            if entry.what == "start":
                newest[entry.key] = entry
            else:
                newest.pop(entry.key, None)
        return list(newest.values())

    def starts(self, since: float, of: Callable[[Entry], bool] = lambda entry: True) -> Iterable[Entry]:
        """Steps that began after a time."""
        return (entry for entry in self.read() if entry.what == "start" and entry.at > since and of(entry))
