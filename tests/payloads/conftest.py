"""A real Temporal server for these tests, with large values in files of their own."""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from jupyter_workflows.connection import Settings, connect, loop_thread
from jupyter_workflows.local.paths import Home
from tests.dev_server import QUICK_DISPATCH, dev_server


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """The SDK logs every failure, also the text that no pipe accepts."""
    caplog.set_level(logging.CRITICAL, "temporalio")


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Address of a Temporal server in memory, with quick task dispatch."""
    environment = loop_thread().run(dev_server([QUICK_DISPATCH]))
    yield environment.client.service_client.config.target_host
    loop_thread().run(environment.shutdown())


@pytest.fixture(scope="session")
def blob_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.locate(tmp_path_factory.mktemp("blobs"))


@pytest.fixture(scope="session")
def client(server: str, blob_home: Home) -> Client:
    return loop_thread().run(connect(Settings(server), home=blob_home))


@contextlib.asynccontextmanager
async def served(
    client: Client, workflows: Sequence[type], activities: Sequence[Callable[..., Any]], *, queue: str = ""
) -> AsyncIterator[str]:
    """Serves workflows and activities on a task queue, of their own if none is given, and gives its name."""
    queue = queue or f"payloads-{uuid.uuid4()}"
    async with Worker(client, task_queue=queue, workflows=workflows, activities=activities):
        yield queue
