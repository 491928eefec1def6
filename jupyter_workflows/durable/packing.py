"""Values of a notebook as trees that travel as payloads, and back with the types they had.

What payloads keep by themselves (JSON's own types, bytes, tables, arrays) stays as it is. Anything else becomes a
mapping with a tag. Two values with the same tree are equal; who else holds a value, and that two names share one, is
not kept.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import io
import pathlib
import re
import sys
import types
import uuid
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from pydantic import BaseModel

from ..authoring import Activity, Workflow
from ..payloads.kinds import kind_of

TAG = "$cell"
PLAIN = frozenset({type(None), bool, int, float, str})
MAX_DEPTH = 150
PICKLED = "pickle"
MAX_FIGURES = 1_000
# Libraries whose objects draw: what they have drawn is kept as the cell's output.
FIGURES = frozenset({"matplotlib", "plotly", "altair", "bokeh", "ipywidgets", "anywidget"})


class Unstorable(Exception):
    """A part of a value can't be stored.

    Args:
        path: Where it is, beginning with the name.
        about: What it is, as the end of a sentence.
    """

    def __init__(self, path: str, about: str) -> None:
        super().__init__(f"{path} {about}")
        self.path = path
        self.about = about


class Unrestorable(Exception):
    """A stored value needs something that is not there: a class, a module."""


class Packer:
    """Makes trees of values.

    Args:
        namespace: The notebook's live names: its functions and classes travel by name.

    Attributes:
        referred: The names of the notebook's functions and classes that the values refer to.
    """

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self.namespace = namespace
        self.referred: set[str] = set()

    def pack(self, value: Any, path: str, above: tuple[int, ...] = ()) -> Any:
        """The tree of a value.

        Raises:
            Unstorable: A part of it can't be stored.
        """
        cls = cast("type[Any]", type(value))
        if cls in PLAIN or cls is bytes:
            return value
        if id(value) in above:
            raise Unstorable(path, "contains itself")
        if len(above) > MAX_DEPTH:
            raise Unstorable(path[:80] + "…", f"is nested deeper than {MAX_DEPTH} levels")
        inner = (*above, id(value))
        if cls in CONTAINERS:
            return CONTAINERS[cls](self, value, path, inner)
        if cls in CONSTRUCTED:
            name, arguments = CONSTRUCTED[cls]
            return tagged(name, args=[self.pack(each, path, inner) for each in arguments(value)])
        return self.other(value, path, inner)

    def items(self, values: Iterable[Any], path: str, inner: tuple[int, ...]) -> list[Any]:
        """Trees of the parts of a sequence."""
        values = values if isinstance(values, list) else list(values)
        if set(map(type, values)) <= PLAIN:
            return values
        return [self.pack(each, f"{path}[{index}]", inner) for index, each in enumerate(values)]

    def mapping(self, value: dict[Any, Any], path: str, inner: tuple[int, ...]) -> Any:
        """A dict: as it is where its keys are texts."""
        if set(map(type, value)) <= {str} and TAG not in value:
            if set(map(type, value.values())) <= PLAIN:
                return dict(value)
            return {key: self.pack(each, f"{path}[{key!r:.40}]", inner) for key, each in value.items()}
        pairs = [
            [self.pack(key, f"{path} key {key!r:.40}", inner), self.pack(each, f"{path}[{key!r:.40}]", inner)]
            for key, each in value.items()
        ]
        return tagged("dict", items=pairs)

    def unordered(self, value: Iterable[Any], path: str, inner: tuple[int, ...]) -> list[Any]:
        """The parts of a set in an order that every process gives them."""
        return sorted((self.pack(each, f"{path} item", inner) for each in value), key=repr)

    def other(self, value: Any, path: str, inner: tuple[int, ...]) -> Any:
        """A value whose exact type is not built in."""
        cls = cast("type[Any]", type(value))
        for fits, packed in OTHERS:
            if fits(value, cls):
                return packed(self, value, path, inner)
        code = self.reference(value)
        if code is not None:
            return code
        if kind_of(cls).route == "refused" or not is_plain_instance(cls):
            raise Unstorable(path, f"is a {type_name(cls)}, which can't be stored")
        state = cast("dict[str, Any]", vars(value))
        return tagged("object", cls=self.class_of(value, path), state=self.mapping(state, path, inner))

    def reference(self, value: Any) -> Any:
        """A module, class or function as a name; None for anything else."""
        if isinstance(value, types.ModuleType):
            return tagged("module", name=value.__name__) if sys.modules.get(value.__name__) is value else None
        if not is_code(value):
            return None
        name = getattr(value, "__name__", None) or getattr(value, "name", None)
        if isinstance(name, str) and self.namespace.get(name) is value and is_of_notebook(value):
            self.referred.add(name)
            return tagged("name", name=name)
        module, path = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
        if isinstance(module, str) and isinstance(path, str) and found(module, path) is value:
            return tagged("import", module=module, path=path)
        return None

    def class_of(self, value: Any, path: str) -> Any:
        """A reference to the class of a value."""
        cls = cast("type[Any]", type(value))
        known = self.reference(cls)
        if known is None:
            raise Unstorable(path, f"is a {type_name(cls)}, and that class has no name to find it by")
        return known


def tagged(kind: str, **parts: Any) -> dict[str, Any]:
    """A tree that says what it is."""
    return {TAG: kind, **parts}


def type_name(cls: type) -> str:
    """A class as a person knows it."""
    module = cls.__module__
    return cls.__qualname__ if module in ("builtins", "__main__") else f"{module}.{cls.__qualname__}"


def is_of_notebook(value: Any) -> bool:
    """Whether a function or class was defined in the notebook."""
    return isinstance(value, Activity | Workflow) or getattr(value, "__module__", None) == "__main__"


def is_code(value: Any) -> bool:
    """Whether a value is a function, a class, or one of ours made of them."""
    return isinstance(value, type | types.FunctionType | types.BuiltinFunctionType | Activity | Workflow) or (
        callable(value) and hasattr(value, "__wrapped__") and hasattr(value, "__name__")
    )


def found(module: str, path: str) -> Any:
    """What a module has under a dotted path; None where there is nothing."""
    value: Any = sys.modules.get(module) if module != "__main__" else None
    for part in path.split("."):
        value = getattr(value, part, None)
    return value


def is_plain_instance(cls: type[Any]) -> bool:
    """Whether instances of a class of the notebook are nothing but their attributes."""
    own = [base for base in cls.__mro__ if base is not object and base.__module__ not in ("abc", "typing")]
    special = ("__slots__", "__reduce__", "__reduce_ex__", "__getstate__", "__new__")
    return (
        bool(own)
        and all(base.__module__ == "__main__" for base in own)
        and not any(name in vars(base) for base in own for name in special)
    )


def is_for_show(value: Any) -> bool:
    """Whether a value is of no use but to be seen while the cell runs: a figure, a widget, a closed file."""
    cls = cast("type[Any]", type(value))
    if cls in (list, tuple) or cls.__name__ == "ndarray":
        parts = list(getattr(value, "flat", value))
        return 0 < len(parts) <= MAX_FIGURES and all(map(is_for_show, parts))
    if isinstance(value, io.IOBase):
        return value.closed
    modules = {base.__module__ for base in cls.__mro__}
    return any(name.partition(".")[0] in FIGURES or name.startswith("IPython.core.display") for name in modules)


def is_exactly(*names: str) -> Callable[[Any, type[Any]], bool]:
    """Whether a value's class is one of some libraries' own, by root module and name; not a subclass."""
    wanted = {tuple(name.split(".")) for name in names}
    return lambda _, cls: (cls.__module__.partition(".")[0], cls.__name__) in wanted


def _tabular(packer: Packer, value: Any, path: str, inner: tuple[int, ...]) -> Any:
    attributes = getattr(value, "attrs", None)
    if not attributes:
        return value
    bare = value.copy(deep=False)
    bare.attrs = {}
    return tagged("attrs", table=bare, attrs=packer.pack(attributes, f"{path}.attrs", inner))


def _numpy_scalar(_packer: Packer, value: Any, path: str, _inner: tuple[int, ...]) -> Any:
    import numpy as np

    if value.dtype.hasobject:
        raise Unstorable(path, f"is a numpy {value.dtype}, which can't be stored")
    return tagged("numpy", array=np.asarray(value))


def _moment_of_pandas(_packer: Packer, value: Any, _path: str, _inner: tuple[int, ...]) -> Any:
    import pandas as pd

    return tagged("pandas", series=pd.Series([value]))


def _model(packer: Packer, value: Any, path: str, inner: tuple[int, ...]) -> Any:
    state = value.__getstate__()
    private = cast("dict[str, Any]", state["__pydantic_private__"] or {})
    parts: dict[str, Any] = {
        "fields": state["__dict__"],
        "extra": state["__pydantic_extra__"],
        "private": {name: each for name, each in private.items() if not is_undefined(each)},
        "set": state["__pydantic_fields_set__"],
    }
    return tagged("model", cls=packer.class_of(value, path), state=packer.pack(parts, path, inner))


def is_undefined(value: Any) -> bool:
    """Whether a private attribute of a model has no value yet."""
    return type(value).__name__ == "PydanticUndefinedType"


def _missing(_packer: Packer, value: Any, _path: str, _inner: tuple[int, ...]) -> Any:
    return tagged("missing", name=str(value))


def _dataclass(packer: Packer, value: Any, path: str, inner: tuple[int, ...]) -> Any:
    names = [field.name for field in dataclasses.fields(value)]
    state = {name: getattr(value, name) for name in names if hasattr(value, name)}
    state |= {name: each for name, each in getattr(value, "__dict__", {}).items() if name not in state}
    return tagged("dataclass", cls=packer.class_of(value, path), state=packer.mapping(state, path, inner))


def _enum(packer: Packer, value: Any, path: str, _inner: tuple[int, ...]) -> Any:
    return tagged("enum", cls=packer.class_of(value, path), value=packer.pack(value.value, path))


def _named_tuple(packer: Packer, value: Any, path: str, inner: tuple[int, ...]) -> Any:
    return tagged("namedtuple", cls=packer.class_of(value, path), items=packer.items(value, path, inner))


def _list(packer: Packer, value: Any, path: str, inner: tuple[int, ...]) -> Any:
    return tagged("list", cls=packer.class_of(value, path), items=packer.items(list(value), path, inner))


Packed = Callable[[Packer, Any, str, tuple[int, ...]], Any]


def is_numpy_scalar(_value: Any, cls: type[Any]) -> bool:
    """Whether a value is a number, text or time of NumPy's."""
    return any((base.__module__, base.__name__) == ("numpy", "generic") for base in cls.__mro__)


