"""Which point to go on from, and what that keeps: the plan of a resumption."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from temporalio.api.workflow.v1 import WorkflowExecutionInfo

from ...authoring.behaviour import BundleBehaviour
from ...errors import ResumeRefused
from ...plugin.ancestry import bundle_of_execution
from ...schema import Decision, KeptAct, SignedAct, Step
from ...schema.replays import Replayed
from ...schema.resumes import LaterAct, PlannedStep, ResumePlan
from ...security.identity import NAMES, person_of
from ..failures import failed_step
from ..history import Reduction
from ..reading import RunReader, Snapshot
from ..steps import Draft
from ..values import stored_bytes
from .workshop import Workshop

NEVER = 1 << 62
# From here on a replay takes seconds: Temporal's grows with the square of the history.
LONG_HISTORY_EVENTS = 6_000
# What the steps were given and gave travels at once; where nothing is stored outside of history, 2 MB is the limit.
MOST_STORED_BYTES = 32 * 1024 * 1024
MOST_INLINE_BYTES = 1024 * 1024
BYTES_PER_STEP = 450
ACT: TypeAdapter[Decision | SignedAct] = TypeAdapter(Decision | SignedAct, config=ConfigDict(defer_build=True))


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a person wants of a resumption.

    Args:
        from_step: The step from which things are to run again; by default the one that failed or hangs.
        input_override: The arguments that step is given instead of the workflow's.
        results: Values in the place of recorded results, by step.
    """

    from_step: str | None = None
    input_override: Any = None
    results: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Record:
    """A run as far as it went; `stores` where large values are kept outside of its history."""

    snapshot: Snapshot
    reduction: Reduction
    queue: str
    bundle: str
    stores: bool

    @property
    def drafts(self) -> list[Draft]:
        """The steps, with the events they are of."""
        return [draft for draft in self.reduction.drafts if draft.kind != "signal" and draft.id]

    @property
    def last_task(self) -> int:
        """The workflow task that was completed last; 0 before the first."""
        return self.reduction.tasks[-1] if self.reduction.tasks else 0

    def draft(self, step: str) -> Draft:
        """A step of the run.

        Raises:
            ResumeRefused: It has none of this id; names those it has.
        """
        for draft in self.drafts:
            if draft.id == step:
                return draft
        known = ", ".join(draft.id for draft in self.drafts[-12:]) or "none"
        raise ResumeRefused(f"run {self.snapshot.run.id} has no step {step!r}: it has {known}")


async def record_of(reader: RunReader) -> Record:
    """Reads a run for resuming it."""
    snapshot = await reader.snapshot()
    info = reader.info or WorkflowExecutionInfo()
    stores = reader.access.client.data_converter.external_storage is not None
    return Record(snapshot, reader.reduction, info.task_queue, bundle_of_execution(info), stores)


async def plan(reader: RunReader, workshop: Workshop, bundle: Path, wish: Wish) -> ResumePlan:
    """What resuming would do. Nothing is changed by it.

    Raises:
        ResumeRefused: It can't be done as wished; says what can.
    """
    record = await record_of(reader)
    if not record.queue.startswith("jw-"):
        raise ResumeRefused(
            f"run {record.snapshot.run.id} runs on the queue {record.queue!r} of a worker of its own: "
            "serve the corrected code there, and the run goes on with it"
        )
    wanted, live = await asyncio.to_thread(wanted_point, record, wish)
    wanted, live = before_what_was_undone(record, wish, wanted, live)
    replayed = await agreement(record, workshop, bundle)
    parting = replayed.divergence.task_event_id if replayed and replayed.divergence else None
    limit = NEVER if replayed is None or replayed.compatible else parting or 0
    if limit < NEVER and live:
        live, wanted = False, (None, record.last_task)
    step, point = wanted
    if limit < point:
        raise disagreement(record, replayed, wish, limit)
    same_code = await asyncio.to_thread(unchanged, workshop.bundles / f"jw_{record.bundle}", bundle)
    point = 0 if live else point
    told = await asyncio.to_thread(retelling, record, point, bundle)
    layout = Layout(step, point, told, bundle.name.removeprefix("jw_"), wish, same_code)
    return await laid_out(reader, record, layout)


def retelling(record: Record, point: int, bundle: Path) -> tuple[int, str]:
    """Where a new execution really begins that is told its kept steps, and by the result of which; 0 for at the point.

    It can be told where the history up to the point has nothing but steps, all of which completed and have nothing to
    undo, and where the workflow's code sees nothing else that would be otherwise now.
    """
    reduction = record.reduction
    if not point or (point > 0 and not may_be_told(record, point, bundle)):
        return 0, ""
    kept = [draft for draft in record.drafts if draft.kind == "activity" and finished_before(draft, point)]
    first = min(kept, key=lambda draft: draft.scheduled_event, default=None)
    return reduction.first_task, first.id if first else ""


