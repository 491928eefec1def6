"""Removes what runs left behind that Temporal no longer knows; the supervisor starts it now and then.

`boot.py cleanup DATA RUNTIME ADDRESS NAMESPACE`
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from ..connection import Settings, connect
from ..payloads import collect_garbage
from .children import log_standard_streams
from .paths import Home

KEPT_LOGS = 50
LEAST_URGENT = 19


async def clean(home: Home, settings: Settings) -> None:
    """Remove the stored values of forgotten runs, and all but the newest logs of worker hosts."""
    client = await connect(settings, home=home, plugins=())
    removed = await collect_garbage(
        home.blobs,
        lambda workflow_id: _exists(client, workflow_id),
        namespace=settings.namespace,
        server=settings.address,
    )
    sys.stderr.write(f"cleaned up: {removed}\n")
    _drop_old_logs(home)


async def _exists(client: Client, workflow_id: str) -> bool:
    request = DescribeWorkflowExecutionRequest(
        namespace=client.namespace, execution=WorkflowExecution(workflow_id=workflow_id)
    )
    try:
        await client.workflow_service.describe_workflow_execution(request)
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


def _drop_old_logs(home: Home) -> None:
    with suppress(OSError):
        logs = sorted(home.logs.glob("host-*.log"), key=lambda log: log.stat().st_mtime)
        for log in logs[:-KEPT_LOGS]:
            for path in (log, log.with_name(f"{log.name}.1")):
                path.unlink(missing_ok=True)


def main(arguments: list[str]) -> int:
    """Run as `boot.py cleanup DATA RUNTIME ADDRESS NAMESPACE`."""
    log_standard_streams()
    os.nice(LEAST_URGENT)
    data, runtime, address, namespace = arguments
    asyncio.run(clean(Home(Path(data), Path(runtime)), Settings(address, namespace)))
    return 0
