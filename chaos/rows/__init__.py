"""The rows of the crash table: what is thrown, how often, and what must hold."""

from __future__ import annotations

from . import (
    damaged_streams,
    disk,
    duplicates,
    edited_workflows,
    everything_killed,
    failing_models,
    foreign_requests,
    inner_addresses,
    kernel_killed,
    modes,
    payloads,
    replayed_approvals,
    secrets,
    server_killed,
    worker_killed,
)
from .plan import Row

ROWS: tuple[Row, ...] = (
    worker_killed.ROW,
    server_killed.ROW,
    kernel_killed.ROW,
    everything_killed.ROW,
    disk.ROW,
    duplicates.ROW,
    failing_models.ROW,
    damaged_streams.ROW,
    payloads.ROW,
    edited_workflows.ROW,
    foreign_requests.ROW,
    replayed_approvals.ROW,
    inner_addresses.ROW,
    secrets.ROW,
    modes.ROW,
)
