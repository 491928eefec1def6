"""`schedule(...)` and `schedules()`: how a notebook and a terminal make schedules and see to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from ..authoring import Workflow
from ..connection import loop_thread
from ..errors import AuthoringError
from ..notebook.bundle import BundleFiles, read_bundle
from ..notebook.catalog import live_workflows, newest
from ..runs.access import RunAccess
from ..runs.placement import workspace_queue
from ..schema import ScheduleDeed
from ..schema.schedules import ScheduleState
from ..security.identity import local_user
from ..session import Session, current
from ..worker import load_bundle
from .schedules import (
    CATCH_UP,
    Plan,
    act,
    backfill,
    check_backfill,
    checked_id,
    describe,
    list_schedules,
    make,
    policy_of,
)
from .times import Times


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A schedule as somebody asks for it.

    Args:
        workflow: The workflow, or its name.
        times: When its runs start.
        args: What each run is given.
        kwargs: The same by name.
        id: The schedule's id; by default the workflow's name.
        overlap: What becomes of a start while the run before is not over.
        catch_up: How late a start may be made up for.
        paused: Whether it waits for `resume` first.
        note: Why it is as it is.
        queue: Whose workers run it; by default the workspace's, else the worker host of the notebook.
        backfill: Periods whose starts are made up for now.
    """

    workflow: str | Workflow[Any, Any]
    times: Times
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    id: str | None = None
    overlap: str = "skip"
    catch_up: timedelta = CATCH_UP
    paused: bool = False
    note: str = ""
    queue: str | None = None
    backfill: Sequence[tuple[datetime, datetime]] = ()


class Schedule:
    """The handle of a schedule; it holds no state, every question is put to Temporal.

    Args:
        session: How the server is reached.
        id: The schedule's id.
    """

    def __init__(self, session: Session, id: str) -> None:
        self.session = session
        self.id = id

    def describe(self) -> ScheduleState:
        """The schedule with its next and newest runs.

        Raises:
            ScheduleRefused: There is none with this id.
        """
        return loop_thread().run(describe(access_of(self.session), self.id))

    def pause(self, note: str = "") -> ScheduleState:
        """Starts no more runs until `resume`; runs that are open go on."""
        return self._act("pause", note)

    def resume(self, note: str = "") -> ScheduleState:
        """Starts runs again from now on."""
        return self._act("resume", note)

    def trigger(self) -> ScheduleState:
        """Starts a run now, whatever its times and pauses say."""
        return self._act("trigger", "")

    def delete(self) -> None:
        """Ends it for good; runs that are open go on."""
        what = act(access_of(self.session), self.session.home, self.id, "delete", by=local_user())
        loop_thread().run(what)

    def backfill(self, begin: datetime, end: datetime) -> ScheduleState:
        """Starts the runs of a period that it would have started then, one after the other.

        Args:
            begin: From when, with a time zone.
            end: Until when.

        Raises:
            ScheduleRefused: The period makes no sense.
        """
        return loop_thread().run(backfill(access_of(self.session), self.id, begin, end, by=local_user()))

    def _act(self, what: ScheduleDeed, note: str) -> ScheduleState:
        access = access_of(self.session)
        found = loop_thread().run(act(access, self.session.home, self.id, what, by=local_user(), note=note))
        return cast("ScheduleState", found)

    def __repr__(self) -> str:
        return f"<Schedule {self.id}>"


def access_of(session: Session) -> RunAccess:
    """What schedules are reached with."""
    return RunAccess.of(session.client(), session.home)


