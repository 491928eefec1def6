"""The one data converter of clients, workers and replayers."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.converter import DataConverter, ExternalStorage, PayloadCodec, StorageDriver, StorageDriverSelectContext

from .failures import EncryptableFailureTexts, FailureTexts
from .refusal import refuse
from .values import ValueConverter

EXTERNAL_FROM_BYTES = 32 * 1024
_REFERENCE = b"temporal.api.sdk.v1.ExternalStorageReference"
_OLD_REFERENCE = b"json/external-storage-reference"
_ENCODED_REFERENCE = "__temporal_external_storage_reference"


def data_converter(*storages: StorageDriver, codec: PayloadCodec | None = None) -> DataConverter:
    """Temporal's data converter for everything the package sends.

    Args:
        storages: The first stores payloads of 32 KiB and more, all are read from. Without any, every value stays in
            history, where 2 MB is the limit.
        codec: Encrypts payloads before they are stored or sent.
    """
    external = None
    if storages:
        external = ExternalStorage(
            drivers=storages,
            driver_selector=functools.partial(_first, storages),
            payload_size_threshold=EXTERNAL_FROM_BYTES,
        )
    return _Converter(
        payload_converter_class=ValueConverter,
        failure_converter_class=EncryptableFailureTexts if codec else FailureTexts,
        payload_codec=codec,
        external_storage=external,
    )


async def bare(converter: DataConverter, payloads: Sequence[Payload]) -> list[Payload]:
    """Payloads without encryption, fetched from where large ones are kept."""
    if not payloads:
        return []
    kinds: list[type] = [RawValue] * len(payloads)
    return [raw.payload for raw in await converter.decode(payloads, kinds)]


def _first(storages: Sequence[StorageDriver], _context: StorageDriverSelectContext, _payload: Payload) -> StorageDriver:
    return storages[0]


@dataclass(frozen=True)
class _Converter(DataConverter):
    """Temporal's converter, with references to stored values checked before they are followed.

    A reference that can't be followed would fail each workflow task anew, without end; here it fails the run. The
    two methods are private to the SDK: a test sends such references through a real worker.
    """

    async def _decode_reference_payload_sequence(self, payloads: Sequence[Payload]) -> list[Payload]:
        for payload in payloads:
            if payload.metadata.get(_ENCODED_REFERENCE) == b"true" and self.payload_codec is None:
                raise refuse("a reference to a stored value is encrypted, and no codec is configured here")
        return await super()._decode_reference_payload_sequence(payloads)

    async def _external_retrieve_payload_sequence(self, payloads: Sequence[Payload]) -> list[Payload]:
        for payload in payloads:
            self._check_reference(payload)
        return await super()._external_retrieve_payload_sequence(payloads)

    def _check_reference(self, payload: Payload) -> None:
        encoding = payload.metadata.get("encoding")
        if encoding == _OLD_REFERENCE:
            raise refuse("a stored value is referred to in a form that is no longer written. Start the run again")
        if encoding != b"json/protobuf" or payload.metadata.get("messageType") != _REFERENCE:
            return
        try:
            driver = str(json.loads(payload.data)["driverName"])
        except (ValueError, KeyError, TypeError):
            raise refuse("a reference to a stored value is damaged, or another program wrote it") from None
        known = [each.name() for each in self.external_storage.drivers] if self.external_storage else []
        if driver not in known:
            raise refuse(
                f"a value lies in the storage {driver[:60]!r}, which is not configured here (configured: "
                f"{', '.join(known) or 'none'}). Set JUPYTER_WORKFLOWS_STORAGE as where the run was started"
            )
