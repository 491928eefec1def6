"""What the embedded runtime says about itself."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..schema import Wire


class HostStatus(Wire):
    """One worker host."""

    key: str = Field(description="The same for every kernel of one notebook and interpreter")
    identity: str = Field(description="How the host signs in Temporal's history")
    pid: int | None = Field(default=None, description="None while it is being started again")
    python: str
    cwd: str
    notebook: str | None = None
    uptime_seconds: float = 0.0
    restarts: int = 0
    leases: int = Field(default=0, description="How many kernels hold it")
    bundles: list[str] = Field(default=[])
    open_runs: int | None = Field(default=None, description="None where the host did not answer in time")
    error: str | None = Field(default=None, description="What it died of last, until it is ready again")


class RuntimeStatus(Wire):
    """The embedded runtime of one home."""

    state: Literal["running", "starting", "stopped"]
    home: str
    logs: str
    database: str
    address: str | None = None
    namespace: str | None = None
    supervisor_pid: int | None = None
    server_pid: int | None = None
    server_restarts: int = 0
    uptime_seconds: float = 0.0
    clients: list[int] = Field(default=[], description="Process ids of connected kernels and terminals")
    hosts: list[HostStatus] = Field(default=[])
    spare_pid: int | None = Field(default=None, description="A warm worker host that belongs to no notebook yet")
    database_bytes: int = 0
    versions: dict[str, str] = Field(default={}, description="Of the package, the protocol and the Temporal binary")
    problems: list[str] = Field(default=[], description="What is wrong, and what to do about it")
