"""Annotations of the user's functions as checks: what a value must be, and a sentence when it is not.

Cost: building the check of an annotation takes 0.1 ms (plain types) to some ms (large models), once per process;
a check after that takes about a microsecond.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any, cast

from pydantic import ConfigDict, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError

from .refusal import refuse

_CACHED_ADAPTERS = 1024
_SHOWN_PROBLEMS = 3
_SHOWN_CHARACTERS = 80
# Objects of libraries (DataFrame, ndarray, a user's plain class) are checked by isinstance.
_CONFIG = ConfigDict(arbitrary_types_allowed=True)


def validate(value: Any, annotation: Any, what: str) -> Any:
    """The value as its annotation wants it, or a `PayloadError` that names the value and what was expected.

    Pydantic's lax rules hold: `"3"` is fine where an `int` is expected and arrives as `3`.

    Args:
        value: What was given.
        annotation: The annotation of the parameter or return value; `None`'s and a missing one's differ:
            pass `inspect.Parameter.empty` or `typing.Any` for the latter.
        what: Names the value in the message, such as `argument 'contract_id'`.

    Raises:
        PayloadError: The value does not fit, or the annotation can't be checked.
    """
    if annotation is Any or annotation is inspect.Parameter.empty:
        return value
    try:
        return adapter(annotation).validate_python(value)
    except ValidationError as error:
        raise refuse(f"{what} does not fit its annotation: {problems(error, annotation, value)}") from None


def adapter(annotation: Any) -> TypeAdapter[Any]:
    """The cached check of an annotation.

    Raises:
        PayloadError: The annotation is no type, or names something that does not exist.
    """
    try:
        return _cached_adapter(annotation)
    except TypeError:
        if _is_hashable(annotation):
            raise
        return _new_adapter(annotation)


def problems(error: ValidationError, annotation: Any, value: Any) -> str:
    """A validation error as one sentence: what was expected, what came, where."""
    found = error.errors(include_url=False, include_context=False)
    sentences = [_problem(dict(problem), annotation, value) for problem in found[:_SHOWN_PROBLEMS]]
    more = len(found) - _SHOWN_PROBLEMS
    return "; ".join(sentences) + (f"; and {more} more" if more > 0 else "")


def name(annotation: Any) -> str:
    """An annotation as the user wrote it, near enough."""
    if isinstance(annotation, type) and not hasattr(annotation, "__args__"):
        return annotation.__qualname__
    return str(annotation).replace("typing.", "")


def short(value: Any) -> str:
    """A value for a message: its repr, cut, with its type; never fails."""
    try:
        text = repr(value)
    except Exception:
        text = "(a value whose repr fails)"
    cut = text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"
    return f"{cut} ({type(value).__name__})"


@functools.lru_cache(maxsize=_CACHED_ADAPTERS)
def _cached_adapter(annotation: Any) -> TypeAdapter[Any]:
    return _new_adapter(annotation)


def _new_adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        try:
            return TypeAdapter(annotation, config=_CONFIG)
        except PydanticUserError as error:
            if error.code != "type-adapter-config-unused":
                raise
            return TypeAdapter(annotation)  # models and dataclasses bring a config of their own
    except (PydanticUserError, PydanticSchemaGenerationError, NameError) as error:
        reason = str(error).splitlines()[0]
        raise refuse(
            f"the annotation {name(annotation)} can't be checked: {reason}. "
            "Define what it names before the function, or leave the annotation out"
        ) from None


def _is_hashable(annotation: Any) -> bool:
    try:
        hash(annotation)
    except TypeError:
        return False
    return True


def _problem(problem: dict[str, Any], annotation: Any, value: Any) -> str:
    steps = cast("tuple[int | str, ...]", problem["loc"])
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    at = f"at {place}, " if place else ""
    message = str(problem["msg"])
    message = message[0].lower() + message[1:]
    if not place:
        return f"{name(annotation)} is expected, but it is {short(value)}: {message}"
    return f"{at}{message}, but it is {short(problem.get('input'))}"
