"""Large values in S3, or in whatever speaks its protocol."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.contrib.aws.s3driver import S3StorageDriver, S3StorageDriverClient
from temporalio.converter import (
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

from ..errors import PayloadError

DRIVER_NAME = "jupyter-workflows.s3"


class S3Storage(StorageDriver):
    """Keeps payloads in a bucket, by the SHA-256 of their content, one prefix for each run.

    Credentials, region and endpoint come from the usual AWS settings (`AWS_PROFILE`, `AWS_REGION`,
    `AWS_ENDPOINT_URL_S3`, ...). There is no clean-up from here: give the bucket a lifecycle rule that is longer than
    the namespace's retention.

    Args:
        bucket: Name of the bucket.
        prefix: What every key begins with.
        client: Something else than aioboto3 to talk to the bucket.

    Raises:
        PayloadError: aioboto3 is needed and not installed.
    """

    def __init__(self, bucket: str, prefix: str = "", *, client: S3StorageDriverClient | None = None) -> None:
        self.bucket = bucket
        self._driver = S3StorageDriver(_Prefixed(client or _Aioboto3(), prefix), bucket, driver_name=DRIVER_NAME)

    def name(self) -> str:
        """The name that references in history carry."""
        return DRIVER_NAME

    async def store(self, context: StorageDriverStoreContext, payloads: Sequence[Payload]) -> list[StorageDriverClaim]:
        """Uploads each payload that the bucket does not have yet.

        Raises:
            PayloadError: The bucket refuses or can't be reached; Temporal tries again where a worker stores.
        """
        try:
            return await self._driver.store(context, payloads)
        except Exception as error:
            raise self._failed("stored", error) from error

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        """Downloads payloads, each checked against its hash.

        Raises:
            PayloadError: An object is gone or damaged, or the bucket can't be reached.
        """
        try:
            return await self._driver.retrieve(context, claims)
        except Exception as error:
            raise self._failed("read", error) from error

    def _failed(self, what: str, error: Exception) -> PayloadError:
        reason = error.__cause__ or error
        return PayloadError(
            f"a value can't be {what} in s3://{self.bucket}: {reason}. "
            "Check the bucket, region and credentials in the AWS settings"
        )


class _Prefixed(S3StorageDriverClient):
    def __init__(self, client: S3StorageDriverClient, prefix: str) -> None:
        self._client = client
        self._prefix = f"{prefix}/" if prefix else ""

    async def put_object(self, *, bucket: str, key: str, data: bytes) -> None:
        await self._client.put_object(bucket=bucket, key=self._prefix + key, data=data)

    async def object_exists(self, *, bucket: str, key: str) -> bool:
        return await self._client.object_exists(bucket=bucket, key=self._prefix + key)

    async def get_object(self, *, bucket: str, key: str) -> bytes:
        return await self._client.get_object(bucket=bucket, key=self._prefix + key)


class _Aioboto3(S3StorageDriverClient):
    """One aioboto3 client for each operation: clients belong to an event loop, and the loops come and go."""

    def __init__(self) -> None:
        try:
            self._session: Any = importlib.import_module("aioboto3").Session()
            self._adapter: Any = importlib.import_module("temporalio.contrib.aws.s3driver.aioboto3")
        except ImportError as error:
            raise PayloadError(
                f'values are to go to S3, and {error.name} is not installed. pip install "jupyter-workflows[s3]"'
            ) from None

    async def put_object(self, *, bucket: str, key: str, data: bytes) -> None:
        async with self._session.client("s3") as client:
            await self._adapter.new_aioboto3_client(client).put_object(bucket=bucket, key=key, data=data)

    async def object_exists(self, *, bucket: str, key: str) -> bool:
        async with self._session.client("s3") as client:
            return await self._adapter.new_aioboto3_client(client).object_exists(bucket=bucket, key=key)

    async def get_object(self, *, bucket: str, key: str) -> bytes:
        async with self._session.client("s3") as client:
            return await self._adapter.new_aioboto3_client(client).get_object(bucket=bucket, key=key)
