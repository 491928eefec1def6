"""Values as source: what is plain data, and the expression that gives it back."""

from __future__ import annotations

import datetime
import decimal
import math
import pathlib
import pprint
import uuid
from collections.abc import Callable, Iterable
from typing import cast

LARGEST_LITERAL_CHARACTERS = 256_000
ATOMS = (type(None), bool, int, str, bytes, type(...), complex)
WIDTH = 110


def is_plain(value: object, depth: int = 0) -> bool:
    """Whether a value is plain data: built-in scalars and containers, dates, decimals, UUIDs and paths."""
    kind = type(value)
    if kind in ATOMS or kind is float or kind in RENDERERS:
        return True
    if depth > 50:
        return False
    if kind is dict:
        pairs = cast("dict[object, object]", value).items()
        return all(is_plain(key, depth + 1) and is_plain(item, depth + 1) for key, item in pairs)
    if kind in (list, tuple, set, frozenset):
        return all(is_plain(item, depth + 1) for item in cast("Iterable[object]", value))
    return False


def same(one: object, other: object) -> bool:
    """Whether two plain values are the same, types and order included."""
    return type(one) is type(other) and render(one) == render(other)


def render(value: object) -> str:
    """Source of an expression that gives a plain value back; the same value gives the same text."""
    kind = type(value)
    if kind is float:
        return render_float(cast("float", value))
    if kind in RENDERERS:
        return RENDERERS[kind](value)
    if kind is dict:
        return (
            "{" + ", ".join(f"{render(k)}: {render(v)}" for k, v in cast("dict[object, object]", value).items()) + "}"
        )
    if kind in (set, frozenset):
        return render_set(cast("Iterable[object]", value), kind)
    if kind in (list, tuple):
        return render_sequence([render(item) for item in cast("Iterable[object]", value)], kind)
    return repr(value)


def render_float(value: float) -> str:
    """A float; the three that have no literal are made from their names."""
    return repr(value) if math.isfinite(value) else f'float("{value}")'


def render_set(items: Iterable[object], kind: type) -> str:
    """A set, its items sorted by their text: the order in memory differs between processes."""
    texts = sorted(render(item) for item in items)
    inner = "{" + ", ".join(texts) + "}" if texts else ""
    if kind is set:
        return inner or "set()"
    return f"frozenset({inner})"


def render_sequence(texts: list[str], kind: type) -> str:
    """A list or tuple."""
    if kind is list:
        return f"[{', '.join(texts)}]"
    return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"


def _moment(value: object) -> str:
    text = cast("datetime.datetime", value).isoformat()
    return f"__import__('datetime').datetime.fromisoformat({text!r})"


def _decimal(value: object) -> str:
    return f"__import__('decimal').Decimal({str(value)!r})"


def _uuid(value: object) -> str:
    return f"__import__('uuid').UUID({str(value)!r})"


def _standard(value: object) -> str:
    text = repr(value)
    return f"__import__({text.partition('.')[0]!r}).{text.partition('.')[2]}" if text.startswith("datetime.") else text


def _path(value: object) -> str:
    return f"__import__('pathlib').{type(value).__name__.removeprefix('Posix').removeprefix('Windows')}({str(value)!r})"


RENDERERS: dict[type, Callable[[object], str]] = {
    datetime.timedelta: _standard,
    datetime.date: _standard,
    datetime.time: _standard,
    datetime.datetime: _moment,
    decimal.Decimal: _decimal,
    uuid.UUID: _uuid,
    type(pathlib.Path()): _path,
    type(pathlib.PurePath()): _path,
}


def assignment(name: str, value: object) -> str:
    """A statement that gives `name` a plain value."""
    text = render(value)
    plain = type(value) in (dict, list, tuple) and len(text) > WIDTH and "__import__" not in text
    if plain and "float(" not in text:
        text = pprint.pformat(value, width=WIDTH, sort_dicts=False)
    return f"{name} = {text}"
