"""From a failure in history to `schema.Failure`, and from there to the exception a user sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import TimeoutType
from temporalio.api.failure.v1 import Failure as FailureProto

from ..errors import WorkflowCancelled, WorkflowFailed, WorkflowTerminated, WorkflowTimedOut
from ..schema import CellLocation, Failure
from .untrusted import one_line, printable
from .values import Decode

MAX_MESSAGE = 1_000

TIMEOUTS = {
    TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE: "the attempt took longer than its timeout",
    TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE: "the step took longer than its timeout, retries included",
    TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_START: "no worker took the step in time",
    TimeoutType.TIMEOUT_TYPE_HEARTBEAT: "the attempt gave no sign of life: its worker died or is stuck",
}


def payloads_of(proto: FailureProto) -> Iterator[Payload]:
    """Every payload in a failure and its causes: what has to be decoded before `read_failure`."""
    current: FailureProto | None = proto
    while current is not None:
        if current.HasField("encoded_attributes"):
            yield current.encoded_attributes
        if current.HasField("application_failure_info"):
            yield from current.application_failure_info.details.payloads
        current = current.cause if current.HasField("cause") else None


def read_failure(proto: FailureProto, decode: Decode) -> Failure:
    """The failure with its causes; Temporal's wrapper around a failed step becomes the step's own failure."""
    cause = read_failure(proto.cause, decode) if proto.HasField("cause") else None
    message, stack = proto.message, proto.stack_trace
    if proto.HasField("encoded_attributes"):
        attributes = decode(proto.encoded_attributes)
        if isinstance(attributes, dict):
            encoded = cast("dict[str, Any]", attributes)
            message, stack = str(encoded.get("message", message)), str(encoded.get("stack_trace", stack))
    match proto.WhichOneof("failure_info"):
        case "activity_failure_info":
            return of_step(proto, message, cause)
        case "application_failure_info":
            return of_exception(proto, message, stack, cause, decode)
        case "child_workflow_execution_failure_info":
            info = proto.child_workflow_execution_failure_info
            run = f"{info.workflow_type.name} run {info.workflow_execution.workflow_id}"
            return Failure(type="ChildRunFailed", message=f"the child {run} did not complete", cause=cause)
        case "timeout_failure_info":
            kind = proto.timeout_failure_info.timeout_type
            return Failure(type="TimeoutError", message=TIMEOUTS.get(kind, message or "time was over"), cause=cause)
        case "canceled_failure_info":
            return Failure(type="Cancelled", message=message or "cancelled", cause=cause)
        case "terminated_failure_info":
            return Failure(type="Terminated", message=message or "terminated", cause=cause)
        case _:
            return Failure(type=proto.source or "Failure", message=message, cause=cause)


def of_step(proto: FailureProto, message: str, cause: Failure | None) -> Failure:
    """The failure inside Temporal's "Activity task failed", with the id of the step."""
    step = proto.activity_failure_info.activity_id
    if cause is None:
        return Failure(type="StepFailed", message=message, step=step)
    return cause.model_copy(update={"step": step})


def of_exception(proto: FailureProto, message: str, stack: str, cause: Failure | None, decode: Decode) -> Failure:
    """A Python exception: cell, line and the user's frames stand in the first detail."""
    info = proto.application_failure_info
    detail: dict[str, Any] = {}
    if info.details.payloads:
        value = decode(info.details.payloads[0])
        detail = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    traceback = detail.get("traceback")
    return Failure(
        type=info.type or "Exception",
        message=message,
        location=read_location(detail.get("location")),
        traceback=traceback if isinstance(traceback, str) else stack or None,
        cause=cause,
    )


def read_location(value: object) -> CellLocation | None:
    """The place in the notebook, where the detail holds one."""
    try:
        return CellLocation.model_validate(value) if value else None
    except ValidationError:
        return None


def failed_step(failure: Failure) -> Failure | None:
    """The innermost failure in the chain that names a step."""
    inner = failed_step(failure.cause) if failure.cause else None
    return inner or (failure if failure.step else None)


def place(location: CellLocation | None) -> str:
    """` (cell [4] line 7: "raise ValueError(...)")`, or nothing."""
    if location is None:
        return ""
    quoted = f': "{one_line(location.source_line, 120)}"' if location.source_line else ""
    return f" ({one_line(location, 80)}{quoted})"


def error_text(failure: Failure) -> str:
    """`ValueError: bad contract 'C-7' (cell [4] line 7: "raise ...")`."""
    message = printable(failure.message, MAX_MESSAGE).strip()
    return (
        f"{one_line(failure.type, 80)}: {message}{place(failure.location)}" if message else one_line(failure.type, 80)
    )


def failure_message(run_id: str, failure: Failure) -> str:
    """The sentence of a `WorkflowFailed`: the step, its attempts, the exception, cell and line."""
    step = failed_step(failure)
    run = f"run {one_line(run_id, 120)}"
    if step is None:
        why = f", caused by {error_text(failure.root)}" if failure.cause else ""
        return f"{run} failed: {error_text(failure)}{why}"
    attempts = f" after {step.attempts} attempts" if step.attempts and step.attempts > 1 else ""
    because = f"step {one_line(step.step, 120)} failed{attempts}: {error_text(step)}"
    if step is failure or says_the_same(failure, step):
        return because
    return f"{run} failed: {error_text(failure)}; before that, {because}"


def says_the_same(outer: Failure, step: Failure) -> bool:
    """Whether the run's failure only passes the step's on."""
    return outer.type == "StepFailed" or (outer.message, outer.type) == (step.message, step.type)


def exception_of(status: str, run_id: str, failure: Failure | None, reason: str = "") -> WorkflowFailed:
    """The exception for a run that ended without a result.

    Args:
        status: A word of `schema.RunStatus`.
        run_id: The workflow id.
        failure: What history holds on it.
        reason: Why it was cancelled or terminated, as given then.
    """
    given = f": {printable(reason, MAX_MESSAGE)}" if reason else ""
    if status == "cancelled":
        return WorkflowCancelled(f"run {run_id} was cancelled{given}", run_id=run_id, failure=failure)
    if status == "terminated":
        return WorkflowTerminated(f"run {run_id} was terminated{given}", run_id=run_id, failure=failure)
    if status == "timed_out":
        return WorkflowTimedOut(f"the time of run {run_id} was over{given}", run_id=run_id, failure=failure)
    message = failure_message(run_id, failure) if failure else f"run {run_id} failed"
    return WorkflowFailed(message, run_id=run_id, failure=naming_the_step(failure) if failure else None)


def naming_the_step(failure: Failure) -> Failure:
    """The failure for `WorkflowFailed`: of the step where the run only passed it on, else with the step's id."""
    step = failed_step(failure)
    if step is None or step is failure:
        return failure
    return step if says_the_same(failure, step) else failure.model_copy(update={"step": step.step})
