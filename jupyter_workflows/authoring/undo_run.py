"""The run that undoes another one, which has ended: a child run of a workflow that fails, or what a person names."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import temporalio.common
import temporalio.exceptions
import temporalio.workflow

from ..schema import RecordedEffect, RecordedUndo, Rollback, RollBackOrder
from . import bundles
from .definitions import Activity, ActivityOptions
from .effects import Effect
from .execution import WorkflowExecution
from .payload_text import unpacked
from .policies import RetryPolicy
from .rollback import UNDO_RUN, undone_all

READ_EFFECTS = "jupyter_workflows.read_effects"
READ_WITHIN = timedelta(minutes=5)
# Another run may be undoing the same: this one takes what that leaves.
READ_AGAIN = temporalio.common.RetryPolicy(maximum_attempts=0, maximum_interval=timedelta(seconds=30))


@temporalio.workflow.defn(name=UNDO_RUN, failure_exception_types=[Exception])
class UndoRun(WorkflowExecution):
    """Undoes what is left of a run's effects; every worker of a bundle serves it."""

    @temporalio.workflow.run
    async def run(self, order: RollBackOrder) -> list[str]:
        """Gives the steps that a person left as they are."""
        self.state.main = asyncio.current_task()
        text = await temporalio.workflow.execute_activity(
            READ_EFFECTS,
            order,
            result_type=bytes,
            activity_id="read_effects-1",
            start_to_close_timeout=READ_WITHIN,
            retry_policy=READ_AGAIN,
        )
        effects = [effect_of(RecordedEffect.model_validate(item)) for item in json.loads(text)]
        asked = order.request or order
        record = Rollback(
            cause=order.cause,
            by=asked.by,
            reason=asked.reason,
            started_at=temporalio.workflow.now(),
            of_run=order.workflow_id,
        )
        return await undone_all(effects, record)


def effect_of(recorded: RecordedEffect) -> Effect:
    """An effect of another run, as this one undoes it.

    Raises:
        ApplicationError: The bundle does not have the activity.
    """
    if recorded.undo is not None:
        undo = undo_as_recorded(recorded.undo)
        marked = Activity(nothing, options=ActivityOptions(compensate=undo))
        given = [unpacked(text) for text in recorded.undo.arguments]
        return Effect(recorded.step, marked, key=recorded.key, arguments=given)
    bundle = bundles.bundle_of(temporalio.workflow.info().task_queue)
    activity = bundle.activities.get(recorded.activity) if bundle and recorded.activity else None
    if recorded.activity and activity is None:
        raise temporalio.exceptions.ApplicationError(
            f"the bundle of this run has no activity {recorded.activity!r}, so nobody knows what undoes it",
            non_retryable=True,
        )
    output = None if recorded.output is None else unpacked(recorded.output)
    inputs = [unpacked(text) for text in recorded.inputs]
    return Effect(recorded.step, activity, inputs, output, recorded.key, recorded.child)


def undo_as_recorded(undo: RecordedUndo) -> Activity[Any, Any]:
    """What undoes an effect by another code, as far as it has to be known where it is asked for."""
    retry = RetryPolicy(
        max_attempts=undo.max_attempts,
        initial_interval=timedelta(seconds=undo.initial_seconds),
        backoff_coefficient=undo.backoff_coefficient,
        max_interval=timedelta(seconds=undo.max_seconds) if undo.max_seconds else None,
        # Only their names travel.
        non_retryable=[type(name, (Exception,), {}) for name in undo.non_retryable],
    )
    heartbeat = timedelta(seconds=undo.heartbeat_seconds) if undo.heartbeat_seconds else None
    timeout = timedelta(seconds=undo.timeout_seconds)
    options = ActivityOptions(retry=retry, timeout=timeout, heartbeat_timeout=heartbeat, summary=undo.summary)
    return Activity(nothing, name=undo.activity, options=options)


def nothing() -> None:
    """Stands for a function whose code is elsewhere."""
