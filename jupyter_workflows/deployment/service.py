"""The worker of an exported package, from its start to the last step it finishes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from datetime import timedelta
from functools import partial
from typing import Any

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError
from temporalio.worker import Worker, WorkerDeploymentConfig

from ..connection import Settings, connect
from ..errors import ApprovalRefused, ConnectionFailed, JupyterWorkflowsError
from ..local.paths import Home
from ..plugin import EnginePlugin
from ..runs import deployments
from ..security.identity import TrustedKeys
from ..security.workspaces import WorkspacesFile
from ..telemetry import flush
from ..telemetry.metrics import native_runtime
from ..worker import bundle_worker
from .gauges import Gauges
from .health import Health
from .packages import Deployed
from .settings import ServiceSettings

log = logging.getLogger("jupyter_workflows.deployment")

STOPS = (signal.SIGTERM, signal.SIGINT)
KEYS_SECONDS = 30.0
ANSWER = timedelta(seconds=2)
# Beyond the grace that steps have: for reporting what was cancelled. Then the process ends whatever still runs.
REPORT_SECONDS = 5.0
PATIENCE_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)


class Service:
    """One worker process.

    Args:
        deployed: The package.
        connection: The Temporal server.
        settings: How it serves.
        home: Where rate limits, large values and, on a person's own machine, keys are.
    """

    def __init__(self, deployed: Deployed, connection: Settings, settings: ServiceSettings, home: Home) -> None:
        self.deployed = deployed
        self.connection = connection
        self.settings = settings
        self.home = home
        self.trusted = TrustedKeys(home.keys, only=settings.trusted_keys)
        self.client: Client | None = None
        facts = {"package": deployed.name, "version": deployed.build_id, "queue": settings.queue}
        self.health = Health(facts, self.reaches_server)
        self.stop = asyncio.Event()

    async def run(self) -> int:
        """Serves until it is told to end; gives the exit code.

        Raises:
            CommandError: An endpoint can't listen.
            WorkerUnavailable: The code can't be imported.
        """
        loop = asyncio.get_running_loop()
        for number in STOPS:
            loop.add_signal_handler(number, self.stop.set)
        if self.settings.health is not None:
            log.info("health at http://%s", await self.health.start(self.settings.health))
        beside = asyncio.create_task(self.renew_keys())
        try:
            self.trusted.load()
            worker = await self.make_worker()
            return 0 if worker is None else await self.serve(worker)
        finally:
            beside.cancel()
            self.health.close()
            await asyncio.to_thread(flush)

    async def make_worker(self) -> Worker | None:
        """The worker, once Temporal answers; None where it is told to end before."""
        bundle = await asyncio.to_thread(self.deployed.load, self.trusted)
        if self.deployed.is_changed:
            log.warning("the code was changed after its export: it is version %s now", self.deployed.build_id)
        self.client = await self.connect()
        if self.client is None:
            return None
        version = WorkerDeploymentVersion(deployment_name=self.deployed.name, build_id=self.deployed.build_id)
        deployment = WorkerDeploymentConfig(
            version=version, use_worker_versioning=True, default_versioning_behavior=VersioningBehavior.PINNED
        )
        return bundle_worker(self.client, bundle, queue=self.settings.queue, deployment=deployment)

    async def connect(self) -> Client | None:
        """The connected client; a server that is not there yet is waited for, what it refuses is not tried again."""
        workspaces = partial(WorkspacesFile.of_home, self.home.data)
        plugin = EnginePlugin(self.home.limits, grace=self.settings.grace, workspaces=workspaces)
        listen = str(self.settings.metrics) if self.settings.metrics else None
        runtime = native_runtime(listen, package=self.deployed.name)
        for attempt in range(10**9):
            try:
                return await connect(self.connection, home=self.home, plugins=[plugin], runtime=runtime)
            except ConnectionFailed as error:
                log.warning("%s", error)
            pause = PATIENCE_SECONDS[min(attempt, len(PATIENCE_SECONDS) - 1)]
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), pause)
            if self.stop.is_set():
                return None
        return None

    async def serve(self, worker: Worker) -> int:
        """Polls until told to end, then lets the steps end."""
        polling = asyncio.create_task(worker.run())
        promoting = asyncio.create_task(self.promote())
        telling = asyncio.create_task(self.gauges().follow())
        stopping = asyncio.create_task(self.stop.wait())
        self.health.accepts = True
        log.info(
            "%s %s serves %s on %s, namespace %s, queue %s; %d reviewer keys are trusted",
            self.deployed.name,
            self.deployed.build_id,
            ", ".join(workflow.name for workflow in self.deployed.manifest.workflows),
            self.connection.address,
            self.connection.namespace,
            self.settings.queue,
            len(self.trusted),
        )
        await asyncio.wait({polling, stopping}, return_when=asyncio.FIRST_COMPLETED)
        self.health.accepts = False
        promoting.cancel()
        telling.cancel()
        stopping.cancel()
        if polling.done():
            self.health.alive = False
            log.error("the worker ended by itself: %s", polling.exception() or "no reason given")
            return 1
        return await self.drain(worker, polling)

    async def drain(self, worker: Worker, polling: asyncio.Task[Any]) -> int:
        """Takes nothing more, finishes what runs within the grace, and hands the rest back."""
        log.info("told to end: steps have %g s to finish", self.settings.grace.total_seconds())
        limit = self.settings.grace.total_seconds() + REPORT_SECONDS
        try:
            async with asyncio.timeout(limit):
                await worker.shutdown()
                await polling
        except TimeoutError:
            log.warning("steps that don't end are left: Temporal gives them to another worker")
        except Exception as error:  # noqa: BLE001 - it ends all the same
            log.warning("while ending: %s", error)
        log.info("ended")
        return 0

    async def promote(self) -> None:
        """Makes this version the one that new runs start on, where the setting says so."""
        assert self.client is not None
        name, build_id = self.deployed.name, self.deployed.build_id
        try:
            if self.settings.promote == "always":
                # That a worker asks for work need not be looked up: it is this one.
                await deployments.promote(self.client, name, build_id, force=True)
            elif self.settings.promote == "first" and not await deployments.promote_first(self.client, name, build_id):
                log.info("new runs start on another version: `%s promote` moves them here", name)
                return
        except JupyterWorkflowsError as error:
            log.warning("%s", error)
            return
        if self.settings.promote != "never":
            log.info("new runs start on version %s", build_id)

    def gauges(self) -> Gauges:
        """What is told of the queue."""
        assert self.client is not None
        workflows = [workflow.name for workflow in self.deployed.manifest.workflows]
        return Gauges(self.client, self.settings.queue, workflows)

    async def reaches_server(self) -> bool:
        """Whether Temporal answers."""
        if self.client is None:
            return False
        try:
            return await self.client.service_client.check_health(timeout=ANSWER)
        except RPCError:
            return False

    async def renew_keys(self) -> None:
        """Reads the keys of reviewers again and again: one that was added counts, one that was taken away does not."""
        while True:
            await asyncio.sleep(KEYS_SECONDS)
            try:
                await asyncio.to_thread(self.trusted.load)
            except ApprovalRefused as error:
                log.warning("%s", error)
