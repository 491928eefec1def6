"""The line above a durable cell's output: restored from when, or run again and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..runs.elements import text as escaped
from ..runs.untrusted import one_line
from ..schema.durable import CellRecord

MAX_NAMES = 6


@dataclass(frozen=True, repr=False)
class Note:
    """One line about a durable cell.

    Args:
        mark: A sign before it.
        words: What it says.
        detail: What it says when it is pointed at.
    """

    mark: str
    words: str
    detail: str = ""

    @classmethod
    def restored(cls, record: CellRecord, seconds: float, weak: list[str]) -> Note:
        """A cell that did not run: what was restored, of when, and how quickly."""
        names = [item.name for item in record.values]
        more = len(names) - MAX_NAMES
        listed = ", ".join(names[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
        words = f"restored {listed or 'without values'} of {record.finished_at:%Y-%m-%d %H:%M} UTC"
        words += f" in {seconds * 1000:.0f} ms; it had run for {duration(record.seconds)}"
        if record.left_out:
            words += f"; not stored: {', '.join(record.left_out)}"
        if weak:
            words += f"; only by type compared: {', '.join(weak)}"
        detail = "\n".join(f"{item.name}: {item.about}" for item in record.values)
        return cls("↺", words, detail)

    @classmethod
    def runs(cls, title: str, why: str) -> Note:
        """A cell that runs though it has run before."""
        del title
        return cls("▸", f"runs: {why}")

    @classmethod
    def recorded(cls, title: str) -> Note:
        """A cell that was recorded without running again."""
        del title
        return cls("✓", "recorded, without running it again")

    @classmethod
    def missing(cls, name: str, title: str) -> Note:
        """A name that a restored cell does not bind."""
        return cls(
            "▸", f"`{name}` was not stored with the cell `{title}`, which was restored: run that one with --always"
        )

    def __repr__(self) -> str:
        return f"{self.mark} {one_line(self.words, 400)}"

    def _repr_html_(self) -> str:
        tip = f' title="{escaped(self.detail, 2_000)}"' if self.detail else ""
        return f'<div style="opacity:.7;font-size:90%"{tip}>{self.mark} {escaped(self.words, 400)}</div>'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        del include, exclude
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def duration(seconds: float) -> str:
    """A duration in few words."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"
