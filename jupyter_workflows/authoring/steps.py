"""What awaiting an activity, a workflow or a timer does inside a workflow."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn, cast

import temporalio.common
import temporalio.exceptions
import temporalio.workflow
from temporalio.workflow import ActivityCancellationType as Cancellation

from .. import errors
from ..errors import AuthoringError, StepFailed
from ..schema import CellLocation
from . import bundles
from .compensation import travelling
from .effects import Effect, any_undo, ended, has_effect, kept_child, key_in
from .irreversible import allowed
from .kept_steps import Retelling, is_retold, kept_steps_in
from .ledger import is_of_another_run
from .messages import in_workflow_only
from .open_approvals import MEMO_PREFIX
from .policies import DEFAULT_ACTIVITY_TIMEOUT, DEFAULT_HEARTBEAT_TIMEOUT, RetryPolicy, as_timeout
from .settling import settled
from .spending import SPENT_MEMO, take_down, within_budget
from .starter import FORK_MEMO, arguments_digest, starter_memo
from .state import RunState, child_search_attributes, run_state
from .trials import ActivityTrial

if TYPE_CHECKING:
    from .definitions import Activity, Workflow

RATE_LIMIT_WAIT = timedelta(days=1)


def temporal_retry(policy: RetryPolicy) -> temporalio.common.RetryPolicy:
    """The policy as Temporal takes it."""
    return temporalio.common.RetryPolicy(
        initial_interval=policy.initial_interval,
        backoff_coefficient=policy.backoff_coefficient,
        maximum_interval=policy.max_interval,
        maximum_attempts=policy.max_attempts,
        non_retryable_error_types=[error.__name__ for error in policy.non_retryable],
    )


def event_groups(state: RunState, definition: Activity[Any, Any] | Workflow[Any, Any]) -> Sequence[Any]:
    """The event group of the cell that defines a function: it puts the cell on every event of the step."""
    location = definition.location or location_in_bundle(definition.name)
    if location is None:
        return ()
    group = state.event_groups.get(location.cell_id)
    if group is None:
        label = f"Cell [{location.cell_number}]" if location.cell_number is not None else "Cell"
        group = temporalio.workflow.create_event_group(location.cell_id, label=label)
        state.event_groups[location.cell_id] = group
    return (group,)


def location_in_bundle(workflow: str) -> CellLocation | None:
    """Where a workflow is defined; the sandbox's own copy of it doesn't know."""
    bundle = bundles.bundle_of_run()
    found = bundle.workflows.get(workflow) if bundle else None
    return found.location if found else None


async def run_activity(activity: Activity[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Runs an activity as a durable step and gives its result, checked where that is asked for.

    Raises:
        StepFailed: It failed for good; also an instance of the original exception's type where known.
        CheckFailed: Its result is doubtful, and nothing settled that.
        TypeError: The arguments do not fit.
    """
    positional = activity.positional(args, kwargs)
    if activity.options.check is None:
        return await executed(activity, positional, run_state().next_id(activity.name))
    return await settled(ActivityTrial(activity, positional), activity.options.check)


async def executed(activity: Activity[Any, Any], positional: Sequence[Any], step: str) -> Any:
    """Runs an activity as the step of a given id; what its model calls took is added to the run's usage.

    Raises:
        StepFailed: It failed for good; also an instance of the original exception's type where known.
        BudgetSpent: The run's budget is spent, and nobody allowed more.
    """
    state = run_state()
    if state.effects.rolling:
        # A branch that was left to itself goes no further.
        raise asyncio.CancelledError
    if state.workflow is not None and state.workflow.budget is not None:
        await within_budget(state, state.workflow.budget)
    if has_effect(activity):
        raw = await with_effect(state, activity, positional, step)
    else:
        raw = await performed(activity, positional, step)
    take_down(state, raw.payload)
    return temporalio.workflow.payload_converter().from_payload(raw.payload, activity.result_type)


async def with_effect(
    state: RunState, activity: Activity[Any, Any], positional: Sequence[Any], step: str
) -> temporalio.common.RawValue:
    """Runs an activity whose effect may have to be undone, and takes down that it had one.

    Raises:
        StepFailed: It failed for good.
        StepRefused: It can't be undone, and a person did not let it run.
    """
    if activity.options.irreversible:
        await allowed(activity, positional, step)
    inputs = travelling(positional)

    async def run() -> temporalio.common.RawValue:
        try:
            raw = await performed(activity, positional, step, cancellation=Cancellation.WAIT_CANCELLATION_COMPLETED)
            if not is_of_another_run(raw.payload):
                key = key_in(raw.payload, temporalio.workflow.info().workflow_id, step)
                state.effects.done.append(Effect(step, activity, inputs, raw.payload, key))
            return raw
        finally:
            del state.effects.open[step]

    task = state.effects.open[step] = asyncio.create_task(run())
    return await ended(task)


