"""Large values in S3, or in whatever speaks its protocol."""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
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
from .refusal import refuse

DRIVER_NAME = "jupyter-workflows.s3"
_Opener = Callable[[], AbstractAsyncContextManager[S3StorageDriverClient]]


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
        self.prefix = f"{prefix}/" if prefix else ""
        self._open: _Opener = functools.partial(_as_it_is, client) if client else _aioboto3()

    def name(self) -> str:
        """The name that references in history carry."""
        return DRIVER_NAME

    async def store(self, context: StorageDriverStoreContext, payloads: Sequence[Payload]) -> list[StorageDriverClaim]:
        """Uploads each payload that the bucket does not have yet.

        Raises:
            PayloadError: The bucket refuses or can't be reached; Temporal tries again where a worker stores.
        """
        try:
            async with self._driver() as driver:
                return await driver.store(context, payloads)
        except Exception as error:
            raise self._failed("stored", error) from error

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        """Downloads payloads, each checked against its hash.

        Raises:
            PayloadError: An object is gone or damaged, which is final for the run that needs it; or the bucket can't be
                reached, and Temporal tries again where a worker reads.
        """
        try:
            async with self._driver() as driver:
                return await driver.retrieve(context, claims)
        except Exception as error:
            raise self._failed("read", error) from error

    @contextlib.asynccontextmanager
    async def _driver(self) -> AsyncGenerator[S3StorageDriver]:
        """The SDK's driver with a client of its own: clients belong to an event loop, and loops come and go."""
        async with self._open() as client:
            yield S3StorageDriver(_Prefixed(client, self.prefix), self.bucket, driver_name=DRIVER_NAME)

    def _failed(self, what: str, error: Exception) -> PayloadError:
        reason = error.__cause__ or error
        if isinstance(error, ValueError) or "NoSuchKey" in str(reason):
            return refuse(f"a value in s3://{self.bucket} is gone or damaged: {reason}. Start the run again")
        return PayloadError(
            f"a value can't be {what} in s3://{self.bucket}: {reason}. "
            "Check the bucket, region and credentials in the AWS settings"
        )


class _Prefixed(S3StorageDriverClient):
    def __init__(self, client: S3StorageDriverClient, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    async def put_object(self, *, bucket: str, key: str, data: bytes) -> None:
        await self._client.put_object(bucket=bucket, key=self._prefix + key, data=data)

    async def object_exists(self, *, bucket: str, key: str) -> bool:
        return await self._client.object_exists(bucket=bucket, key=self._prefix + key)

    async def get_object(self, *, bucket: str, key: str) -> bytes:
        return await self._client.get_object(bucket=bucket, key=self._prefix + key)


@contextlib.asynccontextmanager
async def _as_it_is(client: S3StorageDriverClient) -> AsyncGenerator[S3StorageDriverClient]:
    yield client


def _aioboto3() -> _Opener:
    try:
        session: Any = importlib.import_module("aioboto3").Session()
        adapter: Any = importlib.import_module("temporalio.contrib.aws.s3driver.aioboto3")
    except ImportError as error:
        raise PayloadError(
            f'values are to go to S3, and {error.name} is not installed. pip install "jupyter-workflows[s3]"'
        ) from None

    @contextlib.asynccontextmanager
    async def opened() -> AsyncGenerator[S3StorageDriverClient]:
        async with session.client("s3") as client:
            yield adapter.new_aioboto3_client(client)

    return opened