def scheduled(session: Session, wish: Wish) -> Schedule:
    """Makes a schedule, or renews the one with its id; nothing is made where anything makes no sense.

    Raises:
        ScheduleRefused: Names what makes no sense, and what would.
        ArgumentsError: The arguments don't fit the workflow.
        ClosureError: The workflow can't run outside the notebook.
        WorkerUnavailable: Its code can't be served.
    """
    given = wish.workflow
    live = given if isinstance(given, Workflow) else live_workflows(session.namespace).get(given)
    name = live.name if live else cast("str", given)
    wanted = checked_id(wish.id or name)
    wish.times.spec()
    check_backfill(wish.backfill)
    bundle, workflow = code_of(session, live, name)
    values = session.arguments(workflow, tuple(wish.args), dict(wish.kwargs))
    access = access_of(session)
    queue = wish.queue or workspace_queue(access)
    plan = Plan(
        id=wanted,
        times=wish.times,
        start=session.request(workflow, bundle, values, queue=queue),
        overlap=wish.overlap,
        catch_up=wish.catch_up,
        paused=wish.paused,
        note=wish.note,
        backfill=wish.backfill,
    )
    policy_of(plan)
    if queue is None:
        # That its imports fail is better known now; and its host is remembered for when nobody is here.
        session.load(bundle)
    loop_thread().run(make(access, session.home, plan))
    return Schedule(session, wanted)


def code_of(session: Session, live: Workflow[Any, Any] | None, name: str) -> tuple[BundleFiles, Workflow[Any, Any]]:
    """The bundle of a workflow as its code is now, and the workflow."""
    if live is not None:
        return session.bundle(live), live
    found = newest(session.home.bundles, name)
    return read_bundle(found.path), load_bundle(found.path).workflows[found.workflow.name]


def schedule(
    workflow: str | Workflow[Any, Any],
    *args: Any,
    cron: str | Sequence[str] = (),
    every: timedelta | None = None,
    calendar: str | Sequence[str] = (),
    time_zone: str = "UTC",
    overlap: str = "skip",
    catch_up: timedelta = CATCH_UP,
    backfill: Sequence[tuple[datetime, datetime]] = (),
    id: str | None = None,
    paused: bool = False,
    note: str = "",
    queue: str | None = None,
    **kwargs: Any,
) -> Schedule:
    """Starts runs of a workflow by the clock, as its code is now; again under the same id renews it.

    Temporal starts the runs. A run waits until a worker is there; the embedded runtime starts its host while it is up.

    Args:
        workflow: The workflow, or its name.
        *args: What each run is given.
        cron: A cron expression, or several: minute, hour, day of month, month, day of week; or `"@daily"`.
        every: From one start to the next, in whole seconds.
        calendar: Such as `"hour=9 minute=30 day_of_week=mon-fri"`, or several.
        time_zone: IANA name of the zone that `cron` and `calendar` are read in.
        overlap: While the run before is not over: `"skip"`, `"buffer_one"`, `"buffer_all"`, `"cancel_other"`,
            `"terminate_other"` or `"allow_all"`.
        catch_up: How late a start may be made up for, after the server was away.
        backfill: Periods, two times each, whose starts are made up for now.
        id: The schedule's id, with which the ids of its runs begin; by default the workflow's name.
        paused: Whether it waits for `resume()` first.
        note: Why it is as it is.
        queue: Whose workers run it; by default the workspace's, else the worker host of this notebook.
        **kwargs: What each run is given, by name.

    Raises:
        ScheduleRefused: Names what makes no sense, and what would.
        ArgumentsError: The arguments don't fit the workflow.
        AuthoringError: What was given is no workflow.
        ClosureError: The workflow can't run outside the notebook.
        ConnectionFailed: The server can't be reached.
    """
    if not isinstance(workflow, (str, Workflow)):
        raise AuthoringError(
            f"schedule() takes a workflow or its name, not {type(workflow).__name__}: put @workflow above it",
            code="JW410",
        )
    times = Times(cron=texts(cron), every=every, calendar=texts(calendar), time_zone=time_zone)
    wish = Wish(
        workflow=workflow, times=times, args=args, kwargs=kwargs, id=id, overlap=overlap, catch_up=catch_up,
        paused=paused, note=note, queue=queue, backfill=tuple(backfill),
    )  # fmt: skip
    return scheduled(current(), wish)


def texts(given: str | Sequence[str]) -> tuple[str, ...]:
    """One text or several; anything else as one, to be refused with the rest."""
    return tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else (given,)


def schedules() -> list[Schedule]:
    """The handles of all schedules, by id.

    Raises:
        ConnectionFailed: The server can't be reached.
    """
    session = current()
    return [Schedule(session, state.id) for state in loop_thread().run(list_schedules(access_of(session)))]
