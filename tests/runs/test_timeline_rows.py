"""Rows of the plotly timeline: one a step, and in long runs as few as the overlaps allow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jupyter_workflows.runs.views import ROWS_OF_THEIR_OWN, rows_of
from jupyter_workflows.schema import Step

START = datetime(2026, 1, 1, tzinfo=UTC)


def steps(count: int, *, name: str = "read", at_once: int = 1) -> list[Step]:
    begins = [START + timedelta(seconds=number // at_once) for number in range(count)]
    return [
        Step(
            id=f"{name}-{number + 1}",
            name=name,
            kind="activity",
            status="completed",
            scheduled_at=begin,
            finished_at=begin + timedelta(seconds=1),
        )
        for number, begin in enumerate(begins)
    ]


def test_a_short_run_has_a_row_for_each_step():
    assert list(rows_of(steps(3), START).values()) == ["read-1", "read-2", "read-3"]


def test_a_long_run_has_as_many_rows_as_steps_at_once():
    rows = rows_of(steps(ROWS_OF_THEIR_OWN + 40, at_once=4), START)
    assert set(rows.values()) == {"read · 1", "read · 2", "read · 3", "read · 4"}


def test_rows_of_one_name_stay_together():
    rows = rows_of([*steps(80, at_once=2), *steps(1, name="write")], START)
    assert list(dict.fromkeys(rows.values())) == ["read · 1", "read · 2", "write · 1"]
