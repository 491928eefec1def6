"""The commands about schedules."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime, timedelta

from ..connection import loop_thread
from ..errors import CommandError
from ..scheduling.handle import Schedule, Wish, access_of, scheduled
from ..scheduling.schedules import CATCH_UP, list_schedules
from ..scheduling.times import Times
from ..schema import SignedScheduleAct
from ..schema.schedules import ScheduleState
from ..session import Session
from .arguments import call_arguments, timedelta_of
from .outcomes import Outcome
from .permission import check
from .tables import Cell, Facts, Shown, Table


def schedule(session: Session, arguments: Namespace) -> Outcome:
    """`schedule`."""
    args, kwargs = call_arguments(arguments.arguments)
    times = Times(
        cron=tuple(arguments.cron or ()),
        every=duration(arguments.every, "--every") if arguments.every else None,
        calendar=tuple(arguments.calendar or ()),
        time_zone=arguments.timezone,
    )
    wish = Wish(
        workflow=arguments.name,
        times=times,
        args=args,
        kwargs=kwargs,
        id=arguments.id,
        overlap=arguments.overlap,
        catch_up=duration(arguments.catch_up, "--catch-up") if arguments.catch_up else CATCH_UP,
        paused=arguments.paused,
        note=arguments.note,
        queue=arguments.queue,
        backfill=[period(*arguments.backfill)] if arguments.backfill else (),
    )
    made = scheduled(session, wish)
    return state_outcome(made.describe())


def see_to(session: Session, arguments: Namespace) -> Outcome:
    """`schedules`.

    Raises:
        CommandError: An id is missing, or a period where one is wanted.
    """
    what = arguments.action
    if what == "list":
        states = loop_thread().run(list_schedules(access_of(session)))
        rows = [[state.id, state.workflow, when(state), next_words(state), state.made_by] for state in states]
        titles = ["id", "workflow", "when", "next (UTC)", "by"]
        table = Table(titles, rows, "there is no schedule: `%workflow schedule NAME --every 1h`", flexible=["when"])
        return Outcome(data=states, shown=table)
    if not arguments.id:
        raise CommandError(f"`schedules` {what} needs a schedule's id: `schedules` lists them")
    if what != "show":
        check(session, "schedule")
    handle = Schedule(session, arguments.id)
    if what == "delete":
        handle.delete()
        words = f"schedule {arguments.id} is deleted; runs that are open go on"
        return Outcome(data={"id": arguments.id, "deleted": True}, shown=Facts(words))
    if what == "backfill":
        if len(arguments.words) != 2:
            raise CommandError("`schedules` backfill needs two times: `schedules backfill ID 2026-11-01 2026-11-02`")
        return state_outcome(handle.backfill(*period(*arguments.words)))
    if arguments.words:
        raise CommandError(f"`schedules` {what} takes no {arguments.words[0]!r}")
    if what == "show":
        return state_outcome(handle.describe())
    if what == "trigger":
        return state_outcome(handle.trigger())
    return state_outcome(handle.pause(arguments.note) if what == "pause" else handle.resume(arguments.note))


def state_outcome(state: ScheduleState) -> Outcome:
    """One schedule."""
    return Outcome(data=state, shown=state_shown(state), value=None)


def state_shown(state: ScheduleState) -> Shown:
    """A schedule with its next and newest runs."""
    headline = Cell(f"‖ {state.id} is paused", "waiting") if state.paused else Cell(f"✓ {state.id} is on", "good")
    counts = f"{state.runs or 0} started, {state.skipped or 0} left out, {state.missed or 0} missed"
    return Facts(
        headline,
        [
            ("workflow", f"{state.workflow}, bundle {state.bundle or '?'}"),
            ("when", when(state)),
            ("overlap", state.overlap or ""),
            ("next (UTC)", "" if state.paused else ", ".join(f"{at:%Y-%m-%d %H:%M:%S}" for at in state.next[:3])),
            ("newest runs", ", ".join(each.run for each in state.recent[:3])),
            ("runs", counts),
            ("note", state.note),
            ("by", state.made_by),
            *((f"{deed.issued_at:%Y-%m-%d %H:%M:%S}", deed_words(deed)) for deed in state.deeds),
        ],
    )


def deed_words(deed: SignedScheduleAct) -> str:
    """Who did what to a schedule, and why."""
    return f"{deed.deed} by {deed.by}" + (f": {deed.note}" if deed.note else "")


def when(state: ScheduleState) -> str:
    """The times in words, with their zone."""
    return "; ".join(state.times) + (f" ({state.time_zone})" if state.time_zone != "UTC" else "")


def next_words(state: ScheduleState) -> Cell:
    """The next time, or that it is paused."""
    if state.paused:
        return Cell("paused", "waiting")
    return Cell(f"{state.next[0]:%Y-%m-%d %H:%M:%S}" if state.next else "never")


def duration(text: str, option: str) -> timedelta:
    """A duration such as `15m` or `1h30m`.

    Raises:
        CommandError: It is none.
    """
    found = timedelta_of(text)
    if found is None:
        raise CommandError(f"{option} takes a duration such as 30s, 15m, 1h or 1d, not {text!r}")
    return found


def period(begin: str, end: str) -> tuple[datetime, datetime]:
    """Two times as ISO 8601; without a zone they are UTC.

    Raises:
        CommandError: One is none.
    """
    found: list[datetime] = []
    for text in (begin, end):
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise CommandError(f"a backfill takes two ISO 8601 times, such as 2026-11-22T10:00, not {text!r}") from None
        found.append(at if at.tzinfo else at.replace(tzinfo=UTC))
    return found[0], found[1]
