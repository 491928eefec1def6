"""What a step or workflow takes and gives: whether it can travel, and its JSON Schema."""

from __future__ import annotations

import ast
import dataclasses
import enum
import functools
import inspect
import io
import types
import typing
from collections import abc
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast
from weakref import WeakKeyDictionary

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PydanticSchemaGenerationError,
    PydanticUserError,
    TypeAdapter,
    create_model,
)

from .live import function_of
from .scopes import FunctionNode

# Types of the standard library and of data libraries that travel although they are neither models nor plain.
TRAVELLING = frozenset(
    "pandas.DataFrame pandas.Series numpy.ndarray pyarrow.Table pyarrow.RecordBatch "
    "pandas.core.frame.DataFrame pandas.core.series.Series pyarrow.lib.Table pyarrow.lib.RecordBatch".split()
)
# What stays where it was made, whatever pydantic could say of it.
STAYING: tuple[type, ...] = (
    io.IOBase,
    typing.IO,
    types.ModuleType,
    abc.Callable,  # type: ignore[arg-type]
    abc.Iterator,
    abc.Awaitable,
    abc.AsyncIterable,
    types.FunctionType,
)


class Schemas(typing.NamedTuple):
    """JSON Schema of what a function takes and gives; empty where the annotations have none."""

    parameters: dict[str, Any]
    result: dict[str, Any]


# The schemas of each function whose name and types were these: it costs more than the rest of a bundle.
_schemas: WeakKeyDictionary[types.FunctionType, tuple[str, dict[str, Any], Schemas]] = WeakKeyDictionary()


def untravelling(hint: object) -> object | None:
    """The first part of an annotation whose values can't be sent to a worker."""
    for part in parts_of(hint):
        if isinstance(part, types.ModuleType | types.BuiltinFunctionType | types.FunctionType):
            return part
        if isinstance(part, type) and not travels(part):
            return part
    return None


def parts_of(hint: object) -> Iterator[object]:
    """An annotation and everything inside its brackets."""
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return
    yield origin if isinstance(origin, type) else hint
    for argument in typing.get_args(hint)[: 1 if origin is typing.Annotated else None]:
        if isinstance(argument, list):
            continue
        yield from parts_of(argument)


@functools.lru_cache(maxsize=1024)
def travels(kind: type) -> bool:
    """Whether values of a class can be sent: what pydantic can read and write, and tables."""
    if kind is type(None) or kind is object or kind is types.UnionType or kind is typing.Generic:
        return True
    if f"{kind.__module__}.{kind.__qualname__}" in TRAVELLING:
        return True
    if dataclasses.is_dataclass(kind) or issubclass(kind, BaseModel | enum.Enum):
        return True
    if any(kind is staying or (staying is not typing.IO and issubclass(kind, staying)) for staying in STAYING):
        return False
    try:
        TypeAdapter(cast("type[object]", kind))
    except PydanticSchemaGenerationError:
        return False
    except PydanticUserError:
        return True
    return True


def hints_of(value: object) -> dict[str, Any]:
    """The annotations of a function, resolved where they can be, left out where not."""
    function = function_of(value)
    if function is None:
        return {}
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001 - an annotation is an expression of the user's and may raise anything
        return {name: hint for name, hint in inspect.get_annotations(function).items() if not isinstance(hint, str)}


def annotation_of(node: FunctionNode, parameter: str) -> ast.expr | None:
    """The annotation of a parameter (`return` for the result)."""
    if parameter == "return":
        return node.returns
    args = node.args
    everything = [*args.posonlyargs, *args.args, *args.kwonlyargs, *filter(None, [args.vararg, args.kwarg])]
    return next((found.annotation for found in everything if found.arg == parameter), None)


def signature_text(node: FunctionNode) -> str:
    """The signature as the user wrote it."""
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"({ast.unparse(node.args)}){result}"


def signature_of(value: object) -> str:
    """The signature of a function that is not in the notebook."""
    function = function_of(value)
    return str(inspect.signature(function)) if function else "(...)"


def schemas_of(name: str, value: object) -> Schemas:
    """JSON Schema of the arguments by name and of the result."""
    function = function_of(value)
    if function is None:
        return Schemas({}, {})
    hints = hints_of(value)
    known = _schemas.get(function)
    if known is None or known[:2] != (name, hints):
        found = Schemas(described(name, function, hints), result_schema(hints))
        known = _schemas[function] = (name, hints, found)
    return known[2]


def result_schema(hints: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Schema of a function's result; empty where its annotation has none."""
    if "return" not in hints:
        return {}
    try:
        return TypeAdapter(hints["return"]).json_schema(mode="serialization")
    except Exception:  # noqa: BLE001 - a schema is a convenience, and pydantic raises many kinds for odd types
        return {}


def described(name: str, function: Callable[..., Any], hints: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Schema of a function's arguments; empty where the annotations have none."""
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            return {}
        default = ... if parameter.default is parameter.empty else parameter.default
        # An alias, because a parameter may be called `copy` or `register` as pydantic's own methods are.
        fields[f"parameter_{len(fields)}"] = (hints.get(parameter.name, Any), Field(default, alias=parameter.name))
    try:
        model = create_model(
            name, __config__=ConfigDict(arbitrary_types_allowed=True, protected_namespaces=()), **fields
        )
        return model.model_json_schema()
    except Exception:  # noqa: BLE001 - a schema is a convenience, and pydantic raises many kinds for odd types
        return {}
