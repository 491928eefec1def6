"""Which module of the bundle each definition goes to, and in which order they stand there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .items import Item

MODELS, ACTIVITIES, WORKFLOWS = 0, 1, 2


def place(items: Mapping[str, Item], activities: set[str], workflows: set[str]) -> None:
    """Sets the module of each item: the lowest one in which everything it reads can be imported.

    Args:
        items: By name; an item with several names is there under each.
        activities: Names of the items that are activities.
        workflows: Names of the items that are workflows.
    """
    from_workflows = reached(items, workflows, stop=activities)
    from_activities = reached(items, activities, stop=set())
    values = {name for name, item in items.items() if item.role in ("class", "constant")}
    from_values = reached(items, values, stop=set())
    for name, item in items.items():
        if name in workflows:
            item.rank = WORKFLOWS
        elif name in activities:
            item.rank = ACTIVITIES
        elif item.role != "helper" or name in from_values or (name in from_workflows and name in from_activities):
            item.rank = MODELS
        else:
            item.rank = ACTIVITIES if name in from_activities else WORKFLOWS
    lift(items)


def lift(items: Mapping[str, Item]) -> None:
    """Moves items up until none reads something of a higher module."""
    moved = True
    while moved:
        moved = False
        for item in items.values():
            needed = max((other.rank for other in dependencies(items, item)), default=item.rank)
            if needed > item.rank:
                item.rank, moved = needed, True


def dependencies(items: Mapping[str, Item], item: Item, *, eager: bool = False) -> list[Item]:
    """The items that an item reads, in source order; with `eager` those it reads when it is defined."""
    found = [items[read.name] for read in item.reads if read.name in items and (read.eager or not eager)]
    return [other for other in dict.fromkeys(found) if other is not item]


def reached(items: Mapping[str, Item], roots: Iterable[str], *, stop: set[str]) -> set[str]:
    """The names that can be reached from `roots`; what is in `stop` is reached, not gone through."""
    seen: set[str] = set()
    waiting = [name for name in roots if name in items]
    starts = set(waiting)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.update(items[name].names)
        if name in stop and name not in starts:
            continue
        waiting.extend(
            found for other in dependencies(items, items[name]) for found in other.names if found not in seen
        )
    return seen


def ordered(items: Mapping[str, Item], roots: Iterable[str]) -> list[Item]:
    """All items, each after what must exist when it is defined.

    The order follows from the source alone: depth first from the workflows, in the order names are read.
    """
    preferred: dict[Item, None] = {}
    for root in roots:
        if root in items:
            _post_order(items, items[root], preferred, set())
    placed: dict[Item, None] = {}
    for item in preferred:
        _emit(items, item, placed, set())
    return list(placed)


def _post_order(items: Mapping[str, Item], item: Item, found: dict[Item, None], seen: set[Item]) -> None:
    if item in seen:
        return
    seen.add(item)
    for other in dependencies(items, item):
        _post_order(items, other, found, seen)
    found[item] = None


def _emit(items: Mapping[str, Item], item: Item, placed: dict[Item, None], on_path: set[Item]) -> None:
    """Places an item after what it reads when it is defined, and after what that may run: decorators, factories."""
    if item in placed or item in on_path:
        return
    on_path.add(item)
    for needed in dependencies(items, item, eager=True):
        _emit(items, needed, placed, on_path)
        for other in dependencies(items, needed):
            _emit(items, other, placed, on_path)
    placed[item] = None
    on_path.discard(item)
