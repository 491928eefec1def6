"""What undoes a step: a function named in `@activity(compensate=...)`, which is a step of the bundle too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from ..authoring import Activity
from ..authoring.compensation import check_parameters
from ..errors import AuthoringError
from . import diagnostics as rules
from .bindings import Defined
from .gathering import Gathering
from .items import Item
from .live import function_of


def undos(activities: Iterable[str], gathering: Gathering) -> Iterator[str]:
    """The notebook's functions that undo some activities; a finding for each that can't be told or does not fit."""
    for name in sorted(activities):
        item = gathering.items.get(name)
        undo = undo_of(item)
        if item is None or undo is None or undo.fn.__module__ != gathering.names.namespace.get("__name__"):
            continue
        found = gathering.items.get(undo.__name__)
        if found is None or not isinstance(gathering.names[undo.__name__], Defined) or found.function is None:
            gathering.findings.add(rules.UNDO_UNKNOWN, item.location, name=name, undo=undo.__name__)
            continue
        check_fit(item, found, gathering)
        yield found.name


def undo_of(item: Item | None) -> Activity[..., Any] | None:
    """What undoes an activity, as its decorator was told."""
    live = item.live if item else None
    return cast("Activity[..., Any]", live).options.compensate if isinstance(live, Activity) else None  # pyright: ignore[reportUnknownMemberType]


def check_fit(item: Item, undo: Item, gathering: Gathering) -> None:
    """Checks the undo as it now is against the step as it now is; either may have been defined anew since."""
    step, now = function_of(item.live), function_of(undo.live)
    if step is None or now is None:
        return
    try:
        check_parameters(step, Activity(now))
    except AuthoringError as error:
        reason = str(error).removeprefix(f"{error.code}: ")
        gathering.findings.add(rules.UNDO_MISFIT, undo.location, undo=undo.name, name=item.name, reason=reason)