def is_dataclass(_value: Any, cls: type[Any]) -> bool:
    """Whether a value is an instance of a dataclass, and of nothing else that holds parts."""
    return dataclasses.is_dataclass(cls) and not any(base in BUILT_IN for base in cls.__mro__)


def is_named_tuple(_value: Any, cls: type[Any]) -> bool:
    """Whether a value is a tuple whose parts have names."""
    return cls.__bases__ == (tuple,) and hasattr(cls, "_fields")


def is_list(value: Any, cls: type[Any]) -> bool:
    """Whether a value is a list of a class of its own that adds nothing but methods."""
    return cls.__bases__ == (list,) and not getattr(value, "__dict__", None)


BUILT_IN = frozenset({dict, list, tuple, set, frozenset, str, bytes, int, float})
OTHERS: tuple[tuple[Callable[[Any, type[Any]], bool], Packed], ...] = (
    (is_exactly("pandas.DataFrame", "pandas.Series", "pyarrow.Table", "numpy.ndarray"), _tabular),
    (is_exactly("pandas.Timestamp", "pandas.Timedelta"), _moment_of_pandas),
    (is_exactly("pandas.NaTType", "pandas.NAType"), _missing),
    (is_numpy_scalar, _numpy_scalar),
    (lambda _, cls: issubclass(cls, enum.Enum), _enum),
    (lambda _, cls: issubclass(cls, BaseModel), _model),
    (is_dataclass, _dataclass),
    (is_named_tuple, _named_tuple),
    (is_list, _list),
)

