"""What a value holds before it is sent: whether all of it can travel, and which way.

The walk goes level by level in C loops, because every value that is sent goes through it. pydantic's encoder alone
would be unsafe: it reads any iterator it meets, so that an open file or a database cursor would be emptied and
arrive as a list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePath
from typing import Any, cast

from pydantic_core import PydanticSerializationError, to_json

from ..errors import PayloadError
from .kinds import Children, Kind, Route, is_key, kind_of
from .refusal import Unfit, refuse
from .tables import encode, plain_scalar

# pydantic's JSON parser stops at 201 levels.
MAX_DEPTH = 200


@dataclass(frozen=True)
class Survey:
    """Which routes the parts of a value take."""

    routes: frozenset[Route]

    @property
    def needs_rewriting(self) -> bool:
        """Whether something in it is no JSON and has to be replaced before encoding."""
        return "buffer" in self.routes or "missing" in self.routes


# Containers that hold themselves in many ways grow without end: from this level on, and above this many in it, those
# that occur more than once are looked into once.
_DEEP = 5
_MANY = 10_000


def survey(value: Any) -> Survey:
    """How a value has to travel.

    Cost: about 0.2 µs an element; models whose fields hold only plain values are not looked into.

    Raises:
        Unfit: Some part of it can't travel; `refusal` finds out which.
    """
    routes: set[Route] = set()
    level = _branches([value], routes)
    for depth in range(MAX_DEPTH):
        if not level:
            return Survey(frozenset(routes))
        below: _Level = {}
        for cls, members in level.items():
            containers = _distinct(members) if depth >= _DEEP and len(members) > _MANY else members
            for branch, found in _branches(_held(cls, containers), routes).items():
                below.setdefault(branch, []).extend(found)
        level = below
    if level:
        raise Unfit(f"is nested deeper than {MAX_DEPTH} levels")
    return Survey(frozenset(routes))


def refusal(value: Any, what: str, reason: str = "") -> PayloadError:
    """The `PayloadError` that names the first part of a value which can't travel.

    Args:
        value: The whole value.
        what: What the caller calls it, such as `argument 'docs'`.
        reason: What the encoder said, in case no part alone is at fault.
    """
    path, why = next(_unfit(value, what), (what, f"can't be sent: {reason or 'it is no JSON'}"))
    return refuse(f"{path} {why}")


_Level = dict[type, list[Any]]


class _Held:
    """What containers hold, to be gone through more than once without a copy."""

    def __init__(self, children: Children, containers: list[Any]) -> None:
        self.children = children
        self.containers = containers

    def __iter__(self) -> Iterator[Any]:
        return iter(self.children(self.containers))


def _distinct(members: list[Any]) -> list[Any]:
    return list({id(each): each for each in members}.values())


def _held(cls: type, members: list[Any]) -> Iterable[Any]:
    children = kind_of(cls).children
    if issubclass(cls, dict) and not all(map(is_key, _types(chain.from_iterable(members)))):
        raise Unfit("has keys that can't travel")
    return _Held(children, members) if children is not None else ()


def _branches(values: Iterable[Any], routes: set[Route]) -> _Level:
    """Those values that hold others, by type; the routes of all are added to `routes`."""
    kinds = {cls: kind_of(cls) for cls in _types(values)}
    routes.update(kind.route for kind in kinds.values())
    if "refused" in routes:
        raise Unfit("holds something that can't travel")
    branches = [cls for cls, kind in kinds.items() if kind.children is not None]
    if len(kinds) == 1:
        return {cls: list(values) for cls in branches}
    return {cls: [value for value in values if type(value) is cls] for cls in branches}


def _types(values: Iterable[Any]) -> set[type]:
    return set(map(type, values))


def _unfit(
    value: object, path: str, above: tuple[int, ...] = (), seen: set[int] | None = None
) -> Iterator[tuple[str, str]]:
    """Each part of a value that can't travel: its path and a sentence's end about it."""
    kind = kind_of(type(value))
    seen = set() if seen is None else seen
    if id(value) in above:
        yield path, f"contains itself ({type(value).__name__}). Pass the parts without the way back"
    elif id(value) in seen:
        return
    elif len(above) > MAX_DEPTH:
        yield path[:80] + "…", f"is nested deeper than {MAX_DEPTH} levels. Flatten it, or write it to a file"
    elif kind.route == "refused":
        yield path, _of_type(value, kind)
    elif kind.children is not None:
        yield from _unfit_key(value, path)
        for step, part in _parts(value, kind):
            yield from _unfit(part, path + step, (*above, id(value)), seen)
        seen.add(id(value))  # all of it can travel
    else:
        yield from _unfit_alone(value, path, kind)


def _unfit_key(value: object, path: str) -> Iterator[tuple[str, str]]:
    keys: list[object] = list(cast("dict[object, Any]", value)) if isinstance(value, dict) else []
    for key in keys:
        if not is_key(type(key)):
            yield path, f"has the key {key!r} ({type(key).__name__}); keys must be text, numbers or the like"
        elif isinstance(key, str):
            yield from _unfit_alone(key, f"{path} key {key!a}", kind_of(str))


def _parts(value: Any, kind: Kind) -> Iterator[tuple[str, Any]]:
    extras: dict[str, Any] | None = getattr(value, "__pydantic_extra__", None)
    if isinstance(value, dict):
        yield from ((f"[{key!r}]", part) for key, part in cast("dict[Any, Any]", value).items())
    elif kind.fields or extras is not None:
        yield from ((f".{name}", getattr(value, name, None)) for name in kind.fields)
        yield from ((f".{name}", part) for name, part in (extras or {}).items())
    else:
        yield from ((f"[{index}]", part) for index, part in enumerate(value))


def _unfit_alone(value: Any, path: str, kind: Kind) -> Iterator[tuple[str, str]]:
    if isinstance(value, (str, PurePath)):
        yield from _lone_surrogate(str(value), path)
    elif kind.route == "tabular":
        try:
            encode(value)
        except Unfit as unfit:
            yield path, str(unfit)
    elif kind.route == "scalar":
        try:
            plain_scalar(value)
        except Unfit as unfit:
            yield path, str(unfit)
    elif kind.route == "unknown":
        try:
            to_json(value)
        except (PydanticSerializationError, ValueError, TypeError):
            yield path, _of_type(value, kind)


def _of_type(value: Any, kind: Kind) -> str:
    return f"is of type {type(value).__name__}, which can't travel. {kind.remedy}"


def _lone_surrogate(value: str, path: str) -> Iterator[tuple[str, str]]:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        character = value[error.start]
        reason = f"holds {character!a} at position {error.start}, half a character, which no other reader accepts. "
        yield path, reason + "Clean the text first: text.encode('utf-8', 'replace').decode()"
