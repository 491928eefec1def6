"""The time: the workflow's own where one runs, so that a replay reads the same."""

from __future__ import annotations

from datetime import UTC, datetime

import temporalio.workflow


def now() -> datetime:
    """The time in UTC."""
    if temporalio.workflow.in_workflow():
        return temporalio.workflow.now()
    return datetime.now(UTC)
