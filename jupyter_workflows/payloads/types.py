"""Annotations of the user's functions as checks: what a value must be, and a sentence when it is not.

Cost: building the check of an annotation takes 0.1 ms (plain types) to some ms (large models), once per process;
a check after that takes about a microsecond.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from typing import Annotated, Any, cast, get_origin

from pydantic import ConfigDict, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError
from typing_extensions import TypeAliasType

from .kinds import kind_of
from .refusal import refuse

_CACHED_ADAPTERS = 1024
_SHOWN_PROBLEMS = 3
_SHOWN_CHARACTERS = 80
# Objects of libraries (DataFrame, ndarray, a user's plain class) are checked by isinstance.
_CONFIG = ConfigDict(arbitrary_types_allowed=True)


def validate(value: Any, annotation: Any, what: str) -> Any:
    """The value as its annotation wants it.

    pydantic's lax rules hold: `"3"` is fine where an `int` is expected and arrives as `3`.

    Args:
        value: What was given.
        annotation: The annotation of the parameter or the return value; `inspect.Parameter.empty` and
            `typing.Any` mean that anything goes.
        what: Names the value in the message, such as `argument 'contract_id'`.

    Raises:
        PayloadError: The value does not fit, or the annotation can't be checked.
    """
    if annotation is Any or annotation is inspect.Parameter.empty:
        return value
    try:
        return adapter(annotation).validate_python(value)
    except ValidationError as error:
        raise refuse(f"{what} must be {name(annotation)}: {problems(error)}") from None


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


def problems(error: ValidationError) -> str:
    """What a validation found, as one sentence: what came, where, and what is wrong with it."""
    found = error.errors(include_url=False, include_context=False)
    sentences = [_problem(dict(problem)) for problem in found[:_SHOWN_PROBLEMS]]
    more = len(found) - _SHOWN_PROBLEMS
    return "; ".join(sentences) + (f"; and {more} more" if more > 0 else "")


def name(annotation: Any) -> str:
    """An annotation as the user wrote it, near enough."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation.__qualname__
    return str(annotation).replace("typing.", "")


def short(value: Any) -> str:
    """A value for a message: its repr, cut, with its type; never fails."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a repr of the user's may raise anything, and a message is due all the same
        text = "(a value whose repr fails)"
    cut = text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"
    return f"{cut} ({type(value).__name__})"


@functools.lru_cache(maxsize=_CACHED_ADAPTERS)
def _cached_adapter(annotation: Any) -> TypeAdapter[Any]:
    return _new_adapter(annotation)


def _new_adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        adapter = _pydantic_adapter(_checkable(annotation))
        if not adapter.pydantic_complete:
            adapter.rebuild(force=True)
        return adapter
    except (PydanticUserError, PydanticSchemaGenerationError, NameError) as error:
        reason = str(error).splitlines()[0]
        raise refuse(
            f"the annotation {name(annotation)} can't be checked: {reason}. "
            "Define what it names before the function, or leave the annotation out"
        ) from None


def _checkable(annotation: Any) -> Any:
    """An annotation in terms that pydantic knows."""
    if isinstance(annotation, type) and any(
        (base.__module__, base.__name__) == ("numpy", "generic") for base in annotation.__mro__
    ):
        from pydantic import BeforeValidator

        return Annotated[annotation, BeforeValidator(lambda v: v if isinstance(v, annotation) else annotation(v))]
    origin = get_origin(annotation)
    if isinstance(origin, type) and kind_of(origin).route == "tabular":
        from pydantic import InstanceOf

        return cast("Any", InstanceOf)[origin]  # numpy.typing.NDArray[...]: the class is checked, the dtype is not
    if _is_dataclass(annotation) and not hasattr(annotation, "__pydantic_config__"):
        # Only as a part of something else does a dataclass take a configuration that is not its own.
        return TypeAliasType("Dataclass", annotation)  # pyright: ignore[reportGeneralTypeIssues]
    return annotation


def _is_dataclass(annotation: Any) -> bool:
    return isinstance(annotation, type) and dataclasses.is_dataclass(annotation)


def _pydantic_adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(annotation, config=_CONFIG)
    except PydanticUserError as error:
        if error.code != "type-adapter-config-unused":
            raise
        return TypeAdapter(annotation)  # models bring a configuration of their own


def _is_hashable(annotation: Any) -> bool:
    try:
        hash(annotation)
    except TypeError:
        return False
    return True


def _problem(problem: dict[str, Any]) -> str:
    steps = cast("tuple[int | str, ...]", problem["loc"])
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    if problem["type"] == "missing":
        return f"{place or 'it'} is missing"
    message = str(problem["msg"])
    message = message[0].lower() + message[1:]
    return f"{place + ' is' if place else 'it is'} {short(problem.get('input'))}: {message}"
