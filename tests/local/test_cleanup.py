from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError

from jupyter_workflows.connection import Settings
from jupyter_workflows.local.cleanup import KEPT_LOGS, clean
from jupyter_workflows.local.paths import Home

from .conftest import Runs

LONG_AGO = time.time() - 7 * 24 * 3600


def grow_old(root: Path) -> None:
    for path in sorted(root.rglob("*"), reverse=True):
        os.utime(path, (LONG_AGO, LONG_AGO))


def stored(home: Home) -> int:
    return sum(path.stat().st_size > 10_000 for path in home.blobs.rglob("*") if path.is_file())


async def test_values_live_as_long_as_temporal_knows_their_run(own: Runs):
    home = own.runtime.home
    settings = Settings(own.runtime.address, own.runtime.namespace)
    handle = own.start("greet", "x" * 100_000)
    own.result(handle)
    before = stored(home)
    assert before
    grow_old(home.blobs)
    await clean(home, settings)
    assert stored(home) == before
    # As the end of the retention period will.
    own.loop.run(_delete(own, handle.id))
    await clean(home, settings)
    assert stored(home) == 0


async def _delete(own: Runs, workflow_id: str) -> None:
    client: Client = await Client.connect(own.runtime.address, namespace=own.runtime.namespace)
    execution = WorkflowExecution(workflow_id=workflow_id)
    await client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(namespace=own.runtime.namespace, workflow_execution=execution)
    )
    while True:
        try:
            await client.get_workflow_handle(workflow_id).describe()
        except RPCError:
            return
        await asyncio.sleep(0.05)


async def test_only_the_newest_logs_of_hosts_are_kept(own: Runs):
    home = own.runtime.home
    for number in range(KEPT_LOGS + 10):
        log = home.logs / f"host-{number:012x}.log"
        log.touch()
        os.utime(log, (LONG_AGO + number, LONG_AGO + number))
    await clean(home, Settings(own.runtime.address, own.runtime.namespace))
    left = sorted(log.name for log in home.logs.glob("host-0000*.log"))
    assert len(left) <= KEPT_LOGS
    assert f"host-{KEPT_LOGS + 9:012x}.log" in left
    assert f"host-{0:012x}.log" not in left
