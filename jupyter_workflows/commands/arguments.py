"""What stands on a command's line, as values: words, JSON, times."""

from __future__ import annotations

import ast
import contextlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from ..errors import CommandError

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LONGEST = timedelta(days=36_500)
DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
WORD = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.|[^\s'\"\\]+")


def split_line(line: str) -> list[str]:
    """The words of a magic's line.

    As in a shell, quotes keep words together; besides, an object or list of JSON or Python is one word, so
    `start review {"contract_id": "C 17"}` means what it says.

    Raises:
        CommandError: A quote is not closed.
    """
    words: list[str] = []
    at = 0
    while at < len(line):
        if line[at].isspace():
            at += 1
            continue
        end = json_end(line, at) or word_end(line, at)
        words.append(line[at:end] if line[at] in "{[" else unquoted(line[at:end]))
        at = end
    return words


def json_end(line: str, at: int) -> int | None:
    """Where the object or list that begins here ends, be it JSON or Python's; None if there is none."""
    if line[at] not in "{[":
        return None
    with contextlib.suppress(ValueError):
        return ends_word(line, json.JSONDecoder().raw_decode(line, at)[1])
    for end in range(at + 2, len(line) + 1):
        if line[end - 1] in "}]" and ends_word(line, end):
            with contextlib.suppress(ValueError, SyntaxError):
                ast.literal_eval(line[at:end])
                return end
    return None


def ends_word(line: str, end: int) -> int | None:
    """The end itself, if a word can end there."""
    return end if end == len(line) or line[end].isspace() else None


def word_end(line: str, at: int) -> int:
    """Where the word that begins here ends.

    Raises:
        CommandError: A quote in it is not closed.
    """
    while at < len(line) and not line[at].isspace():
        piece = WORD.match(line, at)
        if piece is None:
            raise CommandError(f"the quote {line[at]} is not closed in: {line.strip()}")
        at = piece.end()
    return at


def unquoted(word: str) -> str:
    """A word as a shell would hand it over."""
    pieces: list[str] = []
    for match in WORD.finditer(word):
        piece = match.group()
        if piece.startswith("'"):
            pieces.append(piece[1:-1])
        elif piece.startswith('"'):
            pieces.append(re.sub(r"\\([\"\\$`])", r"\1", piece[1:-1]))
        else:
            pieces.append(re.sub(r"\\(.)", r"\1", piece))
    return "".join(pieces)


def parse_json(text: str, what: str) -> Any:
    """The value of a JSON text; a Python literal is taken too.

    Args:
        text: The text.
        what: Names it in the message, such as `--form`.

    Raises:
        CommandError: It is no JSON.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        with contextlib.suppress(ValueError, SyntaxError):
            return ast.literal_eval(text)
        hint = f": a text needs quotes, '\"{text}\"'" if re.fullmatch(r"[\w. @/+-]+", text) else f" ({error})"
        raise CommandError(f"{what} takes JSON, and {shortened(text)} is none{hint}") from None


def call_arguments(text: str | None) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments of a start: a JSON object has names, a list has none, else it is one value.

    Raises:
        CommandError: It is no JSON.
    """
    if text is None or not text.strip():
        return [], {}
    value = parse_json(text, "start")
    if isinstance(value, dict):
        return [], {str(name): item for name, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return (value, {}) if isinstance(value, list) else ([value], {})  # pyright: ignore[reportUnknownVariableType]


def parse_since(text: str | None) -> datetime | timedelta | None:
    """A time or a duration back from now.

    Raises:
        CommandError: It is neither.
    """
    if text is None:
        return None
    if (duration := timedelta_of(text)) is not None:
        return duration
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise CommandError(
            f"--since takes a duration such as 30m, 2h or 3d, or a time such as 2026-11-22T10:00, not {shortened(text)}"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def parse_duration(text: str, what: str) -> timedelta:
    """A duration such as `90s`, `5m`, `2h` or `3d`.

    Raises:
        CommandError: It is none.
    """
    duration = timedelta_of(text)
    if not duration:
        raise CommandError(f"{what} takes a duration such as 90s, 5m, 2h or 3d, not {shortened(text)}")
    return duration


def timedelta_of(text: str) -> timedelta | None:
    """A duration such as `15m` or `1h30m`; None where it is none, or longer than a century."""
    flat = "".join(text.split())
    parts = DURATION.findall(flat)
    if not parts or "".join(number + unit for number, unit in parts) != flat:
        return None
    try:
        found = sum((timedelta(**{UNITS[unit]: float(number)}) for number, unit in parts), timedelta())
    except OverflowError:
        return None
    return found if found <= LONGEST else None


def shortened(text: str) -> str:
    """A text for a message."""
    return repr(text if len(text) <= 60 else f"{text[:59]}…")
