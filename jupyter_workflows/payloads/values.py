"""Values to Temporal payloads and back: JSON for what JSON can say, Arrow for tables, raw bytes for bytes.

| encoding | what |
|---|---|
| `binary/null` | `None` |
| `binary/plain` | `bytes`, `bytearray` |
| `json/plain` | everything pydantic can write as JSON; NaN and infinities as `NaN`, `Infinity`, `-Infinity` |
| `json/protobuf` | protobuf messages |
| `binary/arrow`, `binary/ndarray` | tables and arrays, see `tables` |
| `multipart/json` | JSON with holes and the payloads that fill them: bytes, tables or arrays inside other values |
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any, cast

from google.protobuf.message import Message
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, SchemaSerializer, from_json, to_json
from pydantic_core.core_schema import any_schema
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.common import RawValue
from temporalio.converter import BinaryProtoPayloadConverter, JSONProtoPayloadConverter, PayloadConverter

from ..errors import PayloadError
from . import tables, types
from .kinds import route_of
from .refusal import Unfit, refuse
from .survey import refusal, survey

JSON = b"json/plain"
MULTIPART = b"multipart/json"
NULL = b"binary/null"
BYTES = b"binary/plain"
_HOLES = ("$part", *(f"$part{number}" for number in range(2, 100)))
_MAX_BYTES = 1 << 30  # a protobuf message ends at 2 GiB

_ANY = SchemaSerializer(any_schema())
_PROTO = JSONProtoPayloadConverter(ignore_unknown_fields=True)
_BINARY_PROTO = BinaryProtoPayloadConverter()


class ValueConverter(PayloadConverter):
    """Temporal's payload converter for everything the package sends; every failure is a `PayloadError`."""

    def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
        """One payload for each value."""
        if len(values) == 1:
            return [self.encode(values[0], "the value")]
        return [self.encode(value, f"value {number} of {len(values)}") for number, value in enumerate(values, 1)]

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """One value for each payload, as its type hint wants it."""
        return [self.decode(payload, hint) for payload, hint in zip_longest(payloads, type_hints or ())]

    def encode(self, value: Any, what: str) -> Payload:
        """The payload of one value.

        Args:
            value: What to send.
            what: What the caller calls it, for messages.

        Raises:
            PayloadError: It can't travel; the message names the part, its type and the remedy.
        """
        if value is None:
            return Payload(metadata={"encoding": NULL})
        if isinstance(value, RawValue):
            return value.payload
        if isinstance(value, Message):
            return cast("Payload", _PROTO.to_payload(value))
        try:
            payload = _encode(value)
        except (Unfit, PydanticSerializationError, ValueError, TypeError, RecursionError, AttributeError) as error:
            raise refusal(value, what, str(error).splitlines()[0]) from None
        if len(payload.data) > _MAX_BYTES:
            raise refuse(
                f"{what} has {len(payload.data):,} bytes, and 1 GiB is the limit. Write it to a file, pass its path"
            )
        return payload

    def decode(self, payload: Payload, annotation: Any = None) -> Any:
        """The value of one payload.

        Args:
            payload: What arrived.
            annotation: What it should become; `None` for whatever was sent.

        Raises:
            PayloadError: It can't be read, or it is something else.
        """
        if annotation is RawValue:
            return RawValue(payload)
        if annotation is None or annotation is inspect.Parameter.empty:
            annotation = Any
        encoding = payload.metadata.get("encoding", b"")
        read = _READERS.get(encoding)
        if read is None:
            raise _unknown_encoding(encoding)
        try:
            return read(payload, annotation)
        except PayloadError:
            raise
        except ValidationError as error:
            raise refuse(f"a stored value does not fit {types.name(annotation)}: {types.problems(error)}") from None
        except Exception as error:  # noqa: BLE001 - whatever a parser raises on foreign bytes, the worker must go on
            raise refuse(
                f"a stored value of {len(payload.data):,} bytes ({_shown(encoding)}) can't be read: "
                f"{type(error).__name__}: {str(error)[:200]}. It is damaged, or another program wrote it"
            ) from None


def check(value: Any, what: str) -> None:
    """Nothing, if the value can travel; for callers who know what the user calls it.

    Cost: that of encoding it once.

    Raises:
        PayloadError: Some part of it can't travel; names its path below `what`, its type and the remedy.
    """
    ValueConverter().encode(value, what)