async def performed(
    activity: Activity[Any, Any],
    positional: Sequence[Any],
    step: str,
    *,
    cancellation: Cancellation = Cancellation.TRY_CANCEL,
) -> temporalio.common.RawValue:
    """Has a worker run an activity as the step of a given id, and gives the result as it travelled.

    Raises:
        StepFailed: It failed for good; also an instance of the original exception's type where known.
    """
    state = run_state()
    if state.retelling is not None:
        if state.retelling.has(step, activity.name):
            return await state.retelling.result(step)
        await state.retelling.over.wait()
    state.asked.add(step)
    options = activity.options
    limit = options.timeout or DEFAULT_ACTIVITY_TIMEOUT
    try:
        raw = await temporalio.workflow.execute_activity(
            activity.name,
            args=positional,
            result_type=temporalio.common.RawValue,
            activity_id=step,
            start_to_close_timeout=limit + RATE_LIMIT_WAIT if options.rate_limit else limit,
            heartbeat_timeout=options.heartbeat_timeout or DEFAULT_HEARTBEAT_TIMEOUT,
            retry_policy=temporal_retry(options.retry or state.retry or RetryPolicy()),
            cancellation_type=cancellation,
            summary=options.summary,
            event_groups=event_groups(state, activity),
        )
    except temporalio.exceptions.ActivityError as error:
        raise_step_failed(error, step)
    finally:
        state.asked.discard(step)
    return await retold(state, raw, step)


async def retold(state: RunState, raw: temporalio.common.RawValue, step: str) -> temporalio.common.RawValue:
    """The result of a step, held back where a record of kept steps is told first."""
    if is_retold(raw.payload):
        state.retelling = state.retelling or Retelling(state.asked)
        if (kept := kept_steps_in(raw.payload)) is not None:
            state.retelling.begin(kept)
        return await state.retelling.result(step)
    if state.retelling is not None:
        await state.retelling.over.wait()
    return raw


