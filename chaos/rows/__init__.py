"""The rows of the crash table: what is thrown, how often, and what must hold."""

from __future__ import annotations

from . import (
    disk,
    duplicates,
    everything_killed,
    foreign_requests,
    kernel_killed,
    modes,
    payloads,
    replayed_approvals,
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
    payloads.ROW,
    foreign_requests.ROW,
    replayed_approvals.ROW,
    modes.ROW,
)
