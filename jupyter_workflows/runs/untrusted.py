"""Text and values from workflows, made safe to show.

What a workflow, a model or a document produced may hold terminal escapes, bidirectional overrides, ten megabytes
or all of them. `printable` and `preview` bound the length and make the invisible visible; the work they do grows
with what is shown, not with what there is. Escaping for HTML comes after, in `static_html`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, cast

from .values import Stored, Unreadable

MAX_LINE = 160
MAX_TEXT = 2_000
MAX_DEPTH = 4

# Controls but tab and newline, DEL and C1, zero-width and directional marks, line separators, interlinear
# annotations, byte order mark, lone surrogates, tags. ZWNJ and ZWJ stay: Persian, Hindi and emoji need them.
INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
EMPTY_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*){2,}")
COMBINING = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{4})[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)


def printable(text: object, limit: int = MAX_TEXT) -> str:
    """The text with everything invisible written as an escape, at most about `limit` characters of it."""
    source = text if isinstance(text, str) else str(text)
    shown = source[:limit]
    rest = len(source) - len(shown)
    shown = COMBINING.sub(r"\1", INVISIBLE.sub(escape_character, EMPTY_LINES.sub("\n\n", shown)))
    return f"{shown}… (+{rest:,} characters)" if rest > 0 else shown


def one_line(text: object, limit: int = MAX_LINE) -> str:
    """The text as `printable` gives it, on one line."""
    source = text if isinstance(text, str) else str(text)
    head = source[: 2 * limit]
    flat = " ".join(head.split())
    shown = COMBINING.sub(r"\1", INVISIBLE.sub(escape_character, flat))
    return shown if len(shown) <= limit and len(head) == len(source) else f"{shown[: limit - 1].rstrip()}…"


def escape_character(match: re.Match[str]) -> str:
    """The escape of one invisible character, as Python writes it."""
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def preview(value: object, limit: int = MAX_LINE) -> str:
    """A short look at a value on one line: `{"risk": 0.82, "clauses": [3 items]}`."""
    pieces: list[str] = []
    write_preview(value, pieces, [limit], 0)
    return one_line("".join(pieces), limit)


def write_preview(value: object, pieces: list[str], room: list[int], depth: int) -> None:
    """Appends a value's preview to `pieces` until `room[0]` characters are used."""
    if room[0] <= 0:
        return
    if isinstance(value, Mapping):
        write_items(cast("Mapping[Any, Any]", value), "{}", pieces, room, depth)
    elif isinstance(value, (list, tuple)):
        write_items(cast("list[Any]", value), "[]", pieces, room, depth)
    else:
        put(scalar(value, room[0]), pieces, room)


def write_items(value: Any, brackets: str, pieces: list[str], room: list[int], depth: int) -> None:
    """Appends the preview of a mapping or a sequence."""
    if depth >= MAX_DEPTH:
        put(f"{brackets[0]}{len(value)} items{brackets[1]}", pieces, room)
        return
    put(brackets[0], pieces, room)
    for number, item in enumerate(value):
        if room[0] <= 0:
            break
        if number:
            put(", ", pieces, room)
        if brackets == "{}":
            put(f"{scalar(item, room[0])}: ", pieces, room)
        write_preview(value[item] if brackets == "{}" else item, pieces, room, depth + 1)
    put(brackets[1], pieces, room)


def put(text: str, pieces: list[str], room: list[int]) -> None:
    """Appends a piece and takes its length off the room."""
    pieces.append(text)
    room[0] -= len(text)


def scalar(value: object, limit: int) -> str:
    """A value that is neither mapping nor sequence, as text."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f'"{value[:limit]}"' if len(value) <= limit else f'"{value[:limit]}…"'
    if isinstance(value, (bytes, bytearray)):
        return f"{human_bytes(len(value))} of bytes"
    if isinstance(value, (int, float, datetime, timedelta, Enum, Stored, Unreadable)):
        return str(value) if not isinstance(value, int) or abs(value) < 10**100 else "a very large integer"
    return described(value)


def described(value: object) -> str:
    """What a table, an array or any other object is, without asking it to print itself."""
    kind = type(value).__name__
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and all(isinstance(side, int) for side in cast("tuple[object, ...]", shape)):
        return f"{kind} {' × '.join(f'{side:,}' for side in cast('tuple[int, ...]', shape))}"
    return f"{kind} object"


def human_bytes(count: int) -> str:
    """`10.5 MB`."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("unreachable")


def human_seconds(seconds: float | None) -> str:
    """`0.04 s`, `3.2 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`; empty for None."""
    if seconds is None:
        return ""
    if seconds < 0.0995:
        return f"{max(0.0, seconds) * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    whole = round(seconds)
    for unit, size, smaller, part in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit} {rest} {smaller}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def ago(moment: datetime, now: datetime) -> str:
    """`just now`, `5 min ago`, `in 2 h`: the moment seen from `now`, in its largest unit."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < 5:
        return "just now"
    amount = coarse_seconds(abs(seconds))
    return f"{amount} ago" if seconds > 0 else f"in {amount}"


def coarse_seconds(seconds: float) -> str:
    """The duration in its largest unit alone: `3 min`."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"