def may_be_told(record: Record, point: int, bundle: Path) -> bool:
    """Whether an execution that begins anew and is told its kept steps comes to the point as this one did."""
    first_other = record.reduction.first_other
    if point < LONG_HISTORY_EVENTS or 0 < first_other < point or record.snapshot.effects:
        return False
    kept = [draft for draft in record.drafts if finished_before(draft, point)]
    payloads = [payload for draft in kept for payload in (*draft.arguments, *draft.results)]
    size_bytes = len(kept) * BYTES_PER_STEP + sum(payload.ByteSize() for payload in payloads) * 4 // 3
    if any(map(stored_bytes, payloads)) or size_bytes > (MOST_STORED_BYTES if record.stores else MOST_INLINE_BYTES):
        return False
    try:
        new = BundleBehaviour(bundle)
    except (OSError, ValueError, SyntaxError):
        return False
    names = {draft.name for draft in kept}
    undone = any(known.name in names and (known.undo or known.irreversible) for known in new.manifest.activities)
    return not undone and not new.asks_more_than_steps(record.snapshot.run.workflow)


def finished_before(draft: Draft, point: int) -> bool:
    """Whether a step had ended before an event."""
    return draft.finished_event != 0 and draft.finished_event < point


def before_what_was_undone(
    record: Record, wish: Wish, wanted: tuple[str | None, int], live: bool
) -> tuple[tuple[str | None, int], bool]:
    """The point to go on from, not later than the first step that a rollback has undone: it is to be done again.

    Raises:
        ResumeRefused: A later step was named.
    """
    undone = {effect.step for effect in record.snapshot.effects if effect.status in ("undone", "undoing")}
    drafts = [draft for draft in record.drafts if draft.id in undone and draft.task_event]
    if not drafts:
        return wanted, live
    first = min(drafts, key=lambda draft: draft.task_event)
    if not live and wanted[1] <= first.task_event:
        return wanted, live
    if wish.from_step or wish.results:
        raise ResumeRefused(
            f"run {record.snapshot.run.id} can't go on from {wanted[0]}: what {first.id} did was undone by a rollback, "
            f"so it has to run again. Nothing was changed; run.resume(from_step={first.id!r})",
            step=first.id,
        )
    return (first.id, first.task_event), False


async def agreement(record: Record, workshop: Workshop, bundle: Path) -> Replayed | None:
    """How far the code agrees with the run; None where its workflow is the same code, which can't disagree."""

    def ask() -> Replayed | None:
        run = record.snapshot.run
        if same_workflow(run.workflow, workshop.bundles / f"jw_{record.bundle}", bundle):
            return None
        return workshop.replay(bundle, record.queue, run.id, run.run_id)

    return await asyncio.to_thread(ask)


def same_workflow(name: str, old: Path, new: Path) -> bool:
    """Whether a workflow is the same code in two bundles."""
    if old == new:
        return True
    try:
        then, now = BundleBehaviour(old).of_workflow(name), BundleBehaviour(new).of_workflow(name)
    except (OSError, ValueError, SyntaxError):
        return False
    return then is not None and then == now


def unchanged(old: Path, new: Path) -> Callable[[str], bool]:
    """Tells of an activity whether it is the same code in two bundles; not known is no."""
    try:
        then, now = BundleBehaviour(old), BundleBehaviour(new)
    except (OSError, ValueError, SyntaxError):
        return lambda _: False
    return lambda name: then.of_activity(name) == now.of_activity(name)


def wanted_point(record: Record, wish: Wish) -> tuple[tuple[str | None, int], bool]:
    """The step and workflow task to go on from, and whether newer code from now on would do.

    Raises:
        ResumeRefused: No such step, or nothing says where to go on from.
    """
    earliest = [record.draft(step) for step in ([wish.from_step] if wish.from_step else []) + list(wish.results)]
    if earliest:
        draft = min(earliest, key=lambda draft: draft.task_event)
        return (wish.from_step or draft.id, draft.task_event), False
    status = record.snapshot.run.status
    if status == "running":
        unfinished = {step.id for step in record.snapshot.steps if step.finished_at is None}
        open_steps = [draft for draft in record.drafts if draft.id in unfinished]
        first = min(open_steps, key=lambda draft: draft.task_event, default=None)
        if wish.input_override is not None and first is not None:
            return (first.id, first.task_event), False
        return (first.id if first else None, first.task_event if first else record.last_task), True
    if status == "completed":
        raise ResumeRefused(
            f"run {record.snapshot.run.id} completed, so nothing says from where: name a step, such as "
            f"run.resume(from_step={record.drafts[-1].id if record.drafts else '...'!r})"
        )
    return broken_point(record), False


def broken_point(record: Record) -> tuple[str | None, int]:
    """Where a run that ended without a result broke off."""
    failure = record.snapshot.failure
    inner = failed_step(failure) if failure else None
    for draft in record.drafts:
        if inner is not None and draft.id == inner.step:
            return draft.id, draft.task_event
    cut = [draft for draft in record.drafts if draft.status == "cancelled" and draft.task_event]
    if record.snapshot.run.status != "failed" and cut:
        draft = min(cut, key=lambda draft: draft.task_event)
        return draft.id, draft.task_event
    return None, record.last_task