CONTAINERS: dict[type, Packed] = {
    list: lambda packer, value, path, inner: packer.items(value, path, inner),
    dict: lambda packer, value, path, inner: packer.mapping(value, path, inner),
    tuple: lambda packer, value, path, inner: tagged("tuple", items=packer.items(value, path, inner)),
    set: lambda packer, value, path, inner: tagged("set", items=packer.unordered(value, path, inner)),
    frozenset: lambda packer, value, path, inner: tagged("frozenset", items=packer.unordered(value, path, inner)),
    collections.deque: lambda packer, value, path, inner: tagged(
        "deque", items=packer.items(value, path, inner), maxlen=value.maxlen
    ),
    collections.OrderedDict: lambda packer, value, path, inner: tagged(
        "ordered", items=packer.mapping(dict(value), path, inner)
    ),
    collections.Counter: lambda packer, value, path, inner: tagged(
        "counter", items=packer.mapping(dict(value), path, inner)
    ),
    collections.defaultdict: lambda packer, value, path, inner: tagged(
        "defaultdict",
        items=packer.mapping(dict(value), path, inner),
        factory=packer.pack(value.default_factory, f"{path}.default_factory", inner),
    ),
}


# What is stored though it can't be sent: see `payloads.kinds`.
PACKED = (range, type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType, collections.defaultdict)


def _moment(value: datetime.datetime | datetime.time) -> list[Any]:
    return [value.replace(tzinfo=None, fold=0).isoformat(), value.tzinfo, value.fold]


CONSTRUCTED: dict[type, tuple[str, Callable[[Any], list[Any]]]] = {
    bytearray: ("bytearray", lambda value: [bytes(value)]),
    complex: ("complex", lambda value: [value.real, value.imag]),
    decimal.Decimal: ("Decimal", lambda value: [str(value)]),
    fractions.Fraction: ("Fraction", lambda value: [value.numerator, value.denominator]),
    uuid.UUID: ("UUID", lambda value: [str(value)]),
    datetime.date: ("date", lambda value: [value.isoformat()]),
    datetime.datetime: ("datetime", _moment),
    datetime.time: ("time", _moment),
    datetime.timedelta: ("timedelta", lambda value: [value.days, value.seconds, value.microseconds]),
    datetime.timezone: ("timezone", lambda value: [value.utcoffset(None), value.tzname(None)]),
    zoneinfo.ZoneInfo: ("ZoneInfo", lambda value: [value.key]),
    type(pathlib.Path()): ("Path", lambda value: [str(value)]),
    type(pathlib.PurePath()): ("PurePath", lambda value: [str(value)]),
    range: ("range", lambda value: [value.start, value.stop, value.step]),
    slice: ("slice", lambda value: [value.start, value.stop, value.step]),
    re.Pattern: ("pattern", lambda value: [value.pattern, value.flags]),
    type(...): ("ellipsis", lambda _: []),
}
