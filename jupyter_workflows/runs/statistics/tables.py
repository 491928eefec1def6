"""The figures of a dashboard as tables, and as CSV files: plain Python, no library is needed."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from ...schema import RunStatus
from ...schema.dashboards import Dashboard, Percentiles, Place

STATUSES: tuple[RunStatus, ...] = get_args(RunStatus)
PLACES: tuple[Place, ...] = get_args(Place)
PERCENTILES = ("p50_seconds", "p90_seconds", "p99_seconds", "longest_seconds")
# A spreadsheet takes a text that begins with one of these for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Table:
    """Rows under names of columns.

    Args:
        name: Names it, as a file does.
        columns: The names; times are UTC, durations in seconds.
        rows: The values.
    """

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def tables(dashboard: Dashboard) -> list[Table]:
    """All tables."""
    return [
        periods(dashboard),
        workflows(dashboard),
        steps(dashboard),
        spent(dashboard),
        causes(dashboard),
        reviewers(dashboard),
        waiting(dashboard),
    ]


def periods(dashboard: Dashboard) -> Table:
    """Runs by the time they started."""
    rows = [
        [each.start, *(each.counts.get(status, 0) for status in STATUSES), each.met_failure, each.recovered]
        for each in dashboard.periods
    ]
    return Table("periods", ["start", *STATUSES, "met_failure", "recovered"], rows)


def of(found: Percentiles) -> list[float | None]:
    """The percentiles as values of a row."""
    return [found.p50, found.p90, found.p99, found.longest]


def workflows(dashboard: Dashboard) -> Table:
    """Runs by workflow."""
    rows = [
        [
            each.name,
            *(each.counts.get(status, 0) for status in STATUSES),
            *of(each.duration),
            each.met_failure,
            each.recovered,
        ]
        for each in dashboard.workflows
    ]
    return Table("workflows", ["workflow", *STATUSES, *PERCENTILES, "met_failure", "recovered"], rows)


def steps(dashboard: Dashboard) -> Table:
    """Steps by workflow and name."""
    rows = [
        [
            *(each.workflow, each.name, each.kind, each.count, each.failed, each.retried),
            *(each.queue.p50, each.queue.p90, each.queue.p99),
            *of(each.duration),
        ]
        for each in dashboard.steps
    ]
    queue = ["queue_p50_seconds", "queue_p90_seconds", "queue_p99_seconds"]
    columns = ["workflow", "step", "kind", "count", "failed", "retried", *queue, *PERCENTILES]
    return Table("steps", columns, rows)


def spent(dashboard: Dashboard) -> Table:
    """Where time went."""
    rows = [[each.workflow, *(each.seconds.get(place, 0.0) for place in PLACES)] for each in dashboard.spent]
    return Table("time", ["workflow", *(f"{place}_seconds" for place in PLACES)], rows)


def causes(dashboard: Dashboard) -> Table:
    """Failures by cause."""
    columns = [
        *("workflow", "step", "error", "retries", "failures", "runs", "recovered"),
        *("example", "workflow_id", "run_id"),
    ]
    rows = [[getattr(each, column) for column in columns] for each in dashboard.causes]
    return Table("causes", columns, rows)


def reviewers(dashboard: Dashboard) -> Table:
    """Approvals by who is asked."""
    rows = [
        [each.assignee, each.waiting, each.oldest, each.decided, each.timed_out, *of(each.decision)]
        for each in dashboard.approvals.reviewers
    ]
    return Table("reviewers", ["assignee", "waiting", "oldest", "decided", "timed_out", *PERCENTILES], rows)


def waiting(dashboard: Dashboard) -> Table:
    """Approvals that wait."""
    columns = ["workflow", "workflow_id", "run_id", "approval", "message", "assignee", "opened_at", "due_at"]
    rows = [[getattr(each, column) for column in columns] for each in dashboard.approvals.waiting]
    return Table("waiting", columns, rows)


def write_csv(dashboard: Dashboard, folder: Path) -> list[Path]:
    """Writes each table as `<name>.csv` and gives the files.

    Raises:
        OSError: The folder can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made: list[Path] = []
    for table in tables(dashboard):
        path = folder / f"{table.name}.csv"
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(table.columns)
            writer.writerows([csv_field(value) for value in row] for row in table.rows)
        made.append(path)
    return made


def csv_field(value: object) -> object:
    """A value of a CSV file; what a spreadsheet would take for a formula is kept a text."""
    if isinstance(value, datetime):
        return value.isoformat()
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
