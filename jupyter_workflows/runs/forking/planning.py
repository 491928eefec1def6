"""What a fork keeps of a run and what it does anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import temporalio.common

from ...authoring.behaviour import BundleBehaviour
from ...authoring.starter import arguments_digest
from ...errors import ResumeRefused
from ...payloads import bare
from ...schema import BundledWorkflow, Manifest, Step
from ...schema.resumes import PlannedStep, ResumePlan
from ..arguments import parameters, rearranged
from ..reading import RunReader
from ..resuming.planning import NEVER, Record, planned, record_of, same_workflow, unchanged
from ..resuming.workshop import Workshop
from ..steps import Draft

SAME_INPUT = "kept where it gets the same input"


@dataclass(frozen=True, kw_only=True)
class ForkWish:
    """What a person wants of a fork.

    Args:
        from_step: The step from which things run again; by default what has other code or other input does.
        input_override: The arguments that step is given instead of the workflow's.
        results: Values in the place of recorded results, by step.
        changes: Other values of the workflow's parameters, or of constants its code reads, by name.
    """

    from_step: str | None = None
    input_override: Any = None
    results: dict[str, Any] = field(default_factory=dict[str, Any])
    changes: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Fork:
    """A fork as it is to be started.

    Args:
        plan: What is kept and what runs again.
        wish: What was asked for.
        bundle: The directory of its code.
        workflow: The workflow, as the code has it.
        arguments: What it is started with, in the order of the signature.
        signals: The signals that the run before was sent, to be sent again: name and payloads.
        notebook: Where the workflow is written.
        children: The inputs of the child runs that are kept, as digests, by step.
    """

    plan: ResumePlan
    wish: ForkWish
    bundle: Path
    workflow: BundledWorkflow
    arguments: list[Any]
    signals: list[tuple[str, list[Any]]]
    notebook: str | None
    children: dict[str, str]


@dataclass(frozen=True)
class Branching:
    """Where a fork parts from a run: `point` 0 means wherever code or input differ; `told` by people are child runs."""

    record: Record
    wish: ForkWish
    point: int
    same_code: Callable[[str], bool]
    same_child: Callable[[str], bool]
    told: set[str]
    as_recorded: bool

    @property
    def until(self) -> int:
        """When the step from which things run again had ended: what was asked for later may follow from it."""
        ends = (draft.finished_event or NEVER for draft in self.record.drafts if draft.id == self.wish.from_step)
        return min(ends, default=NEVER)


async def plan_fork(reader: RunReader, workshop: Workshop, wish: ForkWish) -> Fork:
    """What a fork would keep and do. Nothing is changed by it.

    Raises:
        ResumeRefused: It can't be done as wished; says why.
        ArgumentsError: A changed argument does not fit.
        ClosureError: The code as it is now can't run outside the notebook.
    """
    record = await record_of(reader)
    run = record.snapshot.run
    if not record.queue.startswith("jw-"):
        raise ResumeRefused(
            f"run {run.id} runs on the queue {record.queue!r} of a worker of its own: start another run there"
        )
    check_wish(record, wish)
    bundle, workflow, arguments = await asyncio.to_thread(code_for, workshop, record, wish)
    recorded = await arguments_of(reader, record, workflow)
    old = workshop.bundles / f"jw_{record.bundle}"
    same_code, same_child, as_recorded = await asyncio.to_thread(
        lambda: (
            unchanged(old, bundle),
            unchanged_child(old, bundle),
            same_workflow(run.workflow, old, bundle) and not arguments,
        )
    )
    point = record.draft(wish.from_step).task_event if wish.from_step else 0
    told = await told_by_people(reader, record, same_child)
    branching = Branching(record, wish, point, same_code, same_child, told, as_recorded)
    plan = laid_out(branching, bundle.name.removeprefix("jw_"))
    return Fork(
        plan=plan,
        wish=wish,
        bundle=bundle,
        workflow=workflow,
        arguments=rearranged(workflow, recorded, arguments),
        signals=[
            (draft.name, [temporalio.common.RawValue(payload) for payload in await bare_of(reader, draft)])
            for draft in signals_before(record, point or NEVER)
        ],
        notebook=run.notebook,
        children=await children_kept(reader, record, plan),
    )


async def told_by_people(reader: RunReader, record: Record, wanted: Callable[[str], bool]) -> set[str]:
    """The child runs that people decided in, or sent something to: that was about that run, so they run again.

    Args:
        reader: Of the run.
        record: The run.
        wanted: Of which workflows the child runs are to be looked into.
    """
    found: set[str] = set()
    for draft in record.drafts:
        if draft.kind != "child" or draft.status != "completed" or not draft.child_run or not wanted(draft.name):
            continue
        inside = RunReader(reader.access, draft.child_run, draft.child_run_id, pinned=True)
        below = await record_of(inside)
        kinds = {each.kind for each in below.reduction.drafts}
        if kinds & {"approval", "signal"} or await told_by_people(inside, below, lambda _: True):
            found.add(draft.id)
    return found


async def children_kept(reader: RunReader, record: Record, plan: ResumePlan) -> dict[str, str]:
    """The inputs, as digests, of the child runs that a plan keeps."""
    kept = {step.id for step in plan.kept if step.kind == "child"}
    converter = reader.access.client.data_converter
    return {
        draft.id: arguments_digest(await bare(converter, list(draft.arguments)))
        for draft in record.drafts
        if draft.id in kept
    }


def unchanged_child(old: Path, new: Path) -> Callable[[str], bool]:
    """Tells of a workflow whether it, and all that it runs, is the same code in two bundles; not known is no."""
    try:
        then, now = BundleBehaviour(old), BundleBehaviour(new)
    except (OSError, ValueError, SyntaxError):
        return lambda _: False
    return lambda name: (before := then.of_child(name)) is not None and before == now.of_child(name)


def check_wish(record: Record, wish: ForkWish) -> None:
    """Refuses what can't be wished for.

    Raises:
        ResumeRefused: Says why.
    """
    if wish.input_override is not None and wish.from_step is None:
        raise ResumeRefused("input_override is the input of the step you name: say from_step=")
    for step in [*wish.results, *([wish.from_step] if wish.input_override is not None and wish.from_step else [])]:
        if record.draft(step).kind != "activity":
            raise ResumeRefused(f"{step} is no activity: nothing can be put in the place of what it gave or got")


def code_for(workshop: Workshop, record: Record, wish: ForkWish) -> tuple[Path, BundledWorkflow, dict[str, Any]]:
    """The bundle of a fork, its workflow, and the changes that are arguments; the others are constants. Blocks.

    Raises:
        ResumeRefused: A name is neither a parameter nor a constant.
    """
    run = record.snapshot.run
    bundle = workshop.corrected(run)
    workflow = workflow_in(bundle, run.workflow)
    names = parameters(workflow)
    constants = {name: value for name, value in wish.changes.items() if name not in names}
    if constants:
        bundle = workshop.corrected(run, constants)
    return bundle, workflow, {name: value for name, value in wish.changes.items() if name in names}


def workflow_in(bundle: Path, name: str) -> BundledWorkflow:
    """A workflow of a bundle on disk.

    Raises:
        ResumeRefused: It has none of this name.
    """
    manifest = Manifest.model_validate_json((bundle / "manifest.json").read_bytes())
    for workflow in manifest.workflows:
        if workflow.name == name:
            return workflow
    raise ResumeRefused(f"the code at hand has no workflow {name!r}: run its %%workflow cell")


async def arguments_of(reader: RunReader, record: Record, workflow: BundledWorkflow) -> Mapping[str, Any]:
    """What a run was started with, by the names of the signature of then."""
    payloads = await bare(reader.access.client.data_converter, record.reduction.arguments)
    manifest = record.snapshot.manifest
    then = next((found for found in manifest.workflows if found.name == workflow.name), None) if manifest else None
    values = [temporalio.common.RawValue(payload) for payload in payloads]
    return dict(zip(parameters(then or workflow), values, strict=False))


async def bare_of(reader: RunReader, draft: Draft) -> list[Any]:
    """The payloads of a signal, readable."""
    return list(await bare(reader.access.client.data_converter, draft.arguments))


def signals_before(record: Record, event_id: int) -> list[Draft]:
    """The signals that a run was sent before an event, in order; not those by which the package talks to it."""
    return [
        draft
        for draft in record.reduction.drafts
        if draft.kind == "signal" and draft.scheduled_event < event_id and not draft.ours
    ]


def laid_out(branching: Branching, bundle: str) -> ResumePlan:
    """The plan, step by step.

    Raises:
        ResumeRefused: Nothing would be done otherwise than it was.
    """
    record, wish = branching.record, branching.wish
    run = record.snapshot.run
    shown = {step.id: step for step in record.snapshot.steps}
    kept: list[PlannedStep] = []
    again: list[PlannedStep] = []
    for draft in record.drafts:
        if draft.id in shown and not draft.undoes:
            stays, why = verdict(branching, draft, shown[draft.id])
            (kept if stays else again).append(planned(draft, shown[draft.id], why, stays))
    different = bool(again or wish.changes or wish.results or bundle != record.bundle)
    if run.status == "completed" and not different:
        raise ResumeRefused(
            f"a fork of run {run.id} would keep everything: name a step, such as "
            f"run.fork(from_step={record.drafts[-1].id if record.drafts else '...'!r}), or change something"
        )
    return ResumePlan(
        id=run.id,
        run_id=run.run_id,
        workflow=run.workflow,
        status=run.status,
        mode="fork",
        bundle=bundle,
        bundle_before=record.bundle,
        queue=record.queue,
        from_step=wish.from_step,
        point=branching.point,
        last_event=record.reduction.last_event_id,
        kept=kept,
        again=again,
        dropped_signals=[
            draft.name
            for draft in signals_before(record, NEVER)
            if branching.point and draft.scheduled_event >= branching.point
        ],
        replaced=list(wish.results),
        input_of=wish.from_step if wish.input_override is not None else None,
        changes=list(wish.changes),
    )


def verdict(branching: Branching, draft: Draft, step: Step) -> tuple[bool, str]:
    """Whether a fork keeps a step, and why."""
    if draft.id in branching.wish.results:
        return True, "its result is replaced"
    if draft.kind not in ("activity", "child"):
        return False, WAITS.get(draft.kind, "")
    if draft.status != "completed" or draft.id == branching.wish.from_step:
        return False, ""
    if draft.id in undone(branching.record):
        return False, "what it did was undone"
    if draft.id in branching.told:
        return False, "people had a say in it: they are asked again"
    if branching.point and draft.finished_event < branching.point:
        return True, "" if branching.as_recorded else SAME_INPUT
    if branching.point and draft.scheduled_event > branching.until:
        return False, ""
    if not (branching.same_child if draft.kind == "child" else branching.same_code)(step.name):
        return False, "its code was changed, or is no longer at hand"
    return True, SAME_INPUT


WAITS = {
    "approval": "people are asked again: what they decided was about that run",
    "timer": "waits again",
}


def undone(record: Record) -> set[str]:
    """The steps whose effects were undone."""
    return {effect.step for effect in record.snapshot.effects if effect.status in ("undone", "undoing")}
