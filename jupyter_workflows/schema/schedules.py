"""Schedules as they are listed: Temporal holds them, nothing is kept beside."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from .approvals import SignedScheduleAct
from .wire import Wire

Overlap = Literal["skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other", "allow_all"]

Expression = Annotated[str, Field(max_length=500)]
CENTURY_SECONDS = 3_155_760_000


class ScheduleTimes(Wire):
    """When a schedule starts runs, as it is given: at all times that any of the three says."""

    cron: list[Expression] = Field(default=[], max_length=50)
    every_seconds: int | None = Field(default=None, ge=1, le=CENTURY_SECONDS, description="From one start to the next")
    calendar: list[Expression] = Field(default=[], max_length=50)


class ScheduledRun(Wire):
    """A run that a schedule started."""

    run: str
    at: datetime


class ScheduleState(Wire):
    """A schedule, what it did last and does next."""

    id: str
    workflow: str
    times: list[str] = Field(description="When it starts runs, in words")
    given: ScheduleTimes | None = Field(default=None, description="The same as it was given; lists don't know it")
    time_zone: str = "UTC"
    paused: bool = False
    note: str = ""
    made_by: str = ""
    overlap: Overlap | None = Field(default=None, description="Lists don't know it")
    bundle: str | None = Field(default=None, description="Lists don't know it")
    task_queue: str | None = Field(default=None, description="Lists don't know it")
    deeds: list[SignedScheduleAct] = Field(default=[], description="Who did what to it, in order; not in lists")
    next: list[datetime] = Field(default=[], description="The next times, ten at most")
    recent: list[ScheduledRun] = Field(default=[], description="The newest runs, the newest first")
    runs: int | None = Field(default=None, description="How many it started; lists don't know it")
    missed: int | None = Field(default=None, description="Not made up for, because nobody was there for too long")
    skipped: int | None = Field(default=None, description="Left out because the run before was not over")
