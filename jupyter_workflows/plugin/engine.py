"""The plugin: interceptors and worker settings. The data converter is set by whoever connects."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from temporalio.plugin import SimplePlugin
from temporalio.worker import ReplayerConfig, WorkerConfig

from ..security.workspaces import WorkspacesFile
from .accounts import Accounts
from .activities import CHECKPOINT, ActivityInterceptor
from .sandbox import sandbox

# A sticky queue outlives its worker: the server waits this long for a dead one (SDK default: 10 s).
STICKY_TIMEOUT = timedelta(seconds=1)
# Cancellation reaches an activity with its next heartbeat (SDK default: at most one a minute).
HEARTBEAT_THROTTLE = timedelta(milliseconds=200)
SHUTDOWN_GRACE = timedelta(seconds=10)


class EnginePlugin(SimplePlugin):
    """What a worker or replayer of bundles needs beside the plain SDK.

    Args:
        limits: Directory where the workers of this machine keep their rate limits; without one, a rate limit
            holds within one worker process.
        checkpoint: How often what a step writes goes with its heartbeat, for viewers elsewhere.
        grace: How long a worker that is told to end lets its steps run on.
        workspaces: Gives the file that says what a workspace's runs may spend on models; without one, what they like.
    """

    def __init__(
        self,
        limits: Path | None = None,
        *,
        checkpoint: timedelta = CHECKPOINT,
        grace: timedelta = SHUTDOWN_GRACE,
        workspaces: Callable[[], WorkspacesFile | None] | None = None,
    ) -> None:
        self.grace = grace
        self.accounts = Accounts(workspaces) if workspaces else None
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            "jupyter-workflows",
            interceptors=[ActivityInterceptor(limits, checkpoint, self.accounts)],
            workflow_failure_exception_types=[Exception],
        )

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        """Applies the settings of a worker."""
        config = super().configure_worker(config)
        if self.accounts is not None and "client" in config:
            self.accounts.connect(config["client"])
        config["sticky_queue_schedule_to_start_timeout"] = STICKY_TIMEOUT
        config["max_heartbeat_throttle_interval"] = HEARTBEAT_THROTTLE
        config["default_heartbeat_throttle_interval"] = HEARTBEAT_THROTTLE
        config["graceful_shutdown_timeout"] = self.grace
        config["workflow_runner"] = sandbox()
        return config

    def configure_replayer(self, config: ReplayerConfig) -> ReplayerConfig:
        """Applies the settings of a replayer."""
        config = super().configure_replayer(config)
        config["workflow_runner"] = sandbox()
        return config
