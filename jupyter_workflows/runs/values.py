"""Payloads decoded for showing: bounded, and a value that can't be read is said so instead of raising."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter

from ..errors import KeyDestroyed
from ..payloads import bare

Decode = Callable[[Payload], Any]

MAX_STORED_BYTES = 64 * 1024 * 1024
READ_AT_ONCE = 16


@dataclass(frozen=True)
class Stored:
    """Stands for a value that is kept outside of history and was not fetched."""

    size_bytes: int

    def __str__(self) -> str:
        return f"<stored value, {self.size_bytes:,} bytes>"


@dataclass(frozen=True)
class Unreadable:
    """Stands for a value that could not be read back; `erased` names the key that was destroyed."""

    reason: str
    erased: str = ""

    def __str__(self) -> str:
        return f"<erased: the key {self.erased} was destroyed>" if self.erased else f"<unreadable value: {self.reason}>"


class Values:
    """Payloads of one run, decoded: call it with a payload.

    Where values are encrypted or stored outside of history, `prepare` them first: those ways are asynchronous.

    Args:
        converter: The client's data converter.
        fetch_stored: Whether values stored outside of history are fetched, up to 64 MiB in one `prepare`.
    """

    def __init__(self, converter: DataConverter, *, fetch_stored: bool = True) -> None:
        self.converter = converter
        self.fetch_stored = fetch_stored
        # The payload is kept beside its value so that its id stays its own.
        self.ready: dict[int, tuple[Payload, Any]] = {}
        self.noted: dict[int, tuple[Payload, Payload]] = {}

    async def prepare(self, payloads: Iterable[Payload], *, fetch_stored: bool = False) -> None:
        """Decrypts what needs it, and fetches what is stored elsewhere where that is wanted, here or of all values."""
        room = MAX_STORED_BYTES if fetch_stored or self.fetch_stored else -1
        wanted: list[Payload] = []
        for payload in payloads:
            if id(payload) in self.ready:
                continue
            size = stored_bytes(payload)
            room -= size
            if size and room < 0:
                self.ready[id(payload)] = payload, Stored(size)
            elif size or self.converter.payload_codec:
                wanted.append(payload)
        for start in range(0, len(wanted), READ_AT_ONCE):
            batch = wanted[start : start + READ_AT_ONCE]
            for payload, value in zip(batch, await asyncio.gather(*map(self.read, batch)), strict=True):
                self.ready[id(payload)] = payload, value

    def forget(self, payloads: Iterable[Payload]) -> None:
        """Drops the values of payloads that will not be asked for again: heartbeats come often."""
        for payload in payloads:
            self.ready.pop(id(payload), None)
            self.noted.pop(id(payload), None)

    async def note(self, payloads: Iterable[Payload]) -> None:
        """Learns what workers wrote beside values that are encrypted or stored elsewhere; the values are not kept."""
        noted = self.noted.keys() | self.ready.keys()
        hidden = [payload for payload in payloads if stored_bytes(payload) or self.converter.payload_codec]
        wanted = [payload for payload in hidden if id(payload) not in noted]
        for start in range(0, len(wanted), READ_AT_ONCE):
            await asyncio.gather(*map(self.read, wanted[start : start + READ_AT_ONCE]))

    def beside(self, payload: Payload) -> Payload:
        """A payload with what its worker wrote beside the value, as far as it was prepared or noted; not the value."""
        known = self.noted.get(id(payload))
        return known[1] if known else payload

    async def read(self, payload: Payload) -> Any:
        """One payload's value, by the converter's asynchronous way."""
        try:
            (plain,) = await bare(self.converter, [payload])
            if plain is not payload:
                self.noted[id(payload)] = payload, Payload(metadata=plain.metadata)
            return self.converter.payload_converter.from_payload(plain)
        except KeyDestroyed as error:
            return Unreadable(reason_of(error), erased=error.key)
        except Exception as error:  # noqa: BLE001 - converters, codecs and drivers raise anything on hostile bytes
            return Unreadable(reason_of(error))

    def __call__(self, payload: Payload) -> Any:
        """The payload's value, or what stands for it."""
        found = self.ready.get(id(payload))
        if found:
            return found[1]
        if size := stored_bytes(payload):
            return Stored(size)
        try:
            return self.converter.payload_converter.from_payload(payload)
        except Exception as error:  # noqa: BLE001 - converters, codecs and drivers raise anything on hostile bytes
            return Unreadable(reason_of(error))


def beside(decode: Decode, payload: Payload) -> Payload:
    """A payload with what its worker wrote beside the value, which is hidden where the value is."""
    found: Decode | None = getattr(decode, "beside", None)
    return found(payload) if found else payload


def stored_bytes(payload: Payload) -> int:
    """Size of the value where it is stored outside of history, else 0."""
    return sum(external.size_bytes for external in payload.external_payloads)


def payloads_in(messages: Sequence[Message]) -> Iterator[Payload]:
    """All payloads in messages, wherever they stand."""
    for message in messages:
        if isinstance(message, Payload):
            yield message
            continue
        for field, value in message.ListFields():
            if field.message_type is None:
                continue
            if field.message_type.GetOptions().map_entry:
                inner = [item for item in value.values() if isinstance(item, Message)]
            else:
                inner = list(value) if field.is_repeated else [value]
            yield from payloads_in(inner)


def reason_of(error: Exception) -> str:
    """A short reason why a payload can't be read."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__


def plain(payload: Payload) -> Any:
    """A payload's value by Temporal's default conversion: for histories without a client at hand."""
    return Values(DataConverter.default)(payload)
