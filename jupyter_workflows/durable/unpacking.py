"""Trees of stored values, back as values; see `packing`.

A tree comes from history. What it names is imported or looked up, and called only where it is a class of the kind that
the tree says it is; pickles are read where the user asked for them.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import importlib
import pathlib
import pickle
import re
import uuid
import zoneinfo
from collections.abc import Callable, Mapping
from typing import Any, cast

from pydantic import BaseModel

from .packing import PICKLED, PLAIN, TAG, Unrestorable, is_plain_instance

Names = Mapping[str, Any]
Parts = dict[str, Any]


def _moment(text: str, zone: datetime.tzinfo | None, fold: int) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)


def _time(text: str, zone: datetime.tzinfo | None, fold: int) -> datetime.time:
    return datetime.time.fromisoformat(text).replace(tzinfo=zone, fold=fold)


def _timezone(offset: datetime.timedelta, name: str) -> datetime.timezone:
    plain = datetime.timezone(offset)
    return plain if plain.tzname(None) == name else datetime.timezone(offset, name)


CONSTRUCTORS: dict[str, Callable[..., Any]] = {
    "bytearray": bytearray,
    "complex": complex,
    "Decimal": decimal.Decimal,
    "Fraction": fractions.Fraction,
    "UUID": uuid.UUID,
    "date": datetime.date.fromisoformat,
    "datetime": _moment,
    "time": _time,
    "timedelta": datetime.timedelta,
    "timezone": _timezone,
    "ZoneInfo": zoneinfo.ZoneInfo,
    "Path": pathlib.Path,
    "PurePath": pathlib.PurePath,
    "range": range,
    "slice": slice,
    "pattern": re.compile,
    "ellipsis": lambda: ...,
}


def unpack(tree: Any, namespace: Names) -> Any:
    """The value of a tree.

    Raises:
        Unrestorable: A class or module it needs is not there.
    """
    if isinstance(tree, list):
        items = cast("list[Any]", tree)
        return items if set(map(type, items)) <= PLAIN else [unpack(each, namespace) for each in items]
    if not isinstance(tree, dict):
        return tree
    parts = cast("dict[str, Any]", tree)
    kind = parts.get(TAG)
    if kind is None:
        return {key: unpack(each, namespace) for key, each in parts.items()}
    if kind in CONSTRUCTORS:
        return CONSTRUCTORS[kind](*unpack(parts["args"], namespace))
    return UNPACKERS[kind](parts, namespace)


def _pairs(parts: Parts, namespace: Names) -> dict[Any, Any]:
    return {unpack(key, namespace): unpack(each, namespace) for key, each in parts["items"]}


def _items(parts: Parts, namespace: Names) -> Any:
    return unpack(parts["items"], namespace)


def _by_name(parts: Parts, namespace: Names) -> Any:
    if parts["name"] not in namespace:
        raise Unrestorable(f"`{parts['name']}`, which a stored value needs, is not defined")
    return namespace[parts["name"]]


def _imported(parts: Parts, _namespace: Names) -> Any:
    try:
        value: Any = importlib.import_module(parts["module"])
        for part in parts["path"].split("."):
            value = getattr(value, part)
    except (ImportError, AttributeError) as error:
        raise Unrestorable(f"a stored value needs {parts['module']}.{parts['path']}: {error}") from None
    return value


def _module_named(parts: Parts, _namespace: Names) -> Any:
    try:
        return importlib.import_module(parts["name"])
    except ImportError as error:
        raise Unrestorable(f"a stored value needs the module {parts['name']}: {error}") from None


def _class(parts: Parts, namespace: Names, fits: Callable[[type[Any]], bool]) -> type[Any]:
    """The class of a stored value; what history names is called only where it is such a class."""
    cls = unpack(parts["cls"], namespace)
    if not isinstance(cls, type) or not fits(cls):
        raise Unrestorable(f"a stored value needs a class as it was, and {cls!r:.80} is none such")
    return cls


def _instance(parts: Parts, namespace: Names) -> Any:
    cls = _class(parts, namespace, lambda cls: dataclasses.is_dataclass(cls) or is_plain_instance(cls))
    made = object.__new__(cls)
    for name, each in unpack(parts["state"], namespace).items():
        object.__setattr__(made, name, each)
    return made


def _model_instance(parts: Parts, namespace: Names) -> Any:
    cls = _class(parts, namespace, lambda cls: issubclass(cls, BaseModel))
    state = unpack(parts["state"], namespace)
    made: Any = object.__new__(cls)
    made.__setstate__(
        {
            "__dict__": state["fields"],
            "__pydantic_extra__": state["extra"],
            "__pydantic_private__": state["private"] or None,
            "__pydantic_fields_set__": state["set"],
        }
    )
    return made


def _missing(parts: Parts, _namespace: Names) -> Any:
    pandas: Any = importlib.import_module("pandas")
    return pandas.NaT if parts["name"] == "NaT" else pandas.NA


def _counter(parts: Parts, namespace: Names) -> collections.Counter[Any]:
    return collections.Counter(_items(parts, namespace))


def _enum(parts: Parts, namespace: Names) -> Any:
    return _class(parts, namespace, lambda cls: issubclass(cls, enum.Enum))(unpack(parts["value"], namespace))


def _named_tuple(parts: Parts, namespace: Names) -> Any:
    cls = _class(parts, namespace, lambda cls: cls.__bases__ == (tuple,) and hasattr(cls, "_fields"))
    return cls(*_items(parts, namespace))


def _list(parts: Parts, namespace: Names) -> Any:
    return _class(parts, namespace, lambda cls: cls.__bases__ == (list,))(_items(parts, namespace))


def _with_attributes(parts: Parts, namespace: Names) -> Any:
    table = parts["table"]
    table.attrs = unpack(parts["attrs"], namespace)
    return table


def _unpickled(parts: Parts, _namespace: Names) -> Any:
    try:
        return pickle.loads(parts["data"])
    except Exception as error:  # noqa: BLE001 - a pickle runs code of its own, which may raise anything
        raise Unrestorable(f"a pickle can't be read back: {type(error).__name__}: {error}") from None


UNPACKERS: dict[str, Callable[[Parts, Names], Any]] = {
    "dict": _pairs,
    "tuple": lambda parts, namespace: tuple(_items(parts, namespace)),
    "set": lambda parts, namespace: set(_items(parts, namespace)),
    "frozenset": lambda parts, namespace: frozenset(_items(parts, namespace)),
    "deque": lambda parts, namespace: collections.deque(_items(parts, namespace), parts["maxlen"]),
    "ordered": lambda parts, namespace: collections.OrderedDict(_items(parts, namespace)),
    "counter": _counter,
    "defaultdict": lambda parts, namespace: collections.defaultdict(
        unpack(parts["factory"], namespace), _items(parts, namespace)
    ),
    "module": _module_named,
    "name": _by_name,
    "import": _imported,
    "object": _instance,
    "dataclass": _instance,
    "model": _model_instance,
    "enum": _enum,
    "namedtuple": _named_tuple,
    "list": _list,
    "numpy": lambda parts, _: parts["array"][()],
    "pandas": lambda parts, _: parts["series"].iloc[0],
    "missing": _missing,
    "attrs": _with_attributes,
    PICKLED: _unpickled,
}
