"""Values to Temporal payloads and back."""

from __future__ import annotations

from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter, ExternalStorage, PayloadCodec, StorageDriver

EXTERNAL_FROM_BYTES = 32 * 1024


def data_converter(storage: StorageDriver | None = None, *, codec: PayloadCodec | None = None) -> DataConverter:
    """Temporal's data converter for everything the package sends.

    Args:
        storage: Where payloads of 32 KiB and more go; `None` keeps them in history, where 2 MB is the limit.
        codec: Encrypts payloads before they are stored or sent.
    """
    external = ExternalStorage(drivers=[storage], payload_size_threshold=EXTERNAL_FROM_BYTES) if storage else None
    return DataConverter(
        payload_converter_class=PydanticPayloadConverter, payload_codec=codec, external_storage=external
    )