async def run_child(workflow: Workflow[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Runs a workflow as a child run and gives its result.

    Raises:
        StepFailed: It failed; also an instance of the original exception's type where known.
        TypeError: The arguments do not fit.
    """
    positional = workflow.positional(args, kwargs)
    state = run_state()
    step = state.next_id(workflow.name)
    kept = await kept_of_fork(workflow, positional, step)
    if kept is not None:
        return temporalio.workflow.payload_converter().from_payload(kept.payload, workflow.result_type)
    return await child_run(
        state,
        step,
        workflow.name,
        args=positional,
        result_type=workflow.result_type,
        execution_timeout=workflow.timeout,
        event_groups=event_groups(state, workflow),
    )


async def kept_of_fork(
    workflow: Workflow[Any, Any], positional: Sequence[Any], step: str
) -> temporalio.common.RawValue | None:
    """What a child run gave in the run that this one is a fork of, if it is asked the same; None where it has to run.

    Its effects are those of the other run, so nothing is taken down.
    """
    mark = temporalio.workflow.memo_value(FORK_MEMO, None)
    told = cast("dict[str, Any]", mark).get("children") if isinstance(mark, dict) else None
    then = cast("dict[str, Any]", told).get(step) if isinstance(told, dict) else None
    # What goes on as new counts its steps anew.
    if then is None or temporalio.workflow.info().continued_run_id:
        return None
    if arguments_digest(temporalio.workflow.payload_converter().to_payloads(positional)) != then:
        return None
    try:
        return await temporalio.workflow.execute_activity(
            kept_child(workflow.name),
            args=positional,
            result_type=temporalio.common.RawValue,
            activity_id=step,
            start_to_close_timeout=DEFAULT_ACTIVITY_TIMEOUT,
            retry_policy=temporalio.common.RetryPolicy(non_retryable_error_types=["NotFoundError"]),
        )
    except temporalio.exceptions.ActivityError as error:
        if temporalio.exceptions.is_cancelled_exception(error):
            raise
        # The worker does not vouch for what the memo says.
        return None


async def child_run(state: RunState, step: str, workflow: str, **options: Any) -> Any:
    """Runs a child run as the step of a given id, and takes down that it may have had effects.

    Raises:
        StepFailed: It failed; also an instance of the original exception's type where known.
    """
    if state.effects.rolling:
        raise asyncio.CancelledError
    info = temporalio.workflow.info()

    async def run() -> Any:
        try:
            child = await temporalio.workflow.start_child_workflow(
                workflow,
                id=f"{info.workflow_id}/{step}",
                search_attributes=child_search_attributes(),
                memo=starter_memo(),
                **options,
            )
            result = await child
        except temporalio.exceptions.ChildWorkflowError as error:
            raise_step_failed(error, step)
        finally:
            state.effects.open.pop(step, None)
        if may_be_undone:
            ids = (child.id, child.first_execution_run_id or "")
            state.effects.done.append(Effect(step, None, child=ids))
        return result

    may_be_undone = any_undo(bundles.bundle_of(info.task_queue))
    if not may_be_undone:
        return await run()
    task = state.effects.open[step] = asyncio.create_task(run())
    return await ended(task)


def raise_step_failed(error: temporalio.exceptions.FailureError, step: str) -> NoReturn:
    """Raises what a plain call would have raised, as a `StepFailed` too; a cancellation stays one."""
    cause = error.cause
    if isinstance(cause, temporalio.exceptions.CancelledError):
        raise error
    root = cause
    while isinstance(root, (temporalio.exceptions.ActivityError, temporalio.exceptions.ChildWorkflowError)):
        root = root.cause
    name = root.type if isinstance(root, temporalio.exceptions.ApplicationError) else type(root).__name__
    message = root.message if isinstance(root, temporalio.exceptions.FailureError) else str(root)
    failed = failed_like(name or "Exception", message, step)
    if isinstance(failed, errors.ModelCallFailed):
        failed.kind = kind_in(root)
    raise failed from error


def kind_in(root: BaseException | None) -> str:
    """What a failed model call says of itself beside its message; see `plugin.activities.located`."""
    details = root.details if isinstance(root, temporalio.exceptions.ApplicationError) else ()
    first = details[0] if details else None
    return str(cast("dict[str, Any]", first).get("kind", "")) if isinstance(first, dict) else ""


def failed_like(name: str, message: str, step: str) -> StepFailed:
    """A `StepFailed`, mixed with the exception class of this name where the bundle or Python has one that can be."""
    original = getattr(builtins, name, None) or getattr(errors, name, None)
    bundle = bundles.bundle_of_run()
    if original is None and bundle:
        original = bundle.exceptions.get(name)
    if isinstance(original, type) and issubclass(original, Exception):
        first = StepFailed if original.__module__ == errors.__name__ else StepFailedLike
        with contextlib.suppress(TypeError):
            mixed = type(StepFailed.__name__, (first, original), {"__module__": StepFailed.__module__})
            return cast("type[StepFailed]", mixed)(message, step=step, error_type=name)
    return StepFailed(message, step=step, error_type=name)


class StepFailedLike(StepFailed):
    """A `StepFailed` that is also of a class whose own constructor may take, or make of a message, something else."""

    def __init__(self, message: str, *, step: str, error_type: str) -> None:
        Exception.__init__(self, message)
        self.step = step
        self.error_type = error_type

    def __str__(self) -> str:
        return str(self.args[0])


async def sleep(duration: timedelta, *, summary: str | None = None) -> None:
    """Waits in a workflow, for seconds or for months; the wait survives every restart.

    Outside a workflow it is a plain `asyncio.sleep`.

    Args:
        duration: How long.
        summary: A short text for the timeline.

    Raises:
        AuthoringError: The duration is no timedelta.
    """
    if not isinstance(duration, timedelta):
        raise AuthoringError(
            f"sleep({duration!r}) takes a timedelta: write sleep({as_timeout(duration)})", code="JW401"
        )
    if temporalio.workflow.in_workflow():
        await temporalio.workflow.sleep(duration, summary=summary)
    else:
        await asyncio.sleep(duration.total_seconds())


def continue_as_new(*args: Any, **kwargs: Any) -> NoReturn:
    """Ends this run and goes on as a fresh one with the given arguments: for workflows without an end.

    Raises:
        AuthoringError: It was called outside a workflow.
        TypeError: The arguments do not fit the workflow's signature.
    """
    in_workflow_only("continue_as_new")
    workflow = run_state().workflow
    positional = workflow.positional(args, kwargs) if workflow else list(args)
    temporalio.workflow.continue_as_new(args=positional, **begun_anew())


def begun_anew() -> dict[str, Any]:
    """What the next run begins with: without open approvals, for people are asked anew, and with nothing spent."""
    records = [approval.record for approval in run_state().approvals.values()]
    left = {MEMO_PREFIX + record.id for record in records if record.status == "open"}
    if SPENT_MEMO in temporalio.workflow.memo():
        left.add(SPENT_MEMO)
    if not left:
        return {}
    memo = {key: value for key, value in temporalio.workflow.memo().items() if key not in left}
    return {"memo": memo, "search_attributes": child_search_attributes()}


def history_is_long() -> bool:
    """Whether this run's history has grown so long that it should `continue_as_new`.

    Raises:
        AuthoringError: It was called outside a workflow.
    """
    in_workflow_only("history_is_long")
    return temporalio.workflow.info().is_continue_as_new_suggested()
