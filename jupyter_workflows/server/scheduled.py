"""What is scheduled, as operations: to list schedules and to see to them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field

from ..errors import BadRequest
from ..runs.untrusted import one_line
from ..scheduling.schedules import act, describe, retime
from ..scheduling.schedules import list_schedules as fetch_schedules
from ..scheduling.times import Times
from ..schema import ScheduleDeed, Wire
from ..schema.schedules import Overlap, ScheduleState, ScheduleTimes

if TYPE_CHECKING:
    from .operations import Call

ACTIONS = ("pause", "resume", "trigger", "delete")


class SchedulesAnswer(Wire):
    """The schedules that were made here, by id."""

    schedules: list[ScheduleState]


class ScheduleRequest(Wire):
    """Why it is done."""

    note: str = Field(default="", max_length=2_000, description="Stands beside the schedule")


class TimesRequest(ScheduleTimes):
    """When it is to start runs, in the place of its times."""

    time_zone: str = Field(default="UTC", max_length=100, description="IANA name, for `cron` and `calendar`")
    overlap: Overlap | None = Field(default=None, description="By default as it is")


class ScheduleAnswer(Wire):
    """A schedule as it then is."""

    status: Literal["there", "deleted"]
    schedule: ScheduleState | None = None


async def get_schedules(call: Call) -> Wire:
    """The schedules with their next and newest runs."""
    return SchedulesAnswer(schedules=await fetch_schedules(await call.access()))


async def get_schedule(call: Call) -> Wire:
    """One schedule with all that is known of it."""
    return ScheduleAnswer(status="there", schedule=await describe(await call.access(), call.path["id"]))


async def see_to_schedule(call: Call) -> Wire:
    """Pauses, resumes, triggers or deletes a schedule; runs that are open go on."""
    wanted = cast("ScheduleDeed", call.path["action"])
    if wanted not in ACTIONS:
        raise BadRequest(f"{one_line(wanted, 40)!r} is nothing to do with a schedule: use one of {', '.join(ACTIONS)}")
    note = cast("ScheduleRequest", call.body).note
    access = await call.access(start=True)
    found = await act(access, call.hub.home, call.path["id"], wanted, by=call.reviewer, note=note)
    call.hub.look_again()
    call.audit(lambda audit: audit.schedule_changed(call.path["id"], call.reviewer, wanted))
    return ScheduleAnswer(status="there" if found else "deleted", schedule=found)


async def set_times(call: Call) -> Wire:
    """Gives a schedule other times; what it starts stays as it is."""
    body = cast("TimesRequest", call.body)
    every = None if body.every_seconds is None else timedelta(seconds=body.every_seconds)
    times = Times(cron=body.cron, every=every, calendar=body.calendar, time_zone=body.time_zone)
    found = await retime(await call.access(start=True), call.path["id"], times, body.overlap, by=call.reviewer)
    call.audit(lambda audit: audit.schedule_changed(call.path["id"], call.reviewer, "retime"))
    return ScheduleAnswer(status="there", schedule=found)
