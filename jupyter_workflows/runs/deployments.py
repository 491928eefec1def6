"""Worker deployments and their versions: which one new runs start on, and which are still needed.

Runs are pinned to the version they start on. Numbers of open runs come from visibility, a second late at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.enums.v1 import VersionDrainageStatus
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    ListWorkerDeploymentsRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentRampingVersionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from ..errors import CommandError, JupyterWorkflowsError
from .access import RunAccess, in_our_words, translated
from .listing import RESUMING
from .pollers import quoted, read_pollers

PAGE = 100
COUNTS_AT_ONCE = 8
REMEDIES = {
    RPCStatusCode.FAILED_PRECONDITION: ". Start workers of it and try again; or somebody else has just changed the "
    "deployment: look at its versions",
    RPCStatusCode.NOT_FOUND: ". Look at the deployment's versions",
}
KNOWN_WITHIN = timedelta(seconds=30)
DRAINAGE = {
    VersionDrainageStatus.VERSION_DRAINAGE_STATUS_DRAINING: "has open runs",
    VersionDrainageStatus.VERSION_DRAINAGE_STATUS_DRAINED: "no longer needed",
}


@dataclass(frozen=True)
class Deployment:
    """Workers that are deployed under one name.

    Attributes:
        current: The version that new runs start on; empty where there is none.
        ramping: The version that takes a share of them; empty where there is none.
        share: That share, in percent.
        open_runs: How many runs of all its versions are open.
    """

    name: str
    current: str
    ramping: str
    share: float
    open_runs: int


@dataclass(frozen=True)
class Version:
    """One version of a deployment.

    Attributes:
        state: `current`, `ramping`, or what is left for it to do.
        share: Percentage of new runs that start on it.
        open_runs: How many runs on it are open.
        created_at: When Temporal first saw a worker of it, UTC.
        current_until: When new runs last started on it all, UTC; None where it never was the current one.
    """

    build_id: str
    state: str
    share: float
    open_runs: int
    created_at: datetime
    current_until: datetime | None = None


@dataclass(frozen=True)
class Versions:
    """The versions of a deployment, newest first, with the token that a change of them is bound to."""

    name: str
    listed: list[Version]
    token: bytes

    @property
    def current(self) -> str:
        """The version that new runs start on; empty where there is none."""
        return next((version.build_id for version in self.listed if version.state == "current"), "")

    @property
    def ramping(self) -> str:
        """The version that takes a share of new runs; empty where there is none."""
        return next((version.build_id for version in self.listed if version.state == "ramping"), "")


async def list_deployments(client: Client) -> list[Deployment]:
    """The deployments of the namespace by name; not those that carry resumed runs of notebooks.

    Raises:
        ConnectionFailed: The server does not answer, or does not let us.
    """
    found: list[Any] = []
    token = b""
    while True:
        request = ListWorkerDeploymentsRequest(namespace=client.namespace, page_size=PAGE, next_page_token=token)
        with in_our_words(RunAccess(client)):
            page = await client.workflow_service.list_worker_deployments(request)
        found += [one for one in page.worker_deployments if not one.name.startswith(RESUMING)]
        token = page.next_page_token
        if not token:
            break
    counts = await counted(client, [f"TemporalWorkerDeployment = {quoted(one.name)}" for one in found])
    return sorted(
        (deployment_of(one, count) for one, count in zip(found, counts, strict=True)), key=lambda one: one.name
    )


def deployment_of(summary: Any, open_runs: int) -> Deployment:
    """A deployment as Temporal tells of it."""
    routing = summary.routing_config
    ramping = routing.ramping_deployment_version.build_id
    share = routing.ramping_version_percentage if ramping else 0.0
    return Deployment(summary.name, routing.current_deployment_version.build_id, ramping, share, open_runs)


async def counted(client: Client, queries: Sequence[str]) -> list[int]:
    """How many open runs each query finds."""
    slots = asyncio.Semaphore(COUNTS_AT_ONCE)

    async def count(query: str) -> int:
        async with slots:
            return (await client.count_workflows(f"{query} AND ExecutionStatus = 'Running'")).count

    with in_our_words(RunAccess(client)):
        return await asyncio.gather(*map(count, queries))


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
    builds = [summary.deployment_version.build_id for summary in newest_first]
    counts = await counted(
        client, [f"TemporalWorkerDeploymentVersion = {quoted(f'{name}:{build}')}" for build in builds]
    )
    listed = [version_of(summary, routing, count) for summary, count in zip(newest_first, counts, strict=True)]
    return Versions(name, listed, found.conflict_token)


async def known_versions(client: Client, name: str) -> Versions:
    """The versions of a deployment.

    Raises:
        CommandError: There is no such deployment; says which there are.
    """
    found = await read_versions(client, name)
    if found is None:
        names = ", ".join(one.name for one in await list_deployments(client))
        raise CommandError(
            f"there is no deployment {name!r}: "
            + (f"there are {names}" if names else "start a worker of an exported package, `PACKAGE worker`")
        )
    return found


def version_of(summary: Any, routing: Any, open_runs: int) -> Version:
    """A version as Temporal tells of it."""
    build_id = summary.deployment_version.build_id
    ramping = routing.ramping_deployment_version.build_id
    ramped = routing.ramping_version_percentage if ramping else 0.0
    known: dict[str, Any] = {"build_id": build_id, "open_runs": open_runs, "created_at": moment(summary.create_time)}
    if build_id == routing.current_deployment_version.build_id:
        return Version(**known, state="current", share=100.0 - ramped)
    if summary.HasField("last_current_time"):
        known["current_until"] = moment(summary.last_current_time)
    if build_id == ramping:
        return Version(**known, state="ramping", share=ramped)
    return Version(**known, state=DRAINAGE.get(summary.drainage_status, "never took runs"), share=0.0)


def moment(stamp: Any) -> datetime:
    """A time as the server tells it."""
    return stamp.ToDatetime(tzinfo=UTC)


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


async def promote(client: Client, name: str, build_id: str, *, ramp: float | None = None, force: bool = False) -> None:
    """Lets new runs start on a version: all of them, or a share.

    Args:
        client: A connected client.
        name: The deployment.
        build_id: The version.
        ramp: Percentage of new runs; None for all, and the version becomes the current one.
        force: Do so where no worker of it asks for work, too.

    Raises:
        CommandError: No worker of it is known, or asks for work, or the share is none.
        JupyterWorkflowsError: The server refuses.
    """
    if ramp is not None and not 0 <= ramp <= 100:
        raise CommandError(f"--ramp takes a percentage from 0 to 100, not {ramp:g}")
    versions = await await_version(client, name, build_id)
    if ramp is not None and versions.current == build_id:
        raise CommandError(
            f"{build_id} is the current version of {name} and takes what no other does: ramp another one, or roll back"
        )
    if ramp != 0 and not force:
        await check_served(client, name, build_id)
    await route(client, versions, build_id, ramp)


async def check_served(client: Client, name: str, build_id: str) -> None:
    """Makes sure that new runs on a version would not wait.

    Raises:
        CommandError: No worker of it asks for work.
    """
    pollers = await read_pollers(client, name, build_id)
    if pollers.live:
        return
    when = f", the last did so at {pollers.last_seen:%Y-%m-%d %H:%M:%S} UTC" if pollers.last_seen else ""
    raise CommandError(
        f"no worker of {name} {build_id} asks for work{when}: new runs on it would wait. Start one with this version "
        "of the package installed, then try again; --force lets them wait"
    )


async def route(client: Client, versions: Versions, build_id: str, ramp: float | None) -> None:
    """Tells the server where new runs start; no version and 0 % end a ramp.

    Raises:
        JupyterWorkflowsError: The server refuses.
    """
    common: dict[str, Any] = {
        "namespace": client.namespace,
        "deployment_name": versions.name,
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
        what = f"version {build_id} of {versions.name} can't be promoted" if build_id else "the ramp can't be ended"
        hint = REMEDIES.get(error.status, "")
        raise JupyterWorkflowsError(f"{what}: {error.message}{hint}") from None


async def roll_back(client: Client, name: str, *, force: bool = False) -> str:
    """Takes new runs off the newer version: ends a ramp, else lets them start on what was current before.

    Open runs stay where they are. Gives the version that new runs start on.

    Args:
        client: A connected client.
        name: The deployment.
        force: Go back to a version of which no worker asks for work, too.

    Raises:
        CommandError: There is nothing to go back to, or no worker of it asks for work.
        JupyterWorkflowsError: The server refuses.
    """
    versions = await known_versions(client, name)
    if versions.ramping:
        await route(client, versions, "", 0.0)
        return versions.current
    before = [version for version in versions.listed if version.current_until is not None]
    if not before:
        raise CommandError(f"{name} had no other current version: promote the one that new runs shall start on")
    earlier = max(before, key=lambda version: version.current_until or version.created_at)
    if not force:
        await check_served(client, name, earlier.build_id)
    await route(client, versions, earlier.build_id, None)
    return earlier.build_id


async def promote_first(client: Client, name: str, build_id: str) -> bool:
    """Lets new runs start on a version that the caller serves where none takes them yet; whether it was so."""
    versions = await await_version(client, name, build_id)
    if versions.current:
        return False
    try:
        await promote(client, name, build_id, force=True)
    except JupyterWorkflowsError:
        # Another worker may have been first.
        again = await read_versions(client, name)
        if again is None or not again.current:
            raise
        return again.current == build_id
    return True
