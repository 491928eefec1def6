"""Schedules: made, listed, paused, triggered, deleted; Temporal starts the runs, whoever is there.

Everything that is `async` here is awaited on the loop thread.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from temporalio.client import (
    Schedule,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleBackfill,
    ScheduleDescription,
    ScheduleHandle,
    ScheduleListActionStartWorkflow,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.client import ScheduleState as TemporalState
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from ..authoring.starter import MEMO_KEY as STARTER_MEMO
from ..authoring.starter import arguments_digest
from ..errors import JupyterWorkflowsError, ScheduleNotFound, ScheduleRefused
from ..local.paths import Home, make_private_directory, write_private
from ..runs.access import RunAccess, translated
from ..runs.client import StartRequest, register_search_attributes, search_attributes
from ..runs.untrusted import one_line
from ..schema import ScheduleDeed, SignedSchedule, SignedScheduleAct
from ..schema.schedules import Overlap, ScheduledRun, ScheduleState
from ..security import identity
from .deeds import deeds_of, note_deleted, signed_deed, with_deed
from .times import OVERLAPS, Times, as_given, in_words, overlap_of

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
MEMO = "jupyter_workflows_schedule"
CATCH_UP = timedelta(hours=1)
LEAST_CATCH_UP = timedelta(seconds=10)
MOST_BACKFILL = timedelta(days=366)
MANY = 1_000
BUNDLE = SearchAttributeKey.for_keyword("JwBundle")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A schedule as it is wanted.

    Args:
        id: Its id; the ids of its runs begin with it.
        times: When runs start.
        start: What each run is started with; its `id` counts for nothing.
        overlap: What becomes of a start while the run before is not over.
        catch_up: How late a start may be made up for, after nobody was there.
        paused: Whether it waits for `resume` first.
        note: Why it is as it is.
    """

    id: str
    times: Times
    start: StartRequest
    overlap: str = "skip"
    catch_up: timedelta = CATCH_UP
    paused: bool = False
    note: str = ""
    backfill: Sequence[tuple[datetime, datetime]] = field(default_factory=tuple[tuple[datetime, datetime], ...])


def checked_id(id: str) -> str:
    """A schedule's id, checked.

    Raises:
        ScheduleRefused: It is none.
    """
    if not isinstance(id, str) or not ID.fullmatch(id):
        raise ScheduleRefused(
            f"a schedule can't be called {one_line(str(id), 80)!r}: it takes letters from a to z, digits, dots, _ and "
            "-, at most 80. Give --id ID"
        )
    return id


def check_backfill(periods: Sequence[tuple[datetime, datetime]]) -> None:
    """Checks periods that are to be made up for.

    Raises:
        ScheduleRefused: One makes no sense.
    """
    for period in periods:
        if not is_period(period):
            given = " to ".join(map(str, period)) if isinstance(period, (tuple, list)) else str(period)
            raise ScheduleRefused(
                "backfill takes pairs of two times with a zone, the earlier first and at most "
                f"{MOST_BACKFILL.days} days apart, such as [(begin, end)], not {one_line(given, 120)}"
            )


def is_period(given: Any) -> bool:
    """Whether something is two times that a backfill can be made for."""
    if not isinstance(given, (tuple, list)):
        return False
    times = [each for each in cast("Sequence[Any]", given) if isinstance(each, datetime) and each.tzinfo is not None]
    return len(times) == len(cast("Sequence[Any]", given)) == 2 and timedelta(0) < times[1] - times[0] <= MOST_BACKFILL


async def make(access: RunAccess, home: Home, plan: Plan) -> ScheduleState:
    """Makes a schedule, or renews the one that has its id; all is checked before.

    Raises:
        ScheduleRefused: Names what makes no sense, or what else has the id.
        ConnectionFailed: The server is out of reach.
    """
    checked_id(plan.id)
    spec, policy = plan.times.spec(), policy_of(plan)
    check_backfill(plan.backfill)
    action = action_of(access, plan)
    wanted = Schedule(action=action, spec=spec, policy=policy, state=TemporalState(paused=plan.paused, note=plan.note))
    fills = [fill(begin, end) for begin, end in plan.backfill]
    try:
        await create(access, plan, wanted, fills)
    except ScheduleAlreadyRunningError:
        await renew(access, plan, wanted, fills)
    except RPCError as error:
        raise in_our_words(error, access, plan.id) from None
    remember(home, plan)
    return await describe(access, plan.id)


