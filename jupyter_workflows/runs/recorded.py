"""The effects of a run that has ended, read from its history: an activity of the run that undoes them.

Each effect is undone by the code that its step ran with, as the step's result says; what an open run had done before it
was given newer code as it was, by that newer code. A code that is no longer on the machine is replaced by the worker's
own, where that can undo the step.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import temporalio.activity
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from ..authoring.bundles import LoadedBundle, bundle_of
from ..authoring.compensation import arguments
from ..authoring.effects import CODE_KEY, UNDO_KEY, Effect, any_undo, key_in, undo_of, with_code
from ..authoring.ledger import is_of_another_run
from ..authoring.payload_text import packed
from ..authoring.policies import DEFAULT_ACTIVITY_TIMEOUT, RetryPolicy
from ..authoring.rollback import undo_run_id
from ..authoring.steps import RATE_LIMIT_WAIT
from ..authoring.undo_run import READ_EFFECTS
from ..payloads import bare
from ..schema import RecordedEffect, RecordedUndo, RollBackOrder
from .orders import check_order


@temporalio.activity.defn(name=READ_EFFECTS)
async def read_effects(order: RollBackOrder) -> bytes:
    """What a run did and nobody has undone, in the order in which its steps ended, as JSON.

    Raises:
        ApplicationError: Nobody with a known key has asked for it; or the run has not ended, or another run is undoing
            it now: that is tried again.
    """
    client, bundle = temporalio.activity.client(), bundle_of(temporalio.activity.info().task_queue)
    await check_order(client, bundle)
    told = await told_by(client, bundle, order.workflow_id, order.run_id)
    for generation in range(1, order.generation):
        earlier = undo_run_id(order.workflow_id, order.run_id, generation)
        told.undone |= (await told_by(client, bundle, earlier, "")).undone
    left = [did for did in told.done if did.step not in told.undone]
    mixed = bundle is not None and any(did.code is not bundle for did in left if did.code)
    return json.dumps([did.recorded(bundle, mixed=mixed).model_dump(mode="json") for did in left]).encode()


@dataclass(frozen=True)
class Did:
    """One step that has left something behind.

    Args:
        step: Its id.
        effect: Its effect.
        code: The bundle that knows how to undo it; None for a child run.
    """

    step: str
    effect: Effect
    code: LoadedBundle | None = None

    def recorded(self, own: LoadedBundle | None, *, mixed: bool) -> RecordedEffect:
        """The effect as the run that undoes it needs it.

        Args:
            own: The worker's own bundle.
            mixed: Whether it has effects of other code, too.
        """
        effect = self.effect
        if effect.activity is None or effect.output is None:
            return RecordedEffect(step=self.step, child=effect.child)
        if mixed and self.code is not None:
            undo = recorded_undo(effect, self.code, elsewhere=self.code is not own)
            return RecordedEffect(step=self.step, activity=effect.activity.name, key=effect.key, undo=undo)
        return RecordedEffect(
            step=self.step,
            activity=effect.activity.name,
            inputs=[packed(payload) for payload in effect.inputs],
            output=packed(effect.output),
            key=effect.key,
        )


def recorded_undo(effect: Effect, code: LoadedBundle, *, elsewhere: bool) -> RecordedUndo:
    """What undoes an effect by a code, where the worker that is to do it may have another."""
    undo = undo_of(effect.activity)
    assert undo is not None
    converter = temporalio.activity.payload_converter()
    options, retry = undo.options, undo.options.retry or RetryPolicy()
    wait = RATE_LIMIT_WAIT.total_seconds() if options.rate_limit else 0
    return RecordedUndo(
        activity=with_code(undo.name, code.code) if elsewhere else undo.name,
        arguments=[packed(payload) for payload in converter.to_payloads(arguments(undo, effect, converter))],
        timeout_seconds=(options.timeout or DEFAULT_ACTIVITY_TIMEOUT).total_seconds() + wait,
        heartbeat_seconds=options.heartbeat_timeout.total_seconds() if options.heartbeat_timeout else None,
        max_attempts=retry.max_attempts,
        initial_seconds=retry.initial_interval.total_seconds(),
        backoff_coefficient=retry.backoff_coefficient,
        max_seconds=retry.max_interval.total_seconds() if retry.max_interval else None,
        non_retryable=[error.__name__ for error in retry.non_retryable],
        summary=" \u00b7 ".join(filter(None, (options.summary, f"with the code jw_{code.code[:8]}"))),
    )


@dataclass
class Told:
    """What the history of a run tells of effects: those of its steps, and the steps that it undid."""

    done: list[Did] = field(default_factory=list[Did])
    undone: set[str] = field(default_factory=set[str])


async def told_by(client: Client, own: LoadedBundle | None, workflow_id: str, run_id: str) -> Told:
    """What a run, and what it continued as, did and undid.

    Raises:
        ApplicationError: It has not ended, or nobody here knows how to undo one of its steps.
    """
    from .history import Reduction

    told = Told()
    while True:
        reduction, codes = Reduction(workflow_id, run_id), Codes(own)
        handle = client.get_workflow_handle(workflow_id, run_id=run_id or None)
        async for event in handle.fetch_history_events():
            reduction.apply(event)
            codes.note(event, tasks=reduction.tasks, resumed=reduction.resumed_event)
        if reduction.closing is None:
            raise ApplicationError(f"run {workflow_id} has not ended: what it did is read when it has")
        await codes.load()
        told.undone |= {
            draft.undoes or "" for draft in reduction.drafts if draft.undoes and draft.status == "completed"
        }
        for draft in reduction.ended:
            if draft.undoes or draft.status != "completed":
                continue
            if draft.kind == "child" and draft.child_run and any(map(any_undo, codes.known)):
                ids = (draft.child_run, draft.child_run_id)
                told.done.append(Did(draft.id, Effect(draft.id, None, child=ids)))
            elif draft.kind == "activity" and draft.results and codes.may_undo(draft.name):
                inputs = await bare(client.data_converter, draft.arguments)
                (output,) = await bare(client.data_converter, draft.results[:1])
                code = None if is_of_another_run(output) else codes.of(output, draft.name, draft.finished_event)
                if code is not None:
                    activity, key = code.activities[draft.name], key_in(output, workflow_id, draft.id)
                    told.done.append(Did(draft.id, Effect(draft.id, activity, inputs, output, key), code))
        if reduction.closing.status != "continued_as_new":
            return told
        run_id = reduction.closing.next_run_id


class Codes:
    """The bundles that a run has run with.

    Args:
        own: That of the worker which reads; the run began with it.
    """

    def __init__(self, own: LoadedBundle | None) -> None:
        self.own = own
        self.known: list[LoadedBundle] = [own] if own else []
        self.missing: set[str] = set()
        # The event before which steps of an open run are those of newer code, and that code.
        self.renewed: tuple[int, str] = (0, "")
        self.named: set[str] = set()

    def note(self, event: HistoryEvent, *, tasks: Sequence[int], resumed: int) -> None:
        """Takes down that the run goes on with newer code."""
        if event.event_type != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED:
            return
        options = event.workflow_execution_options_updated_event_attributes
        if not (code := options.versioning_override.pinned.version.build_id):
            return
        self.named.add(code)
        # A reset brings its code along before anything runs; what was kept stays of the code that it ran with.
        if tasks and tasks[-1] > resumed:
            self.renewed = (event.event_id, code)

    async def load(self) -> None:
        """Has the bundles at hand, as far as they are on this machine."""
        for code in sorted(self.named - {bundle.code for bundle in self.known}):
            found = await asyncio.to_thread(self.own.beside, code) if self.own else None
            if found is None:
                self.missing.add(code)
            else:
                self.known.append(found)

    def may_undo(self, activity: str) -> bool:
        """Whether a step of an activity may have something to undo; else its result need not be read."""
        return bool(self.missing) or any(undo_of(bundle.activities.get(activity)) for bundle in self.known)

    def of(self, output: Payload, activity: str, finished: int) -> LoadedBundle | None:
        """The bundle that undoes a step; None where nothing does.

        Raises:
            ApplicationError: Something does, and it is not on this machine.
        """
        before, newer = self.renewed
        told = output.metadata[CODE_KEY].decode("ascii", "replace") if CODE_KEY in output.metadata else ""
        code = newer if finished < before else told
        bundle = next((bundle for bundle in self.known if bundle.code == code), self.own)
        if bundle is not None and undo_of(bundle.activities.get(activity)):
            return bundle
        undo = output.metadata[UNDO_KEY].decode("utf-8", "replace") if UNDO_KEY in output.metadata else ""
        if undo and (bundle is None or bundle.code != code):
            raise ApplicationError(
                f"nothing is undone: {undo}, which undoes {activity}, is in the code jw_{code}, and that is not on the "
                "machine of the worker",
                non_retryable=True,
            )
        return None
