"""A worker without a run's key: the run waits, says so, and goes on with the key. What no key opens ends it."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import RawValue
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from jupyter_workflows.connection import Settings, connect, loop_thread
from jupyter_workflows.local.runtime import Runtime
from jupyter_workflows.payloads import data_converter
from jupyter_workflows.runs.access import RunAccess
from jupyter_workflows.runs.reading import RunReader
from jupyter_workflows.security.encryption import Encryption, KeyRing

KEYS = {"kernel's": b"k" * 32, "worker's": b"w" * 32}


@workflow.defn
class Echo:
    @workflow.run
    async def run(self, text: str) -> str:
        return text


async def stuck(reader: RunReader) -> str:
    """Why a run's workflow code can't go on, as the view says it."""
    async with asyncio.timeout(30):
        while (problem := (await reader.snapshot()).stuck) is None:  # noqa: ASYNC110 - a view has no event to wait for
            await asyncio.sleep(0.05)
    return problem.message


def test_a_run_whose_worker_lacks_the_key_waits_and_goes_on(runtime: Runtime):
    rings = {"worker": KeyRing("worker's", {"worker's": KEYS["worker's"]})}

    async def scenario() -> None:
        client = await connect(Settings(runtime.address, runtime.namespace), plugins=())
        kernel, worker = (
            type(client)(**{**client.config(), "data_converter": data_converter(codec=codec)})
            for codec in (
                Encryption(lambda: KeyRing("kernel's", KEYS), client.namespace),
                Encryption(lambda: rings["worker"], client.namespace),
            )
        )
        queue = f"keys-{uuid.uuid4().hex}"
        handle = await kernel.start_workflow("Echo", "hush", id=queue, task_queue=queue)
        options = {"workflows": [Echo], "workflow_runner": UnsandboxedWorkflowRunner(), "task_queue": queue}
        async with Worker(worker, **options):  # pyright: ignore[reportArgumentType]
            why = await stuck(RunReader(RunAccess(kernel), queue))
            assert "the key \"kernel's\", which is not in the key ring here (it has worker's)" in why
            assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
            rings["worker"] = KeyRing("worker's", KEYS)
            assert await handle.result() == "hush"

    loop_thread().run(scenario(), timeout=90)


FOREIGN = {
    "another cipher": Payload(metadata={"encoding": b"binary/encrypted", "jw-cipher": b"99"}, data=b"x" * 256),
    "another codec": Payload(metadata={"encoding": b"binary/encrypted", "key": b"later"}, data=b"x" * 256),
    "cut short": Payload(metadata={"encoding": b"binary/encrypted", "jw-cipher": b"1", "jw-key": b"k"}, data=b"x" * 40),
}
SAID = {
    "another cipher": "encrypted in a way this version does not know: use the newest version",
    "another codec": "encrypted in a way this version does not know: use the newest version",
    "cut short": "does not open: it was cut off",
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_run_that_is_given_what_no_key_opens_fails_and_says_so(runtime: Runtime, what: str):
    async def scenario() -> None:
        client = await connect(Settings(runtime.address, runtime.namespace), plugins=())
        codec = Encryption(lambda: KeyRing("k", {"k": b"k" * 32}), client.namespace)
        plain, worker = (
            type(client)(**{**client.config(), "data_converter": data_converter(codec=chosen)})
            for chosen in (None, codec)
        )
        queue = f"keys-{uuid.uuid4().hex}"
        handle = await plain.start_workflow("Echo", RawValue(FOREIGN[what]), id=queue, task_queue=queue)
        options = {"workflows": [Echo], "workflow_runner": UnsandboxedWorkflowRunner(), "task_queue": queue}
        async with Worker(worker, **options):  # pyright: ignore[reportArgumentType]
            with pytest.raises(WorkflowFailureError) as failed:
                await worker.get_workflow_handle(handle.id).result()
        assert SAID[what] in str(failed.value.cause)

    loop_thread().run(scenario(), timeout=60)
