"""The versions of a deployment: which one new runs start on, and which are still needed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import VersionDrainageStatus
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentRampingVersionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from ..errors import CommandError, JupyterWorkflowsError
from ..runs.access import RunAccess, translated

KNOWN_WITHIN = timedelta(seconds=30)
DRAINAGE = {
    VersionDrainageStatus.VERSION_DRAINAGE_STATUS_DRAINING: "has open runs",
    VersionDrainageStatus.VERSION_DRAINAGE_STATUS_DRAINED: "no longer needed",
}


@dataclass(frozen=True)
class Version:
    """One version of a deployment.

    Attributes:
        state: `current`, `ramping`, or what is left for it to do.
        share: Percentage of new runs that start on it.
    """

    build_id: str
    state: str
    share: float


@dataclass(frozen=True)
class Versions:
    """The versions of a deployment, newest first, with the token that a change of them is bound to."""

    listed: list[Version]
    token: bytes

    @property
    def current(self) -> str:
        """The version that new runs start on; empty where there is none."""
        return next((version.build_id for version in self.listed if version.state == "current"), "")


async def read_versions(client: Client, name: str) -> Versions | None:
    """The versions of a deployment; None where Temporal knows none of it.

    Raises:
        ConnectionFailed: The server does not answer, or does not let us.
    """
    request = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=name)
    try:
        found = await client.workflow_service.describe_worker_deployment(request)
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise translated(error, RunAccess(client), "") from None
    routing = found.worker_deployment_info.routing_config
    summaries = found.worker_deployment_info.version_summaries
    newest_first = sorted(summaries, key=lambda summary: summary.create_time.ToNanoseconds(), reverse=True)
    return Versions([version_of(summary, routing) for summary in newest_first], found.conflict_token)


def version_of(summary: Any, routing: Any) -> Version:
    """A version as Temporal tells of it."""
    build_id = summary.deployment_version.build_id
    ramping = routing.ramping_deployment_version.build_id
    ramped = routing.ramping_version_percentage if ramping else 0.0
    if build_id == routing.current_deployment_version.build_id:
        return Version(build_id, "current", 100.0 - ramped)
    if build_id == ramping:
        return Version(build_id, "ramping", ramped)
    return Version(build_id, DRAINAGE.get(summary.drainage_status, "never took runs"), 0.0)


async def await_version(client: Client, name: str, build_id: str) -> Versions:
    """The versions of a deployment, once Temporal knows of one that a worker serves.

    Raises:
        CommandError: No worker of it has come in time.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + KNOWN_WITHIN.total_seconds()
    while True:
        versions = await read_versions(client, name)
        if versions and any(version.build_id == build_id for version in versions.listed):
            return versions
        if loop.time() > until:
            raise CommandError(
                f"Temporal knows no worker of {name} {build_id}: start one with this package installed, then try again"
            )
        await asyncio.sleep(0.1)


async def promote(client: Client, name: str, build_id: str, *, ramp: float | None = None) -> None:
    """Lets new runs start on a version: all of them, or a share.

    Args:
        client: A connected client.
        name: The deployment.
        build_id: The version.
        ramp: Percentage of new runs; None for all, and the version becomes the current one.

    Raises:
        JupyterWorkflowsError: The server refuses.
    """
    versions = await await_version(client, name, build_id)
    common: dict[str, Any] = {
        "namespace": client.namespace,
        "deployment_name": name,
        "build_id": build_id,
        "identity": client.identity,
        "conflict_token": versions.token,
        "ignore_missing_task_queues": True,
    }
    service = client.workflow_service
    try:
        if ramp is None:
            await service.set_worker_deployment_current_version(SetWorkerDeploymentCurrentVersionRequest(**common))
        else:
            request = SetWorkerDeploymentRampingVersionRequest(**common, percentage=ramp)
            await service.set_worker_deployment_ramping_version(request)
    except RPCError as error:
        raise JupyterWorkflowsError(f"version {build_id} of {name} can't be promoted: {error.message}") from None


async def promote_first(client: Client, name: str, build_id: str) -> bool:
    """Lets new runs start on a version where none takes them yet; whether it was so."""
    versions = await await_version(client, name, build_id)
    if versions.current:
        return False
    try:
        await promote(client, name, build_id)
    except JupyterWorkflowsError:
        # Another worker may have been first.
        again = await read_versions(client, name)
        if again is None or not again.current:
            raise
        return again.current == build_id
    return True
