"""The smallest pieces of static HTML; here, and only here, what came from a workflow is escaped."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

from .failures import MAX_MESSAGE
from .style import ICONS, STYLE, TONES
from .text import status_words
from .untrusted import one_line, preview, printable

VALUE_LENGTH = 240


def text(value: object, limit: int = MAX_MESSAGE) -> str:
    """Any text, bounded, visible and escaped, for one place in the page."""
    return escape(printable(value, limit))


def line(value: object, limit: int = 120) -> str:
    """Any text on one line, bounded, visible and escaped."""
    return escape(one_line(value, limit))


def value_text(value: object, limit: int = VALUE_LENGTH) -> str:
    """A look at a value, escaped."""
    return escape(preview(value, limit))


def card(*parts: str) -> str:
    """A frame around parts, with the style sheet."""
    return f'<div class="jw"><style>{STYLE}</style><div class="jw-box">{"".join(parts)}</div></div>'


def icon(status: str) -> str:
    """The icon of a status; words stand beside it."""
    tone = TONES.get(status, "off")
    return f'<svg class="jw-icon jw-{tone}" viewBox="0 0 16 16" aria-hidden="true">{ICONS.get(status, "")}</svg>'


def pill(status: str, words: str = "") -> str:
    """A status as icon and words on its colour."""
    tone = TONES.get(status, "off")
    return f'<span class="jw-pill jw-{tone}">{icon(status)}{escape(words or status_words(status))}</span>'


def moment(at: datetime | None) -> str:
    """A moment in UTC, to the second: what is saved in a notebook must not say "5 min ago"."""
    if at is None:
        return ""
    utc = at.astimezone(UTC)
    return f'<time datetime="{utc.isoformat(timespec="seconds")}">{utc:%Y-%m-%d %H:%M:%S} UTC</time>'


def note(tone: str, *parts: str) -> str:
    """A paragraph that stands out."""
    return f'<div class="jw-note jw-{tone}">{"".join(parts)}</div>'


def code(content: str) -> str:
    """A block of code or values; the content is escaped already."""
    return f'<code class="jw-code jw-mono">{content}</code>'
