"""Values between a kernel and the payloads of its notebook's run."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.converter import DataConverter, StorageDriverStoreContext, StorageDriverWorkflowInfo

from ..errors import PayloadError
from ..payloads.values import ValueConverter
from ..schema.durable import StoredValue
from .packing import PICKLED, Packer, Unstorable, tagged, type_name
from .unpacking import unpack

_CONVERTER = ValueConverter()


@dataclass(frozen=True)
class Encoded:
    """A value as a payload, not yet encrypted nor stored.

    Attributes:
        referred: The notebook's functions and classes that it needs.
    """

    payload: Payload
    digest: str
    referred: frozenset[str]


def encode(value: Any, name: str, namespace: Mapping[str, Any], *, pickled: bool = False) -> Encoded:
    """A value as a payload.

    Cost: packing plain containers takes about 1 µs an element, tables and arrays are copied once.

    Args:
        value: What a name of the notebook holds.
        name: That name.
        namespace: The notebook's live names.
        pickled: Whether it is to be pickled.

    Raises:
        Unstorable: It can't be stored; says which part.
    """
    packer = Packer(namespace)
    try:
        tree = _pickled(value, name) if pickled else packer.pack(value, name)
        payload = _CONVERTER.encode(tree, name)
    except PayloadError as error:
        path, _, about = str(error).partition(" ")
        raise Unstorable(path, about) from None
    except RecursionError:
        raise Unstorable(name, "is nested too deeply") from None
    return Encoded(payload, digest_of(payload), frozenset(packer.referred))


def _pickled(value: Any, name: str) -> Any:
    try:
        return tagged(PICKLED, data=pickle.dumps(value, protocol=5))
    except Exception as error:  # noqa: BLE001 - pickling runs the value's own code, which may raise anything
        raise Unstorable(name, f"can't be pickled: {type(error).__name__}: {error}") from None


def digest_of(payload: Payload) -> str:
    """SHA-256 over a payload's content and encoding."""
    total = hashlib.sha256()
    for key in sorted(payload.metadata):
        total.update(key.encode() + b"\0" + payload.metadata[key] + b"\0")
    total.update(payload.data)
    return total.hexdigest()


def decode(payload: Payload, namespace: Mapping[str, Any], *, pickles: bool = False) -> Any:
    """The value of a payload.

    Args:
        payload: As `encode` made it.
        namespace: The notebook's live names.
        pickles: Whether the user asked for pickles here: nothing else may make history run code.

    Raises:
        Unrestorable: It needs a class or module that is not there.
        PayloadError: It is damaged.
    """
    tree = _CONVERTER.decode(payload)
    if not pickles and isinstance(tree, dict) and cast("dict[str, Any]", tree).get("$cell") == PICKLED:
        raise PayloadError("a stored value is a pickle, and the cell does not say --pickle for it")
    return unpack(tree, namespace)


def about(value: Any) -> str:
    """Type and extent of a value, for people."""
    kind = type_name(cast("type[Any]", type(value)))
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"{kind} {' x '.join(map(str, cast('tuple[Any, ...]', shape)))}"
    if isinstance(value, list | tuple | dict | set | frozenset | str | bytes):
        return f"{kind} of {len(cast('Any', value)):,}"
    return f"{kind} {value!r:.40}" if isinstance(value, int | float | bool | None) else kind


def stored_value(name: str, value: Any, encoded: Encoded) -> StoredValue:
    """What the record says of a value."""
    size_bytes = len(encoded.payload.data)
    needs = sorted(encoded.referred)
    return StoredValue(name=name, digest=encoded.digest, about=about(value), size_bytes=size_bytes, needs=needs)


async def send(converter: DataConverter, payloads: list[Payload], *, workflow_id: str, namespace: str) -> list[Payload]:
    """The payloads as history takes them: encrypted where that is set up, and references where they are large."""
    target = StorageDriverWorkflowInfo(id=workflow_id, namespace=namespace)
    owned = converter._with_store_context(StorageDriverStoreContext(target=target))  # pyright: ignore[reportPrivateUsage]
    return await owned.encode([RawValue(payload) for payload in payloads])
