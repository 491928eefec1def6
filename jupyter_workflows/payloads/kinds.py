"""Which way values of a type travel, decided once per type."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import io
import ipaddress
import pathlib
import re
import socket
import types
import typing
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MappingView, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, Union, cast, get_args, get_origin

from google.protobuf.message import Message
from pydantic import BaseModel
from pydantic.fields import FieldInfo

Route = Literal[
    "leaf",  # JSON as it is
    "buffer",  # raw bytes, which JSON has no word for
    "scalar",  # a number of NumPy's
    "missing",  # pandas' NaT and NA: JSON's null
    "tabular",  # Arrow tables and arrays of numbers
    "branch",  # holds other values
    "unknown",  # pydantic may know it
    "refused",
]
Children = Callable[[Iterable[Any]], Iterable[Any]]

_LEAVES: tuple[type, ...] = (
    str, int, float, complex, type(None), decimal.Decimal, fractions.Fraction, uuid.UUID, pathlib.PurePath,
    datetime.date, datetime.time, datetime.timedelta, enum.Enum, re.Pattern,
    ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Network, ipaddress.IPv6Network,
    ipaddress.IPv4Interface, ipaddress.IPv6Interface,
)  # fmt: skip
_BUFFERS: tuple[type, ...] = (bytes, bytearray, memoryview)
_ITEMS = (list, tuple, set, frozenset, deque)
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial)
_TABULAR = frozenset({("pandas", "DataFrame"), ("pandas", "Series"), ("pyarrow", "Table"), ("numpy", "ndarray")})
_MISSING = frozenset({"NaTType", "NAType"})
# pydantic's own classes by name: its modules for them take 40 ms to import.
_SERIALIZERS = frozenset({"PlainSerializer", "WrapSerializer"})
_SECRETS = frozenset({"SecretStr", "SecretBytes", "Secret"})
_LOCKS = frozenset(
    {
        "_thread",
        "threading",
        "asyncio",
        "multiprocessing",
        "queue",
        "_queue",
        "concurrent",
        "contextvars",
        "_contextvars",
    }
)
_AGENTS = ("jupyter_workflows.ai.agents.agent", "jupyter_workflows.ai.agents.mcp")
_DATABASES = frozenset(
    {"sqlite3", "_sqlite3", "sqlalchemy", "psycopg", "psycopg2", "asyncpg", "pymysql", "duckdb", "_duckdb", "redis"}
)
_PLAIN_DATA = "Turn it into plain data, a dataclass or a pydantic model first"


@dataclass(frozen=True)
class Kind:
    """How values of one type travel, and how to reach what they hold."""

    route: Route
    children: Children | None = None
    remedy: str = _PLAIN_DATA
    fields: tuple[str, ...] = ()


@functools.lru_cache(maxsize=4096)
def kind_of(cls: type) -> Kind:
    """How values of a type travel."""
    library = _library_kind(cls)
    if library is not None:
        return library
    if issubclass(cls, _BUFFERS):
        return Kind("buffer")
    if issubclass(cls, _LEAVES):
        return Kind("leaf")
    if dict in cls.__mro__:
        return Kind("branch", _values_of)
    if any(kind in cls.__mro__ for kind in _ITEMS):
        return Kind("branch", chain.from_iterable)
    if _is_record(cls):
        return _record_kind(cls)
    remedy = _remedy(cls)
    return Kind("refused", remedy=remedy) if remedy else Kind("unknown")


def route_of(value: object) -> Route:
    """How one value travels."""
    return kind_of(type(value)).route


@functools.lru_cache(maxsize=4096)
def is_key(cls: type) -> bool:
    """Whether keys of a type keep apart as JSON keys and can be read back by annotation."""
    return issubclass(cls, _LEAVES)


def _library_kind(cls: type) -> Kind | None:
    for base in cls.__mro__:
        module = _module(base)
        if (module, base.__name__) in _TABULAR:
            return Kind("tabular")
        if module == "pandas" and base.__name__ in _MISSING:
            return Kind("missing")
        if module == "numpy" and base.__name__ == "generic" and not issubclass(cls, (*_LEAVES, *_BUFFERS)):
            return Kind("scalar")
        if issubclass(base, Message):
            return Kind("refused", remedy="A protobuf message travels alone; pass it as an argument of its own")
    return None


def _is_record(cls: type) -> bool:
    return BaseModel in cls.__mro__ or dataclasses.is_dataclass(cls)


def _record_kind(cls: type) -> Kind:
    decorators = getattr(cls, "__pydantic_decorators__", None)
    if decorators is not None and (decorators.field_serializers or decorators.model_serializers):
        return Kind("unknown")  # it says itself how it is written
    if issubclass(cls, BaseModel):
        names = tuple(name for name, field in cls.model_fields.items() if _may_hold_more(field))
        if cls.model_config.get("extra") != "allow":
            return Kind("branch", functools.partial(_fields_of, names), fields=names) if names else Kind("leaf")
        return Kind("branch", functools.partial(_fields_and_extras_of, names), fields=names)
    names = tuple(field.name for field in dataclasses.fields(cast("Any", cls)))
    return Kind("branch", functools.partial(_fields_of, names), fields=names)


def _may_hold_more(field: FieldInfo) -> bool:
    if field.exclude or any(type(each).__name__ in _SERIALIZERS for each in field.metadata):
        return False
    return not _is_leaf_annotation(field.annotation)


def _is_leaf_annotation(annotation: Any) -> bool:
    if isinstance(annotation, type):
        return issubclass(annotation, _LEAVES)
    if get_origin(annotation) is Literal or annotation is None:
        return True
    if get_origin(annotation) in {Union, types.UnionType}:
        return all(map(_is_leaf_annotation, get_args(annotation)))
    return get_origin(annotation) is typing.Annotated and _is_leaf_annotation(get_args(annotation)[0])


_values = cast("Callable[[Any], Iterable[Any]]", dict.values)  # pyright: ignore[reportUnknownMemberType]


def _values_of(mappings: Iterable[Any]) -> Iterable[Any]:
    return chain.from_iterable(map(_values, mappings))


def _fields_of(names: tuple[str, ...], records: Iterable[Any]) -> Iterable[Any]:
    return [getattr(record, name, None) for record in records for name in names]


def _fields_and_extras_of(names: tuple[str, ...], records: Iterable[Any]) -> Iterable[Any]:
    extras: list[Iterable[Any]] = [(record.__pydantic_extra__ or {}).values() for record in records]
    return chain(_fields_of(names, records), chain.from_iterable(extras))


def _module(cls: type) -> str:
    return (getattr(cls, "__module__", None) or "").partition(".")[0]


def _remedy(cls: type) -> str:
    """What to do instead of sending an instance of `cls`; empty where pydantic should be asked."""
    return next((remedy for fits, remedy in _REMEDIES if fits(cls)), "")


_REMEDIES: tuple[tuple[Callable[[type], bool], str], ...] = (
    (
        lambda cls: any(base.__name__ in _SECRETS for base in cls.__mro__),
        "It would arrive masked; read the secret inside the step",
    ),
    (
        lambda cls: cls.__module__.startswith(_AGENTS),
        "An agent is code: make it in a cell, name it in the workflow, and pass what it is chosen by: AGENTS[name]",
    ),
    (lambda cls: issubclass(cls, _FUNCTIONS), "Call it inside the step, or pass its name"),
    (lambda cls: issubclass(cls, io.IOBase), "Pass the path and open the file inside the step"),
    (lambda cls: issubclass(cls, socket.socket), "Open the connection inside the step"),
    (lambda cls: _module(cls) in _DATABASES, "Pass the address or path and connect inside the step"),
    (lambda cls: issubclass(cls, Awaitable), "Await it first and pass the result"),
    (lambda cls: _module(cls) in _LOCKS, "Locks, threads, queues and events do not leave their process"),
    (lambda cls: issubclass(cls, types.ModuleType), "Import the module inside the step"),
    (lambda cls: issubclass(cls, type), "Pass the name of the class"),
    (lambda cls: issubclass(cls, BaseException), "Pass its text, str(error)"),
    (lambda cls: issubclass(cls, (Iterator, range, MappingView)), "Pass a list of its items, list(...)"),
    (lambda cls: _module(cls) in {"numpy", "pandas"}, "Pass it as a pandas Series or as a list"),
    (lambda cls: _module(cls) == "pyarrow", "Pass it as a pyarrow Table"),
    (lambda cls: _module(cls) == "polars", "Pass its .to_arrow() or .to_pandas()"),
    (lambda cls: issubclass(cls, Mapping), "Pass a dict, dict(...)"),
    (lambda cls: issubclass(cls, Sequence), "Pass a list, list(...)"),
)
