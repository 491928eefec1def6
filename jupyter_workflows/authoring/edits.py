"""What a reviewer changed in an editable value, as a list of edits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
        for key in [*before, *(key for key in after if key not in before)]:
            pointer = f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}"
            yield from walk(pointer, before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from walk(f"{path}/{index}", old, new)
    elif before != after or type(before) is not type(after):
        yield Edit(path=path, before=before, after=after)
