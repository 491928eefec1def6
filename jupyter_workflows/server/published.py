"""What is published and what is scheduled, as operations: for start forms, and to see to schedules."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field

from ..errors import BadRequest
from ..publish.published import list_published
from ..runs.untrusted import one_line
from ..scheduling.schedules import act
from ..scheduling.schedules import list_schedules as fetch_schedules
from ..schema import Wire
from ..schema.publishing import Published
from ..schema.schedules import ScheduleState

if TYPE_CHECKING:
    from .operations import Call

ACTIONS = ("pause", "resume", "trigger", "delete")


class PublishedAnswer(Wire):
    """What is published on this machine, by name."""

    workflows: list[Published]


class SchedulesAnswer(Wire):
    """The schedules that were made here, by id."""

    schedules: list[ScheduleState]


class ScheduleRequest(Wire):
    """Why it is done."""

    note: str = Field(default="", max_length=2_000, description="Stands beside the schedule")


class ScheduleAnswer(Wire):
    """A schedule as it then is."""

    status: Literal["there", "deleted"]
    schedule: ScheduleState | None = None


async def get_published(call: Call) -> Wire:
    """The workflows that are published, each on its bundle."""
    return PublishedAnswer(workflows=await asyncio.to_thread(list_published, call.hub.home))


async def get_schedules(call: Call) -> Wire:
    """The schedules with their next and newest runs."""
    return SchedulesAnswer(schedules=await fetch_schedules(await call.access()))


async def see_to_schedule(call: Call) -> Wire:
    """Pauses, resumes, triggers or deletes a schedule; runs that are open go on."""
    wanted = call.path["action"]
    if wanted not in ACTIONS:
        raise BadRequest(f"{one_line(wanted, 40)!r} is nothing to do with a schedule: use one of {', '.join(ACTIONS)}")
    note = cast("ScheduleRequest", call.body).note
    access = await call.access(start=True)
    found = await act(access, call.hub.home, call.path["id"], wanted, by=call.reviewer, note=note)
    call.hub.look_again()
    return ScheduleAnswer(status="there" if found else "deleted", schedule=found)
