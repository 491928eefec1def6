"""Which workers of a version, or of a task queue, ask for work: what Temporal knows of its task queues' pollers.

A worker asks anew within a minute, so one that was killed counts for a minute more; one that ended in order said so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import TaskQueueType, WorkerStatus
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeWorkerDeploymentVersionRequest,
    ListWorkersRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError

from .access import RunAccess, in_our_words

# A poll waits for work for a minute at most, and a busy server answers late.
FRESH = timedelta(seconds=75)
MANY = 1_000
ENDING = (WorkerStatus.WORKER_STATUS_SHUTTING_DOWN, WorkerStatus.WORKER_STATUS_SHUTDOWN)


@dataclass(frozen=True)
class Pollers:
    """The workers that ask for runs to carry out.

    Attributes:
        live: How many there are.
        last_seen: When the last that was there asked, UTC; None where none is remembered.
    """

    live: int
    last_seen: datetime | None


async def read_pollers(client: Client, name: str, build_id: str) -> Pollers:
    """The workers of a version of a deployment.

    Raises:
        ConnectionFailed: The server does not answer, or does not let us.
    """
    version = WorkerDeploymentVersion(deployment_name=name, build_id=build_id)
    asked = DescribeWorkerDeploymentVersionRequest(namespace=client.namespace, deployment_version=version)
    seen: dict[str, datetime] = {}
    with in_our_words(RunAccess(client)):
        found = await client.workflow_service.describe_worker_deployment_version(asked)
        for queue in found.version_task_queues:
            if queue.type == TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW:
                seen |= await pollers_of_queue(client, queue.name, version)
    ended = await ended_workers(client, f"DeploymentName = {quoted(name)} AND BuildId = {quoted(build_id)}")
    return pollers_of(seen, ended)


async def read_pollers_of_queue(client: Client, queue: str) -> Pollers:
    """The workers of a task queue, whatever their version.

    Raises:
        ConnectionFailed: The server does not answer, or does not let us.
    """
    with in_our_words(RunAccess(client)):
        seen = await pollers_of_queue(client, queue)
    return pollers_of(seen, await ended_workers(client, f"TaskQueue = {quoted(queue)}"))


def pollers_of(seen: Mapping[str, datetime], ended: Collection[str]) -> Pollers:
    """Those that asked lately and did not end."""
    now = datetime.now(UTC)
    live = [worker for worker, asked_at in seen.items() if now - asked_at < FRESH and worker not in ended]
    return Pollers(len(live), max(seen.values(), default=None))


async def pollers_of_queue(
    client: Client, queue: str, version: WorkerDeploymentVersion | None = None
) -> dict[str, datetime]:
    """When each worker, or each of a version, last asked a queue for runs, by the worker's identity."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    described = await client.workflow_service.describe_task_queue(request)
    return {
        poller.identity: poller.last_access_time.ToDatetime(tzinfo=UTC)
        for poller in described.pollers
        if version is None
        or (
            poller.deployment_options.deployment_name == version.deployment_name
            and poller.deployment_options.build_id == version.build_id
        )
    }


async def ended_workers(client: Client, query: str) -> set[str]:
    """The identities of the workers that a query finds of which all have said that they end."""
    request = ListWorkersRequest(namespace=client.namespace, page_size=MANY, query=query)
    running: dict[str, bool] = {}
    # Older servers have no such list.
    with suppress(RPCError):
        for worker in (await client.workflow_service.list_workers(request)).workers_info:
            beat = worker.worker_heartbeat
            running[beat.worker_identity] = running.get(beat.worker_identity, False) or beat.status not in ENDING
    return {worker for worker, runs in running.items() if not runs}


def quoted(text: str) -> str:
    """A text in a query; names of deployments may hold anything."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