def disagreement(record: Record, replayed: Replayed | None, wish: Wish, limit: int) -> ResumeRefused:
    """Says where the code disagrees, and the latest point that works."""
    found = replayed.divergence if replayed else None
    offer = latest_step(record.drafts, limit)
    where = f" at step {found.step_id}" if found and found.step_id else ""
    start = f"from {wish.from_step}" if wish.from_step else "from there"
    remedy = (
        f"the latest point that works is step {offer}: run.resume(from_step={offer!r})"
        if offer
        else "no earlier point works: start a new run"
    )
    why = str(found) if found else "it can't be replayed"
    return ResumeRefused(
        f"run {record.snapshot.run.id} can't go on {start} with this code, which disagrees with what the run did"
        f"{where}: {why}. Nothing was changed; {remedy}",
        step=offer,
        location=found.location if found else None,
    )


def latest_step(drafts: Iterable[Draft], limit: int) -> str | None:
    """The last step that can be run again without going back behind a workflow task."""
    fitting = [draft for draft in drafts if draft.task_event and draft.task_event <= limit]
    return max(fitting, key=lambda draft: (draft.task_event, -draft.scheduled_event)).id if fitting else None


@dataclass(frozen=True)
class Layout:
    """What a plan is laid out for: `point` 0 means newer code from now on."""

    step: str | None
    point: int
    told: tuple[int, str]
    bundle: str
    wish: Wish
    same_code: Callable[[str], bool]


async def laid_out(reader: RunReader, record: Record, layout: Layout) -> ResumePlan:
    """The plan, step by step."""
    run, wish = record.snapshot.run, layout.wish
    shown = {step.id: step for step in record.snapshot.steps}
    kept: list[PlannedStep] = []
    again: list[PlannedStep] = []
    for draft in record.drafts:
        # What undid a step is none of the workflow's.
        if draft.id in shown and not draft.undoes:
            stays, why = verdict(record, draft, shown[draft.id], layout)
            (kept if stays else again).append(planned(draft, shown[draft.id], why, stays))
    after = layout.point or NEVER
    signals = [
        draft.name for draft in record.reduction.drafts if draft.kind == "signal" and draft.scheduled_event > after
    ]
    return ResumePlan(
        id=run.id,
        run_id=run.run_id,
        workflow=run.workflow,
        status=run.status,
        mode="reset" if layout.point else "live",
        bundle=layout.bundle,
        bundle_before=record.bundle,
        queue=record.queue,
        from_step=layout.step,
        point=layout.point,
        reset_to=layout.told[0],
        told_by=layout.told[1],
        last_event=record.reduction.last_event_id,
        kept=kept,
        again=again,
        dropped_signals=signals,
        acts=[
            LaterAct(approval=kept.act.approval, by=person_of(kept.act), kind=NAMES[type(kept.act)])
            for kept in await acts_after(reader, record, after)
        ],
        replaced=list(wish.results),
        input_of=layout.step if wish.input_override is not None else None,
    )


def verdict(record: Record, draft: Draft, step: Step, layout: Layout) -> tuple[bool, str]:
    """Whether a step is kept, and why."""
    if draft.id in layout.wish.results:
        return True, "its result is replaced"
    if not layout.point:
        return (
            draft.finished_at is not None,
            "" if draft.finished_at else "goes on with the new code at its next attempt",
        )
    if step.finished_at and draft.finished_event < layout.point:
        return True, ""
    if draft.scheduled_event < layout.point and draft.kind != "activity":
        return False, "goes on waiting"
    until = min((found.finished_event or NEVER for found in record.drafts if found.id == layout.step), default=NEVER)
    beside = draft.kind == "activity" and draft.status == "completed" and draft.scheduled_event < until
    if beside and draft.id != layout.step:
        if layout.same_code(draft.name):
            return True, "ran beside it; kept where its input stays the same"
        return False, "ran beside it; its code was changed"
    return False, ""


def planned(draft: Draft, step: Step, why: str, stays: bool) -> PlannedStep:
    """A step of the plan."""
    return PlannedStep(
        id=step.id,
        name=step.name,
        kind=step.kind,
        status=step.status,
        seconds=step.seconds,
        usage=step.usage,
        location=step.location,
        why=why,
        twice=not stays and draft.kind in ("activity", "child") and step.status == "completed",
    )


async def acts_after(reader: RunReader, record: Record, event_id: int) -> list[KeptAct]:
    """What people said to approvals after an event, in order, with the times of what they said it to."""
    asked = {step.id: step.approval for step in record.snapshot.steps if step.approval}
    later = [payload for at, payload in record.reduction.acts if at > event_id]
    await reader.values.prepare(later)
    found: list[KeptAct] = []
    for payload in later:
        value = reader.values(payload)
        with contextlib.suppress(ValidationError):
            if isinstance(value, dict) and "opened_at" in value:
                # This execution was told of it by the one before.
                found.append(KeptAct.model_validate(value))
                continue
            act = ACT.validate_python(value)
            if approval := asked.get(act.approval):
                found.append(KeptAct(act=act, opened_at=approval.opened_at, due_at=approval.due_at))
    return found
