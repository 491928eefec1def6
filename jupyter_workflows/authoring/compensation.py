"""`@activity(compensate=undo)`: what an undo must be like, and what it is called with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import temporalio.common
import temporalio.workflow
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadConverter

from ..errors import AuthoringError
from .policies import RetryPolicy, meant

if TYPE_CHECKING:
    from .definitions import Activity
    from .effects import Effect

GIVEN = ("input", "output", "key")
# An effect that stays is worse than a wait: an undo is tried for some minutes before a person is asked.
UNDO_RETRY = RetryPolicy(max_attempts=10, max_interval=timedelta(minutes=1))


def undo_for(target: Callable[..., Any], compensate: Any) -> Activity[Any, Any]:
    """The activity that undoes `target`.

    Raises:
        AuthoringError: `compensate` can't undo it.
    """
    from .definitions import Activity

    undo = cast("Activity[Any, Any]", compensate) if isinstance(compensate, Activity) else made(target, compensate)
    if undo.options.compensate is not None or undo.options.irreversible:
        raise AuthoringError(
            f"{undo.name} undoes {target.__name__} and has compensate= or irreversible= itself: what undoes a step is "
            "not undone, take them away from it",
            code="JW482",
        )
    check_parameters(target, undo)
    return undo


def made(target: Callable[..., Any], compensate: Any) -> Activity[Any, Any]:
    """A plain function as an activity.

    Raises:
        AuthoringError: It is no function that a worker can run by its name.
    """
    from .definitions import Activity, described

    function = compensate if inspect.isfunction(compensate) else None
    named = function is not None and function.__name__ != "<lambda>"
    if function is None or not named or inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        what = "a lambda" if function is not None and not named else described(compensate)
        raise AuthoringError(
            f"@activity(compensate=...) of {target.__name__} takes a function with a name (`def` or `async def`) or an "
            f"activity, not {what}: write def undo_{target.__name__}(output, key): ... in a cell and name it",
            code="JW480",
        )
    if function.__qualname__ != function.__name__:
        raise AuthoringError(
            f"@activity(compensate={function.__qualname__}) of {target.__name__} is defined inside something else, "
            "where a worker does not find it: define it at the top of a cell",
            code="JW480",
        )
    return Activity(function)


def check_parameters(target: Callable[..., Any], undo: Activity[Any, Any]) -> None:
    """Refuses an undo that asks for what nobody could give it.

    Raises:
        AuthoringError: Names the parameter, and those there are.
    """
    own = inspect.signature(target).parameters
    known = (*GIVEN, *(name for name in own if name not in GIVEN))
    for parameter in undo.signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise AuthoringError(
                f"{undo.shown} undoes {target.__name__} and takes {parameter}: name what it needs, of "
                f"{', '.join(known)}",
                code="JW481",
            )
        if parameter.name not in known and parameter.default is parameter.empty:
            raise AuthoringError(
                f"{undo.shown} undoes {target.__name__}, which has no {parameter.name!r} to give: "
                f"{meant(parameter.name, known).replace('=', '')}; it may take {', '.join(known)}",
                code="JW481",
            )


def arguments(undo: Activity[Any, Any], effect: Effect, converter: PayloadConverter | None = None) -> list[Any]:
    """What an undo is called with, in the order of its signature; values travel as they did before.

    Args:
        undo: What undoes the effect.
        effect: The effect.
        converter: What reads payloads; by default the workflow's.
    """
    reads = converter or temporalio.workflow.payload_converter()
    assert effect.activity is not None
    names = list(effect.activity.signature.parameters)
    own = dict(zip(names, effect.inputs, strict=False))
    found: list[Any] = []
    for parameter in undo.signature.parameters.values():
        if parameter.name == "key":
            found.append(effect.key)
        elif parameter.name == "output":
            found.append(temporalio.common.RawValue(effect.output) if effect.output is not None else None)
        elif parameter.name == "input":
            found.append({name: reads.from_payload(payload) for name, payload in own.items()})
        elif parameter.name in own:
            found.append(temporalio.common.RawValue(own[parameter.name]))
        else:
            found.append(parameter.default)
    return found


def travelling(values: Sequence[Any]) -> list[Payload]:
    """Arguments as they travel; what the workflow does to them afterwards changes nothing."""
    return list(temporalio.workflow.payload_converter().to_payloads(values))