class _Raw:
    """Bytes on their way into a hole."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


def _encode(value: Any) -> Payload:
    route = route_of(value)
    if route == "buffer":
        return Payload(metadata={"encoding": BYTES}, data=bytes(value))
    if route == "tabular":
        return tables.encode(value)
    if route == "leaf":
        return Payload(metadata={"encoding": JSON}, data=to_json(value))
    if survey(value).needs_rewriting:
        value = _rewrite(_ANY.to_python(value))
    for hole in _HOLES:
        parts: list[Payload] = []
        data = to_json(value, fallback=_filler(parts, hole))
        if not parts:
            return Payload(metadata={"encoding": JSON}, data=data)
        if data.count(f'"{hole}":'.encode()) == len(parts):  # else the user's own data has such a key
            return _multipart(data, parts, hole)
    raise Unfit(f"has every key from {_HOLES[0]} to {_HOLES[-1]}. Rename one")


def _filler(parts: list[Payload], hole: str) -> Callable[[Any], Any]:
    """What stands in the JSON for a part that is no JSON; the part itself is added to `parts`."""

    def fill(item: Any) -> Any:
        if isinstance(item, _Raw):
            parts.append(Payload(metadata={"encoding": BYTES}, data=item.data))
        elif route_of(item) == "tabular":
            parts.append(tables.encode(item))
        elif route_of(item) == "scalar":
            return tables.plain_scalar(item)
        else:
            raise Unfit(f"holds a {type(item).__name__}, which can't travel")
        return {hole: len(parts) - 1}

    return fill


def _rewrite(value: Any) -> Any:
    """The same value with bytes marked and missing values made `None`."""
    route = route_of(value)
    if isinstance(value, dict):
        return {key: _rewrite(part) for key, part in cast("dict[Any, Any]", value).items()}
    if route == "branch":
        return [_rewrite(part) for part in value]
    if route == "buffer":
        return _Raw(bytes(value))
    return None if route == "missing" else value


def _multipart(data: bytes, parts: list[Payload], hole: str) -> Payload:
    whole = Payloads(payloads=[Payload(metadata={"encoding": JSON}, data=data), *parts])
    metadata = {"encoding": MULTIPART, "format": b"1", "hole": hole.encode()}
    return Payload(metadata=metadata, data=whole.SerializeToString())


def _read_json(payload: Payload, annotation: Any) -> Any:
    if annotation is Any:
        return from_json(payload.data)
    return types.adapter(annotation).validate_json(payload.data)


def _read_multipart(payload: Payload, annotation: Any) -> Any:
    if payload.metadata.get("format") != b"1":
        raise refuse("a stored value was written by a newer jupyter-workflows. Upgrade it where the value is read")
    first, *parts = Payloads.FromString(payload.data).payloads
    fillings = [_PART_READERS[part.metadata["encoding"]](part, Any) for part in parts]
    whole = _fill(from_json(first.data), payload.metadata["hole"].decode(), fillings)
    return whole if annotation is Any else types.adapter(annotation).validate_python(whole)


def _fill(value: Any, hole: str, fillings: list[Any]) -> Any:
    if isinstance(value, dict):
        mapping = cast("dict[str, Any]", value)
        if mapping.keys() == {hole}:
            return fillings[mapping[hole]]
        return {key: _fill(part, hole, fillings) for key, part in mapping.items()}
    if isinstance(value, list):
        return [_fill(part, hole, fillings) for part in cast("list[Any]", value)]
    return value


def _read_null(payload: Payload, _annotation: Any) -> None:
    if payload.data:
        raise ValueError("it is marked as empty and is not")


def _read_bytes(payload: Payload, annotation: Any) -> Any:
    if annotation in {Any, bytes}:
        return payload.data
    if annotation is bytearray:
        return bytearray(payload.data)
    return types.adapter(annotation).validate_python(payload.data)


def _read_proto(payload: Payload, annotation: Any) -> Any:
    converter = _PROTO if payload.metadata["encoding"] == b"json/protobuf" else _BINARY_PROTO
    value = converter.from_payload(payload)
    return value if annotation is Any else types.adapter(annotation).validate_python(value)


def _read_table(payload: Payload, annotation: Any) -> Any:
    value = tables.decode(payload, annotation)
    return value if annotation is Any else types.adapter(annotation).validate_python(value)


_Reader = Callable[[Payload, Any], Any]
_PART_READERS: dict[bytes, _Reader] = {
    BYTES: _read_bytes,
    tables.ARROW.encode(): _read_table,
    tables.NDARRAY.encode(): _read_table,
}
_READERS: dict[bytes, _Reader] = {
    NULL: _read_null,
    JSON: _read_json,
    MULTIPART: _read_multipart,
    b"json/protobuf": _read_proto,
    b"binary/protobuf": _read_proto,
    **_PART_READERS,
}


def _unknown_encoding(encoding: bytes) -> PayloadError:
    if not encoding:
        return refuse("a stored value does not say how it is encoded. Another program wrote it, or it is damaged")
    if b"encrypted" in encoding:
        return refuse(
            f"a value is encrypted ({_shown(encoding)}), and encryption is off here: turn it on with the keys that the "
            "run was started with"
        )
    return refuse(
        f"a stored value has the unknown encoding {_shown(encoding)}. "
        "It was written by another program or a newer jupyter-workflows; upgrade it where the value is read"
    )


def _shown(encoding: bytes) -> str:
    return ascii(encoding.decode("ascii", "replace")[:60])
