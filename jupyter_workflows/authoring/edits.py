"""What a reviewer changed in an editable value, as a list of edits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from ..schema import Edit

MAX_EDITS = 1000


def edits(before: Any, after: Any) -> list[Edit]:
    """The changes from one JSON value to another, by JSON pointer (RFC 6901); at most `MAX_EDITS`."""
    found: list[Edit] = []
    for edit in walk("", before, after):
        found.append(edit)
        if len(found) == MAX_EDITS:
            break
    return found


def walk(path: str, before: Any, after: Any) -> Iterator[Edit]:
    """Yields the changes below a path."""
    if isinstance(before, dict) and isinstance(after, dict):
        yield from walk_object(path, cast("dict[str, Any]", before), cast("dict[str, Any]", after))
    elif isinstance(before, list) and isinstance(after, list) and same_length(before, after):
        pairs = zip(cast("list[Any]", before), cast("list[Any]", after), strict=True)
        for index, (old, new) in enumerate(pairs):
            yield from walk(f"{path}/{index}", old, new)
    elif before != after or isinstance(before, bool) is not isinstance(after, bool):
        yield Edit(path=path, before=before, after=after)


def walk_object(path: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Edit]:
    """Yields the changes below a JSON object."""
    for key in [*before, *(key for key in after if key not in before)]:
        pointer = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
        yield from walk(pointer, before.get(key), after.get(key))


def same_length(before: Any, after: Any) -> bool:
    """Whether two lists can be compared place by place."""
    return len(before) == len(after)