async def create(access: RunAccess, plan: Plan, wanted: Schedule, fills: list[ScheduleBackfill]) -> None:
    """Makes a new one."""
    on_record(wanted, [], deed_of(access, plan, "make"))
    memo = {MEMO: {"made_by": plan.start.starter or ""}}
    try:
        await access.client.create_schedule(plan.id, wanted, backfill=fills, memo=memo)
    except RPCError as error:
        if error.status != RPCStatusCode.INVALID_ARGUMENT or "search attribute" not in error.message.lower():
            raise
        await register_search_attributes(access)
        await access.client.create_schedule(plan.id, wanted, backfill=fills, memo=memo)


async def renew(access: RunAccess, plan: Plan, wanted: Schedule, fills: list[ScheduleBackfill]) -> None:
    """Puts a new plan in the place of the old one, at once.

    Raises:
        ScheduleRefused: The id is that of another workflow's schedule, or of one that is not ours.
    """
    handle, known = await found(access, plan.id)
    action = known.schedule.action
    workflow = action.workflow if isinstance(action, ScheduleActionStartWorkflow) else ""
    if workflow != plan.start.workflow:
        raise ScheduleRefused(
            f"{plan.id} is a schedule of {one_line(workflow, 80)}: give another --id, or delete it before"
        )

    deed = deed_of(access, plan, "renew")

    async def renewed(update: ScheduleUpdateInput) -> ScheduleUpdate:
        return ScheduleUpdate(schedule=on_record(wanted, await deeds_of(access, known_action(update)), deed))

    try:
        await handle.update(renewed)
        if fills:
            await handle.backfill(*fills)
    except RPCError as error:
        raise in_our_words(error, access, plan.id) from None


def deed_of(access: RunAccess, plan: Plan, deed: ScheduleDeed) -> SignedScheduleAct:
    """Whoever starts the runs makes the schedule, or renews it."""
    start = plan.start
    return signed_deed(access, plan.id, deed, workflow=start.workflow, by=start.starter or "", note=plan.note)


def known_action(update: ScheduleUpdateInput) -> object:
    """What a schedule that is to be changed starts now."""
    return update.description.schedule.action


def on_record(schedule: Schedule, before: Sequence[SignedScheduleAct], deed: SignedScheduleAct) -> Schedule:
    """The schedule, whose runs tell from now on what was done to it."""
    action = cast("ScheduleActionStartWorkflow", schedule.action)
    action.memo = {**(action.memo or {}), **with_deed(before, deed)}
    return schedule


def policy_of(plan: Plan) -> SchedulePolicy:
    """What becomes of starts that overlap or come late.

    Raises:
        ScheduleRefused: A value makes no sense.
    """
    if not isinstance(plan.catch_up, timedelta) or plan.catch_up < LEAST_CATCH_UP:
        raise ScheduleRefused(f"catch_up takes a duration of at least 10 seconds, such as 1h, not {plan.catch_up}")
    return SchedulePolicy(overlap=overlap_of(plan.overlap), catchup_window=plan.catch_up)


def action_of(access: RunAccess, plan: Plan) -> ScheduleActionStartWorkflow:
    """What is started each time, with the statement of who scheduled it."""
    request = dataclasses.replace(plan.start, id=plan.id)
    return ScheduleActionStartWorkflow(
        request.workflow,
        args=list(request.args),
        id=plan.id,
        task_queue=request.task_queue,
        execution_timeout=request.timeout,
        memo={**request.memo, **scheduled_by(access, plan)} or None,
        typed_search_attributes=search_attributes(request),
        static_summary=f"scheduled: {plan.id}",
    )


def scheduled_by(access: RunAccess, plan: Plan) -> dict[str, Any]:
    """Who scheduled it, signed, for the memo of its runs; empty where no key or nobody's name is at hand.

    Raises:
        ApprovalRefused: The user's key can't be used.
    """
    if access.keys is None or plan.start.starter is None:
        return {}
    converter = access.client.data_converter.payload_converter
    statement = SignedSchedule(
        schedule=plan.id,
        workflow=plan.start.workflow,
        task_queue=plan.start.task_queue,
        arguments=arguments_digest(converter.to_payloads(plan.start.args)),
        starter=plan.start.starter,
        issued_at=datetime.now(UTC),
        nonce=secrets.token_hex(16),
    )
    return {STARTER_MEMO: identity.sign(statement, identity.ensure_key(access.keys)).model_dump(mode="json")}


