"""What a resumed or forked run is given of the run before: results of steps that it need not work out again.

A reset keeps what lies before its point. Branches that ran beside the failed step may have finished after it: their
steps are scheduled again, and the worker answers them from the old history where the step, its code and its input are
the same. A fork begins at the beginning: all that it keeps is answered so. Only the workers of such runs look, so that
nobody else pays for it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import temporalio.activity
import temporalio.common
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from ..authoring.behaviour import BundleBehaviour
from ..authoring.effects import EFFECT_KEY, KEPT_CHILD
from ..authoring.kept_steps import KEPT_STEPS_KEY
from ..authoring.ledger import KEPT_KEY, kept_in
from ..authoring.payload_text import unpacked
from ..payloads import bare
from ..payloads.types import validate
from ..schema import Kept
from ..schema.resumes import KeptStep, KeptSteps, Replacements
from ..security.identity import TrustedKeys
from .ancestry import REPLACE, Ancestor, Recorded, ancestors, signal_after
from .other_code import undo_of_other_code

REPLACEMENTS_WITHIN_SECONDS = 30.0
RECORD_WITHIN_SECONDS = 30.0
RUNS_REMEMBERED = 64


@dataclass(frozen=True)
class Past:
    """What the runs before a resumed one left it.

    Attributes:
        recorded: The steps that it need not do again, and the run that did each.
        replacements: The values a person put in the place of recorded ones.
        kept: The steps that its history lacks, and that it is told of before it begins anything new.
        told_by: The step whose result brings them.
    """

    recorded: dict[str, tuple[Recorded, Ancestor]] = field(default_factory=dict[str, tuple[Recorded, Ancestor]])
    replacements: Replacements | None = None
    kept: KeptSteps = field(default_factory=lambda: KeptSteps(steps=[]))
    told_by: str = ""
    told: asyncio.Event = field(default_factory=asyncio.Event)

    @functools.cached_property
    def kept_by_id(self) -> dict[str, KeptStep]:
        """The kept steps by their ids."""
        return {step.id: step for step in self.kept.steps}


class Handover(Interceptor):
    """Answers steps of resumed runs from the history of the run before.

    Args:
        client: A connected client.
        bundle: The directory of the bundle that the worker serves; the old ones lie beside it.
        trusted: Who may say that a run is a fork of another.
    """

    def __init__(self, client: Client, bundle: Path, trusted: TrustedKeys | None) -> None:
        self.client = client
        self.bundle = bundle
        self.trusted = trusted
        self.pasts: OrderedDict[str, asyncio.Task[Past]] = OrderedDict()
        self.behaviours: dict[Path, BundleBehaviour | None] = {}

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """The wrapper around one execution."""
        return Inbound(next, self)

    async def past(self, workflow_id: str, run_id: str) -> Past:
        """What a run was left; read once."""
        task = self.pasts.get(run_id)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = self.pasts[run_id] = asyncio.create_task(self.read(workflow_id, run_id))
            while len(self.pasts) > RUNS_REMEMBERED:
                self.pasts.popitem(last=False)
        return await asyncio.shield(task)

    async def read(self, workflow_id: str, run_id: str) -> Past:
        """Reads the histories of the runs before."""
        line = await ancestors(self.client, workflow_id, run_id, self.trusted)
        recorded: dict[str, tuple[Recorded, Ancestor]] = {}
        for ancestor in line:
            for step, found in ancestor.recorded.items():
                recorded.setdefault(step, (found, ancestor))
        for mark in (ancestor.mark for ancestor in line):
            for step in {mark.from_step, *mark.replaced, mark.input_of}:
                recorded.pop(step or "", None)
        newest = line[0].mark if line else None
        replacements = None
        if newest and (newest.replaced or newest.input_of):
            replacements = await self.replacements(workflow_id, run_id, line[0].reset_event_id)
        if newest is None or line[0].kept is None:
            return Past(recorded, replacements)
        return Past(recorded, replacements, line[0].kept, newest.told_by)

    async def until_told(self, workflow_id: str, run_id: str, past: Past) -> None:
        """Waits until a run has the record of its kept steps: nothing else is to come before.

        Raises:
            ApplicationError: It did not come; the step is tried again.
        """
        handle = self.client.get_workflow_handle(workflow_id, run_id=run_id)
        deadline = asyncio.get_running_loop().time() + RECORD_WITHIN_SECONDS
        while not past.told.is_set():
            scheduled = 0
            async for event in handle.fetch_history_events():
                if event.activity_task_scheduled_event_attributes.activity_id == past.told_by:
                    scheduled = event.event_id
                if scheduled and event.activity_task_completed_event_attributes.scheduled_event_id == scheduled:
                    past.told.set()
                    return
            if asyncio.get_running_loop().time() > deadline:
                raise ApplicationError("the record of what the run keeps did not arrive", type="ResumeIncomplete")
            await asyncio.sleep(0.05)

    async def replacements(self, workflow_id: str, run_id: str, after: int) -> Replacements:
        """The values a person replaced; they follow the reset as a signal.

        Raises:
            ApplicationError: They did not come; the step is tried again.
        """
        deadline = asyncio.get_running_loop().time() + REPLACEMENTS_WITHIN_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            payload = await signal_after(self.client, workflow_id, run_id, REPLACE, after)
            if payload is not None:
                (value,) = await self.client.data_converter.decode([payload])
                return Replacements.model_validate(value)
            await asyncio.sleep(0.05)
        raise ApplicationError(
            "the values that were to replace recorded ones did not arrive: resume the run again",
            type="ResumeIncomplete",
        )

    def same_code(self, activity: str, then: Path) -> bool:
        """Whether an activity does in the old bundle what it does in this one; not known is no."""
        if then == self.bundle:
            return True
        old, new = self.behaviour(then), self.behaviour(self.bundle)
        if old is None or new is None:
            return False
        if activity.startswith(KEPT_CHILD):
            child = activity.removeprefix(KEPT_CHILD)
            return (before := old.of_child(child)) is not None and before == new.of_child(child)
        # An activity of the package itself, such as a model call, is in neither.
        return new.of_activity(activity) == old.of_activity(activity)

    def behaviour(self, path: Path) -> BundleBehaviour | None:
        """The definitions of a bundle; None where it is no longer at hand."""
        if path not in self.behaviours:
            try:
                self.behaviours[path] = BundleBehaviour(path)
            except (OSError, ValueError, SyntaxError):
                self.behaviours[path] = None
        return self.behaviours[path]


class Inbound(ActivityInboundInterceptor):
    """One execution of an activity of a resumed run."""

    def __init__(self, next: ActivityInboundInterceptor, handover: Handover) -> None:
        super().__init__(next)
        self.handover = handover

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        """Gives the recorded result where there is one, else runs the activity."""
        info = temporalio.activity.info()
        if info.workflow_id is None or info.workflow_run_id is None:
            return await super().execute_activity(input)
        past = await self.handover.past(info.workflow_id, info.workflow_run_id)
        if past.told_by:
            kept = past.kept_by_id.get(info.activity_id)
            if kept is not None and kept.name == info.activity_type:
                return retold(past, kept)
            await self.handover.until_told(info.workflow_id, info.workflow_run_id, past)
        if past.replacements is not None:
            if info.activity_id in past.replacements.results:
                return replaced(input.fn, past.replacements, info)
            if info.activity_id in past.replacements.inputs:
                values = past.replacements.inputs[info.activity_id]
                changed = dataclasses.replace(input, args=typed(input.fn, values))
                return await super().execute_activity(changed)
        found, ancestor = past.recorded.get(info.activity_id, (None, None))
        if found and ancestor and found.activity == info.activity_type:
            then = self.handover.bundle.parent / f"jw_{ancestor.bundle}"
            same = found.whatever_code or self.handover.same_code(found.activity, then)
            if same and await self.same_input(found, input):
                return await self.recorded(found, ancestor)
        return await super().execute_activity(input)

    async def same_input(self, found: Recorded, input: ExecuteActivityInput) -> bool:
        """Whether the step is asked what it was asked then."""
        then = await bare(self.handover.client.data_converter, found.input)
        # What answers for a child run has its arguments as they travelled.
        args = input.args[0] if input.fn is undo_of_other_code else input.args
        now = temporalio.activity.payload_converter().to_payloads(args)
        return [comparable(payload) for payload in then] == [comparable(payload) for payload in now]

    async def recorded(self, found: Recorded, ancestor: Ancestor) -> Any:
        """The result as it was recorded, with where it comes from."""
        if not found.result:
            return None
        (payload,) = await bare(self.handover.client.data_converter, found.result[:1])
        # What that run was told is no affair of this one.
        payload.metadata.pop(KEPT_STEPS_KEY, None)
        if ancestor.id:
            earlier = kept_in(payload)
            kept = Kept(run_id=ancestor.run_id, id=ancestor.id, replaced_by=earlier.replaced_by if earlier else "")
            payload.metadata[KEPT_KEY] = kept.model_dump_json().encode()
            # What it did is that run's effect: a fork that is rolled back leaves it alone.
            payload.metadata.pop(EFFECT_KEY, None)
        elif KEPT_KEY not in payload.metadata:
            payload.metadata[KEPT_KEY] = Kept(run_id=ancestor.run_id).model_dump_json().encode()
        return temporalio.common.RawValue(payload)


def retold(past: Past, step: KeptStep) -> temporalio.common.RawValue:
    """The result of a kept step, which the workflow passes on when it is its turn; one of them brings the record."""
    payload = unpacked(step.result[0]) if step.result else temporalio.activity.payload_converter().to_payload(None)
    record = past.kept.model_dump_json() if step.id == past.told_by else ""
    payload.metadata[KEPT_STEPS_KEY] = record.encode()
    return temporalio.common.RawValue(payload)


def replaced(fn: Callable[..., Any], replacements: Replacements, info: temporalio.activity.Info) -> Any:
    """The value a person gave for a step's result, if it is of the result's type.

    Raises:
        PayloadError: It is not.
    """
    value = replacements.results[info.activity_id]
    hint = getattr(fn, "__annotations__", {}).get("return")
    if hint is not None:
        value = validate(value, hint, f"the value that replaces the result of {info.activity_id}")
    payload = temporalio.activity.payload_converter().to_payload(value)
    payload.metadata[KEPT_KEY] = Kept(replaced_by=replacements.by).model_dump_json().encode()
    return temporalio.common.RawValue(payload)


def typed(fn: Callable[..., Any], values: list[Any]) -> list[Any]:
    """Arguments that came as JSON, in the types of the activity's parameters."""
    hints = [hint for name, hint in getattr(fn, "__annotations__", {}).items() if name != "return"]
    converter = temporalio.activity.payload_converter()
    payloads = converter.to_payloads(values)
    return converter.from_payloads(payloads, cast("list[type] | None", hints if len(hints) == len(values) else None))


def comparable(payload: Payload) -> object:
    """What two payloads of one value have in common; the order of an object's keys does not count."""
    if payload.metadata.get("encoding", b"").startswith(b"json/"):
        try:
            return json.loads(payload.data)
        except ValueError:
            return payload.data
    return payload.metadata.get("encoding"), payload.data
