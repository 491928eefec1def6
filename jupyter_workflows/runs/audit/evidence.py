"""The values of a run as an audit file holds them: in full or as hashes, and what is gone is said to be gone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal, cast

import temporalio.common
from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter

from ...errors import EncryptionFailed, KeyDestroyed
from ...security.canonical import canonical, digest
from ..values import Stored, Unreadable, reason_of, stored_bytes

ValueMode = Literal["full", "hashes"]
READ_AT_ONCE = 16
PLAIN = b"json/plain"
NULL = b"binary/null"


class Evidence:
    """Payloads of a run, decrypted and fetched: as Python sees them, and as the file holds them.

    Args:
        converter: The client's data converter.
        mode: Whether values stand in the file, or their hashes.
    """

    def __init__(self, converter: DataConverter, mode: ValueMode = "full") -> None:
        self.converter = converter
        self.mode = mode
        self.erased: set[str] = set()
        # The payload is kept beside what was read so that its id stays its own.
        self.read: dict[int, tuple[Payload, Payload | Unreadable]] = {}

    async def prepare(self, payloads: Iterable[Payload]) -> None:
        """Decrypts and fetches payloads.

        Raises:
            EncryptionFailed: A key is missing: a file with holes that nobody explains is no evidence.
        """
        for payload in payloads:
            if id(payload) not in self.read:
                self.read[id(payload)] = payload, await self.opened(payload)

    async def opened(self, payload: Payload) -> Payload | Unreadable:
        """One payload as a workflow sees it.

        Raises:
            EncryptionFailed: Its key is missing.
        """
        kinds: Sequence[type] = [temporalio.common.RawValue]
        try:
            return (await self.converter.decode([payload], list(kinds)))[0].payload
        except KeyDestroyed as error:
            self.erased.add(error.key)
            return Unreadable(str(error), erased=error.key)
        except EncryptionFailed:
            raise
        except Exception as error:  # noqa: BLE001 - codecs and storage drivers raise anything
            return Unreadable(reason_of(error))

    def __call__(self, payload: Payload) -> Any:
        """The value, or what stands for it: how steps and approvals are read."""
        found = self.found(payload)
        if not isinstance(found, Payload):
            return found
        if found.metadata.get("encoding") == NULL:
            return None
        if found.metadata.get("encoding") == PLAIN:
            try:
                return json.loads(found.data)
            except (ValueError, RecursionError) as error:
                return Unreadable(reason_of(error))
        return Stored(len(found.data))

    def found(self, payload: Payload) -> Payload | Unreadable:
        """What was read of a payload; one that was not prepared is read as it is."""
        known = self.read.get(id(payload))
        if known:
            return known[1]
        return Unreadable("it is kept outside of history") if stored_bytes(payload) else payload

    def beside(self, payload: Payload) -> Payload:
        """What a worker wrote beside a value."""
        found = self.found(payload)
        return found if isinstance(found, Payload) else payload

    def shown(self, payload: Payload) -> Any:
        """The value as the file holds it."""
        found = self.found(payload)
        if not isinstance(found, Payload):
            return {"erased": found.erased} if found.erased else {"unreadable": found.reason}
        encoding = found.metadata.get("encoding", b"").decode("utf-8", "replace")
        if found.metadata.get("encoding") not in (PLAIN, NULL):
            return {"bytes": len(found.data), "encoding": encoding, "sha256": digest(found.data)}
        return self.told(self(payload))

    def told(self, value: Any) -> Any:
        """A value of JSON as the file holds it: itself, or its hash."""
        plain = finite(value)
        if self.mode == "full" or plain is None or isinstance(plain, bool):
            return plain
        text = canonical(plain)
        return {"bytes": len(text), "sha256": digest(text)}


def finite(value: Any) -> Any:
    """A value without the numbers that JSON lacks, and without what stands for no value."""
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in cast("dict[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in cast("list[Any]", value)]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Unreadable):
        return {"erased": value.erased} if value.erased else {"unreadable": value.reason}
    if isinstance(value, Stored):
        return {"bytes": value.size_bytes}
    return value