def fill(begin: datetime, end: datetime) -> ScheduleBackfill:
    """A period to make up for; its runs go one after the other."""
    # Temporal leaves out a start at the very beginning of the period.
    start = begin.astimezone(UTC) - timedelta(milliseconds=1)
    return ScheduleBackfill(start_at=start, end_at=end.astimezone(UTC), overlap=OVERLAPS["buffer_all"])


async def found(access: RunAccess, id: str) -> tuple[ScheduleHandle, ScheduleDescription]:
    """A schedule of ours.

    Raises:
        ScheduleRefused: There is none with this id.
        ConnectionFailed: The server is out of reach.
    """
    handle = access.client.get_schedule_handle(id)
    try:
        known = await handle.describe()
        memo = await known.memo()
    except RPCError as error:
        raise in_our_words(error, access, id) from None
    if MEMO not in memo:
        raise ScheduleRefused(f"{one_line(id, 80)} is a schedule that was made elsewhere: see to it there")
    return handle, known


def in_our_words(error: RPCError, access: RunAccess, id: str) -> JupyterWorkflowsError:
    """Temporal's refusal as ours."""
    if error.status == RPCStatusCode.NOT_FOUND:
        return ScheduleNotFound(
            f"there is no schedule {one_line(id, 80)!r}: `%workflow schedules` lists those there are"
        )
    if error.status == RPCStatusCode.INVALID_ARGUMENT:
        return ScheduleRefused(f"schedule {one_line(id, 80)} can't be so: {one_line(error.message, 300)}")
    return translated(error, access, "")


async def describe(access: RunAccess, id: str) -> ScheduleState:
    """A schedule with all that is known of it."""
    _, known = await found(access, id)
    memo = await known.memo_value(MEMO, {})
    action, info = known.schedule.action, known.info
    started = action if isinstance(action, ScheduleActionStartWorkflow) else None
    bundle = started.typed_search_attributes.get(BUNDLE) if started else None
    overlap = known.schedule.policy.overlap
    return ScheduleState(
        id=known.id,
        workflow=one_line(started.workflow, 200) if started else "",
        times=in_words(known.schedule.spec),
        given=as_given(known.schedule.spec),
        time_zone=known.schedule.spec.time_zone_name or "UTC",
        paused=known.schedule.state.paused,
        note=known.schedule.state.note or "",
        made_by=maker_in(memo),
        overlap=next((name for name, policy in OVERLAPS.items() if policy == overlap), None),
        bundle=bundle,
        task_queue=started.task_queue if started else None,
        deeds=await deeds_of(access, action),
        next=list(info.next_action_times),
        recent=recent_of(info.recent_actions),
        runs=info.num_actions,
        missed=info.num_actions_missed_catchup_window,
        skipped=info.num_actions_skipped_overlap,
    )


def maker_in(memo: Any) -> str:
    """Who made a schedule, as its memo says; empty where that holds something else."""
    return str(cast("dict[str, Any]", memo).get("made_by", "")) if isinstance(memo, dict) else ""


def recent_of(actions: Sequence[Any]) -> list[ScheduledRun]:
    """The newest runs, the newest first."""
    return [
        ScheduledRun(run=each.action.workflow_id, at=each.started_at)
        for each in reversed(actions)
        if isinstance(each.action, ScheduleActionExecutionStartWorkflow)
    ]


async def list_schedules(access: RunAccess, *, limit: int = MANY) -> list[ScheduleState]:
    """All schedules that were made here, by id; a new one is listed after a moment.

    Raises:
        ConnectionFailed: The server is out of reach.
    """
    states: list[ScheduleState] = []
    try:
        async for known in await access.client.list_schedules():
            memo = await known.memo()
            if MEMO not in memo or known.schedule is None or known.info is None:
                continue
            action = known.schedule.action
            states.append(
                ScheduleState(
                    id=known.id,
                    workflow=action.workflow if isinstance(action, ScheduleListActionStartWorkflow) else "",
                    times=in_words(known.schedule.spec),
                    time_zone=known.schedule.spec.time_zone_name or "UTC",
                    paused=known.schedule.state.paused,
                    note=known.schedule.state.note or "",
                    made_by=maker_in(memo[MEMO]),
                    next=[] if known.schedule.state.paused else list(known.info.next_action_times),
                    recent=recent_of(known.info.recent_actions),
                )
            )
            if len(states) >= limit:
                break
    except RPCError as error:
        raise in_our_words(error, access, "") from None
    return sorted(states, key=lambda state: state.id)


PAUSES: Mapping[ScheduleDeed, bool] = {"pause": True, "resume": False}


