"""When runs start, as people write it, as Temporal's specification; checked before anything is made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast, get_args
from zoneinfo import ZoneInfo, available_timezones

from temporalio.client import (
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    ScheduleRange,
    ScheduleSpec,
)

from ..errors import ScheduleRefused
from ..runs.untrusted import human_seconds, one_line
from ..schema.schedules import Overlap, ScheduleTimes

CRON_COMMENT = "cron "
CRON_FIELDS = range(5, 8)
SHORTHANDS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
CRON = re.compile(r"[0-9A-Za-z*/,?L\- ]{1,200}")
RANGE = re.compile(r"(?P<start>\w+)(?:-(?P<end>\w+))?(?:/(?P<step>\d{1,4}))?", re.ASCII)
LEAST = timedelta(seconds=1)
MONTHS = tuple("january february march april may june july august september october november december".split())
DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
LEAST_LETTERS = 3
# The smallest and greatest value of each field, and the names some have.
FIELDS: dict[str, tuple[int, int, tuple[str, ...]]] = {
    "second": (0, 59, ()),
    "minute": (0, 59, ()),
    "hour": (0, 23, ()),
    "day_of_month": (1, 31, ()),
    "month": (1, 12, ("", *MONTHS)),
    "year": (2000, 2100, ()),
    "day_of_week": (0, 6, DAYS),
}
OVERLAPS: dict[Overlap, ScheduleOverlapPolicy] = {
    name: ScheduleOverlapPolicy[name.upper()] for name in get_args(Overlap)
}


@dataclass(frozen=True, kw_only=True)
class Times:
    """When runs start: at all times that any of the three says.

    Args:
        cron: Cron expressions: minute, hour, day, month, day of week.
        every: From one start to the next, counted from 1970.
        calendar: Such as `hour=9 minute=30 day_of_week=mon-fri`; fields that are not named: any day at 0:00:00.
        time_zone: IANA name of the zone that `cron` and `calendar` are read in.
    """

    cron: Sequence[str] = field(default_factory=tuple[str, ...])
    every: timedelta | None = None
    calendar: Sequence[str] = field(default_factory=tuple[str, ...])
    time_zone: str = "UTC"

    def spec(self) -> ScheduleSpec:
        """The same for Temporal.

        Raises:
            ScheduleRefused: Names what makes no sense, and what would.
        """
        if not (self.cron or self.every is not None or self.calendar):
            raise ScheduleRefused("when? Give --cron, --every or --calendar (cron=, every= or calendar= in Python)")
        return ScheduleSpec(
            # The server keeps a cron expression as a calendar, and what stands behind # as its comment.
            cron_expressions=[f"{cron} # {CRON_COMMENT}{cron}" for cron in map(checked_cron, self.cron)],
            intervals=[ScheduleIntervalSpec(every=checked_every(self.every))] if self.every is not None else [],
            calendars=[calendar_of(text) for text in self.calendar],
            time_zone_name=checked_zone(self.time_zone),
        )


def checked_cron(text: str) -> str:
    """A cron expression; its values are checked by the server, which makes nothing where they are wrong.

    Raises:
        ScheduleRefused: It has the wrong number of fields, or signs that no field has.
    """
    flat = " ".join(text.split()) if isinstance(text, str) else ""
    if flat.lower() in SHORTHANDS:
        return flat.lower()
    if not CRON.fullmatch(flat) or len(flat.split()) not in CRON_FIELDS:
        raise ScheduleRefused(
            f"cron {one_line(text, 80)!r} is none: it takes minute, hour, day of month, month and day of week, such as "
            "'0 9 * * mon-fri', or @daily. The zone is --timezone"
        )
    return flat


def checked_every(every: timedelta) -> timedelta:
    """A time between two starts.

    Raises:
        ScheduleRefused: It is no duration, or shorter than a second.
    """
    if not isinstance(every, timedelta) or every < LEAST or every.microseconds:
        raise ScheduleRefused(
            f"every takes whole seconds, at least one, such as 15m or timedelta(hours=1), not {every}"
        )
    return every


def checked_zone(name: str) -> str:
    """A time zone.

    Raises:
        ScheduleRefused: There is none of this name.
    """
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError, TypeError):
        # A machine without a list of zones leaves it to the server.
        if available_timezones() or not re.fullmatch(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*", str(name)):
            raise ScheduleRefused(
                f"timezone {one_line(name, 60)!r} is none: it takes an IANA name, such as Europe/Paris or UTC"
            ) from None
    return name


def calendar_of(text: str) -> ScheduleCalendarSpec:
    """A calendar such as `hour=9 day_of_week=mon-fri`.

    Raises:
        ScheduleRefused: Names the field that makes no sense.
    """
    given: dict[str, Any] = {}
    for word in str(text).split():
        name, equals, value = word.partition("=")
        if name not in FIELDS or not equals or name in given:
            raise ScheduleRefused(
                f"calendar {one_line(text, 80)!r}: {one_line(word, 40)!r} is no field; there are {', '.join(FIELDS)}, "
                "each once, such as hour=9 day_of_week=mon-fri"
            )
        given[name] = [range_of(name, part, text) for part in value.split(",")]
    if not given:
        raise ScheduleRefused(f"calendar takes fields, such as hour=9 day_of_week=mon-fri, not {one_line(text, 40)!r}")
    return ScheduleCalendarSpec(**given, comment=" ".join(str(text).split()))


def range_of(name: str, part: str, text: str) -> ScheduleRange:
    """One value or range of a field.

    Raises:
        ScheduleRefused: It is out of the field's range.
    """
    least, most, names = FIELDS[name]
    match = RANGE.fullmatch(f"{least}-{most}{part[1:]}" if part.startswith("*") else part)
    start = number_of(match["start"], names) if match else None
    end = number_of(match["end"], names) if match and match["end"] else start
    step = int(match["step"]) if match and match["step"] else 1
    if start is None or end is None or not least <= start <= end <= most or not 1 <= step <= most:
        raise ScheduleRefused(
            f"calendar {one_line(text, 80)!r}: {name} takes numbers from {least} to {most}, ranges such as "
            f"{least}-{least + 1} and steps such as */2, not {one_line(part, 40)!r}"
        )
    return ScheduleRange(start, end, step)


def number_of(text: str, names: Sequence[str]) -> int | None:
    """A number, or the place among the names of one that begins so."""
    if text.isdigit() and len(text) < 5:
        return int(text)
    begins = text.lower() if len(text) >= LEAST_LETTERS else None
    return next((place for place, name in enumerate(names) if begins and name.startswith(begins)), None)


def overlap_of(name: Any) -> ScheduleOverlapPolicy:
    """What becomes of a start while the run before is not over.

    Raises:
        ScheduleRefused: There is no such policy.
    """
    if name not in OVERLAPS:
        raise ScheduleRefused(f"overlap takes {', '.join(OVERLAPS)}, not {one_line(name, 40)!r}")
    return OVERLAPS[name]


def in_words(spec: ScheduleSpec) -> list[str]:
    """When runs start, as people read it."""
    found = [f"every {human_seconds(interval.every.total_seconds())}" for interval in spec.intervals]
    found += [one_line(text.partition("# ")[2] or text, 80) for text in spec.cron_expressions]
    return found + [one_line(each.comment, 80) if each.comment else calendar_words(each) for each in spec.calendars]


def as_given(spec: ScheduleSpec) -> ScheduleTimes:
    """When runs start, as it can be given again."""
    comments = [each.comment or "" for each in spec.calendars]
    return ScheduleTimes(
        cron=[one_line(text.removeprefix(CRON_COMMENT), 200) for text in comments if text.startswith(CRON_COMMENT)],
        every_seconds=next((int(each.every.total_seconds()) or None for each in spec.intervals), None),
        calendar=[one_line(text, 200) for text in comments if text and not text.startswith(CRON_COMMENT)],
    )


def calendar_words(calendar: ScheduleCalendarSpec) -> str:
    """A calendar that was made elsewhere."""
    parts: list[str] = []
    for name in FIELDS:
        ranges = cast("Sequence[ScheduleRange]", getattr(calendar, name))
        if ranges:
            parts.append(f"{name}={','.join(f'{each.start}-{max(each.end, each.start)}' for each in ranges)}")
    return " ".join(parts)
