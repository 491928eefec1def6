"""What a function takes, as a model is told it and as its calls are checked."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Mapping
from typing import Any, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PydanticSchemaGenerationError,
    PydanticUserError,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic.errors import PydanticInvalidForJsonSchema

from ...authoring.checks import DOUBTS
from ...authoring.definitions import Definition
from ...errors import AuthoringError

MAX_PROBLEMS = 10
# Before each field's name, so that a parameter may be called as a method of pydantic's models is.
PREFIX = "given_"


class Arguments:
    """The arguments that a tool takes.

    Args:
        wanted: The type of all arguments together.
        schema: The JSON Schema the model is told.
    """

    def __init__(self, wanted: Any, schema: dict[str, Any] | None = None) -> None:
        self.adapter = TypeAdapter[Any](wanted)
        self.schema = schema or self.adapter.json_schema()

    def read(self, given: Mapping[str, Any]) -> Any:
        """The arguments of a call, each in its own type.

        Raises:
            ValueError: They do not fit; says what is wrong with each.
        """
        try:
            return self.adapter.validate_python(given)
        except ValidationError as error:
            raise ValueError(problems(error)) from None


class Parameters(Arguments):
    """The parameters of a function: what was not given stays away, so that the function's own defaults hold."""

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a call, by name.

        Raises:
            ValueError: They do not fit; says what is wrong with each.
        """
        found: BaseModel = super().read(given)
        # Sorted: the order of a set is another one in each process.
        return {name.removeprefix(PREFIX): getattr(found, name) for name in sorted(found.model_fields_set)}


def problems(error: ValidationError) -> str:
    """What a validation found, in a line that a model can work with."""
    found = [f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in error.errors()[:MAX_PROBLEMS]]
    more = error.error_count() - len(found)
    return "; ".join(found) + (f"; and {more} more" if more > 0 else "")


# Made once for each function of a process: a run's workflow code is imported afresh, its activities are not.
_known: weakref.WeakKeyDictionary[Any, Arguments] = weakref.WeakKeyDictionary()


def arguments_of(definition: Definition[Any, Any]) -> Arguments:
    """What a function takes.

    Raises:
        AuthoringError: It takes what a model can't give.
    """
    known = _known.get(definition.fn)
    if known is None:
        known = _known[definition.fn] = described(definition)
    return known


def described(definition: Definition[Any, Any]) -> Arguments:
    """What a function takes, from its signature.

    Raises:
        AuthoringError: It takes what a model can't give.
    """
    fields: dict[str, Any] = {}
    for parameter in definition.signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise AuthoringError(
                f"tool {definition.shown} takes {parameter}, and a model gives arguments by name: name each parameter",
                code="JW463",
                location=definition.location,
            )
        if parameter.name == DOUBTS:
            continue
        hint = definition.hints.get(parameter.name, Any)
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        fields[PREFIX + parameter.name] = (hint, Field(default, alias=parameter.name))
    try:
        wanted: Any = create_model(definition.name, __config__=ConfigDict(extra="forbid"), **fields)
        return Parameters(wanted)
    except (PydanticSchemaGenerationError, PydanticUserError, PydanticInvalidForJsonSchema) as error:
        reason = str(error).splitlines()[0]
        raise AuthoringError(
            f"tool {definition.shown} takes what can't be described to a model ({reason}): give it plain types or "
            "pydantic models",
            code="JW463",
            location=definition.location,
        ) from None


def without_titles(schema: Any) -> Any:
    """A JSON Schema without the titles that pydantic adds, which cost tokens and say nothing."""
    if isinstance(schema, list):
        return [without_titles(part) for part in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    fields = cast("dict[str, Any]", schema)
    return {
        name: {key: without_titles(part) for key, part in value.items()} if name in ("properties", "$defs") else
        without_titles(value)
        for name, value in fields.items()
        if not (name == "title" and isinstance(value, str))
    }  # fmt: skip