def workflow_of(known: ScheduleDescription) -> str:
    """What a schedule starts."""
    action = known.schedule.action
    return action.workflow if isinstance(action, ScheduleActionStartWorkflow) else ""


def changed(
    access: RunAccess,
    deed: SignedScheduleAct,
    *,
    paused: bool | None = None,
    note: str = "",
    spec: ScheduleSpec | None = None,
    overlap: ScheduleOverlapPolicy | None = None,
) -> Callable[[ScheduleUpdateInput], Awaitable[ScheduleUpdate]]:
    """A change of a schedule, with who makes it on record; what is None stays as it is."""

    async def change(update: ScheduleUpdateInput) -> ScheduleUpdate:
        schedule = on_record(update.description.schedule, await deeds_of(access, known_action(update)), deed)
        if paused is not None:
            schedule.state.paused, schedule.state.note = paused, note
        if spec is not None:
            schedule.spec = spec
        if overlap is not None:
            schedule.policy.overlap = overlap
        return ScheduleUpdate(schedule=schedule)

    return change


async def act(
    access: RunAccess, home: Home, id: str, what: ScheduleDeed, *, by: str, note: str = ""
) -> ScheduleState | None:
    """Pauses, resumes, triggers or deletes a schedule; gives it as it then is, None where it is gone.

    Args:
        access: What it is reached with.
        home: Where it is noted that its runs need a worker.
        id: Of the schedule.
        what: `"pause"`, `"resume"`, `"trigger"` or `"delete"`.
        by: Who asks.
        note: Why; stands beside it.

    Raises:
        ScheduleRefused: There is none with this id.
    """
    handle, known = await found(access, id)
    deed = signed_deed(access, id, what, workflow=workflow_of(known), by=by, note=note)
    try:
        if what == "delete":
            await handle.delete()
            forget(home, id)
            note_deleted(home, deed)
            return None
        await handle.update(changed(access, deed, paused=PAUSES.get(what), note=note or f"by {by}"))
        if what == "trigger":
            await handle.trigger(overlap=OVERLAPS["allow_all"])
    except RPCError as error:
        raise in_our_words(error, access, id) from None
    return await describe(access, id)


async def retime(access: RunAccess, id: str, times: Times, overlap: Overlap | None = None, *, by: str) -> ScheduleState:
    """Gives a schedule other times, in the place of those it has; what it starts, and for whom, stays as it is.

    Args:
        access: What it is reached with.
        id: Of the schedule.
        times: When its runs start from now on.
        overlap: What becomes of a start while the run before is not over; by default as it is.
        by: Who asks.

    Raises:
        ScheduleRefused: There is none with this id, or the times make no sense.
    """
    handle, known = await found(access, id)
    spec = times.spec()
    policy = overlap_of(overlap) if overlap is not None else None
    told = "; ".join(in_words(spec))
    deed = signed_deed(access, id, "retime", workflow=workflow_of(known), by=by, note=told)
    try:
        await handle.update(changed(access, deed, spec=spec, overlap=policy))
    except RPCError as error:
        raise in_our_words(error, access, id) from None
    return await describe(access, id)


async def backfill(access: RunAccess, id: str, begin: datetime, end: datetime, *, by: str) -> ScheduleState:
    """Starts the runs that a schedule would have started in a period, one after the other.

    Args:
        access: What it is reached with.
        id: Of the schedule.
        begin: From when, with a time zone.
        end: Until when.
        by: Who asks.

    Raises:
        ScheduleRefused: The period makes no sense, or there is no such schedule.
    """
    check_backfill([(begin, end)])
    handle, known = await found(access, id)
    told = f"{begin.isoformat()} to {end.isoformat()}"
    deed = signed_deed(access, id, "backfill", workflow=workflow_of(known), by=by, note=told)
    try:
        await handle.update(changed(access, deed))
        await handle.backfill(fill(begin, end))
    except RPCError as error:
        raise in_our_words(error, access, id) from None
    return await describe(access, id)


def note_of(home: Home, id: str) -> Path:
    """The file that says that a schedule's runs need a worker."""
    return home.schedules / f"{hashlib.sha256(id.encode()).hexdigest()[:16]}.json"


def remember(home: Home, plan: Plan) -> None:
    """Lets the embedded runtime look whether runs of a queue wait for a worker."""
    make_private_directory(home.schedules)
    write_private(note_of(home, plan.id), {"schedule": plan.id, "queue": plan.start.task_queue})


def forget(home: Home, id: str) -> None:
    """Nobody needs to look any more."""
    with suppress(OSError):
        note_of(home, id).unlink(missing_ok=True)
