"""The rows of the crash table: what is thrown, how often, and what must hold."""

from __future__ import annotations

from . import (
    broken_network,
    damaged_streams,
    disk,
    duplicates,
    edited_workflows,
    everything_killed,
    failing_models,
    false_clocks,
    foreign_requests,
    inner_addresses,
    kernel_killed,
    modes,
    payloads,
    replayed_approvals,
    secrets,
    server_killed,
    soak,
    worker_killed,
)
from .plan import Row

ROWS: tuple[Row, ...] = (
    worker_killed.ROW,
    server_killed.ROW,
    kernel_killed.ROW,
    everything_killed.ROW,
    broken_network.ROW,
    false_clocks.ROW,
    disk.ROW,
    duplicates.ROW,
    failing_models.ROW,
    damaged_streams.ROW,
    payloads.ROW,
    edited_workflows.ROW,
    soak.ROW,
    foreign_requests.ROW,
    replayed_approvals.ROW,
    inner_addresses.ROW,
    secrets.ROW,
    modes.ROW,
)
